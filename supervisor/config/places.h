/* places.h - where the programs and plugins are that belong to the running program: beside it in a build, or where they
 * are installed. */
#ifndef CONFIG_PLACES_H
#define CONFIG_PLACES_H

#include "config.h"

struct config_places {
    char *exe_dir, *build_plugins, *install_plugins;
};
/* `installed`: the folder of installed plugins. */
struct config_places config_find_places(const char *installed);
void config_free_places(struct config_places *p);
/* hostBinary of the configuration, or the host beside this program. The caller frees it. */
char *config_find_host(const struct config_places *p, const struct config *c);

#endif
