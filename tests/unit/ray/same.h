/* same.h - is an object that we built what the API server would have stored of the reference's? Both are walked side by
 * side: everything of ours must be there and equal, and what only the stored object has must be one of the API server's
 * own defaults (a table in same.c), so that a forgotten field shows as well as a wrong one.
 */
#ifndef TESTS_RAYCLUSTER_SAME_H
#define TESTS_RAYCLUSTER_SAME_H

#include "rayvisor/tree.h"

/* Number of differences; each is printed with its path when `title` is not NULL. */
unsigned same_differences(const char *title, struct rv_val ours, struct rv_val stored);

#endif
