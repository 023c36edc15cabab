/* kept_text.h - texts that a test makes and that are kept in the repository, to be compared. With
 * RAYVISOR_WRITE_STORIES=1 they are written anew, for a change that is meant; what changed is then read in the diff. */
#ifndef TESTS_SUPPORT_KEPT_TEXT_H
#define TESTS_SUPPORT_KEPT_TEXT_H

#include "rayvisor/base.h"

/* Appends the file's bytes; a test fails if there is no such file. */
void kept_text_read(const char *path, struct rv_buf *ret);
/* Fails if the two differ, and prints the first line that does, with the last line before it that begins with '>'. */
void kept_text_check(const char *path, struct rv_buf *want, struct rv_buf *got);

#endif
