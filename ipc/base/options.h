/* options.h - error messages for options that a program does not have. They replace getopt's own messages. */
#ifndef RV_IPC_BASE_OPTIONS_H
#define RV_IPC_BASE_OPTIONS_H

#include <getopt.h>

#include "rayvisor/base.h"

/* Prints on standard error what is wrong with the argument for which getopt_long() returned '?' or ':', and which
 * option may have been meant. argv and longs are those that getopt_long() got. Set opterr = 0, so that getopt_long()
 * prints nothing itself. */
void options_refuse(const char *program, char *const *argv, const struct option *longs);

#endif
