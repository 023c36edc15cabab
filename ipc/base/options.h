/* options.h - what is said of an option that a program does not have, instead of getopt's own words. */
#ifndef RV_IPC_BASE_OPTIONS_H
#define RV_IPC_BASE_OPTIONS_H

#include <getopt.h>

#include "rayvisor/base.h"

/* Says on standard error what is wrong with the argument at which getopt_long() answered '?' or ':', and which option
 * may have been meant. argv and longs: as getopt_long() got them; with opterr = 0 it says nothing itself. */
void options_refuse(const char *program, char *const *argv, const struct option *longs);

#endif
