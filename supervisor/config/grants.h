/* grants.h - what a plugin may read and do: what its manifest asks for and the operator has granted.
 *
 * Rayvisor's own plugins are granted all that their manifests ask for. They are a fixed list of names, and they are
 * accepted only in the folders of the installation or of the build. Every other plugin needs an entry `grants` in the
 * configuration, wherever its file is. The entry is `all`, or a list that covers each kind that the plugin reads (verb
 * read) and names what it may do. If a read is granted in some namespaces only, only those are watched, and no other
 * object reaches the plugin. */
#ifndef CONFIG_GRANTS_H
#define CONFIG_GRANTS_H

#include "config.h"

/* True if the name is that of one of our own plugins. */
bool grants_own_name(const struct config_env *env, struct rv_str plugin);
/* Fills in the plugin's grants from its entry. With `own` it needs no entry. Its settings must have been read
 * before. */
int grants_read(const struct schema_reader *r, const struct config *c, struct config_plugin *p, bool own);
/* Fails if the names of metrics that two enabled plugins claim overlap. */
int grants_check_metrics(const struct schema_reader *r, const struct config *c);
/* Reports what is probably a mistake: a grant that the manifest does not ask for, and a need that no grant covers. */
void grants_warnings(const struct config *c, const struct config_plugin *p, config_warning_fn fn, void *arg);

#endif
