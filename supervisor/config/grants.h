/* grants.h - what a plugin may read and do: what its manifest asks for, as far as the operator consents.
 *
 * Rayvisor's own plugins have that consent: they are a fixed list of names, and only in the folders of the installation
 * or the build. Every other plugin needs an entry `grants` in the configuration, wherever it lies: `all`, or a list
 * that covers each kind that it reads (verb read) and says what it may do. A read that is granted in some namespaces
 * only is a watch of those namespaces only: no other object reaches the plugin. */
#ifndef CONFIG_GRANTS_H
#define CONFIG_GRANTS_H

#include "config.h"

/* Is this one of our own, by its name? */
bool grants_own_name(const struct config_env *env, struct rv_str plugin);
/* Fills in what the plugin is granted, from its entry; own: it needs none. Its settings are known by now. */
int grants_read(const struct schema_reader *r, const struct config *c, struct config_plugin *p, bool own);
/* What is likely not meant: a grant that the manifest does not ask for, and a need that no grant covers. */
void grants_warnings(const struct config *c, const struct config_plugin *p, config_warning_fn fn, void *arg);

#endif
