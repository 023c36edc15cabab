/* completion.h - completion of the command line by a shell.
 *
 * The scripts ask the program itself: `rayvisorctl __complete WORDS...`, where the last word is being typed. So what is
 * offered comes from the tables that are also parsed (command.h), in every shell. The answer has one line for each
 * candidate, with a description behind a tab. The last line is ":4", or ":0" where names of files are to be offered.
 * kubectl understands the same answer from a program kubectl_complete-rayvisor. */
#ifndef CTL_COMPLETION_H
#define CTL_COMPLETION_H

#include "command.h"

/* The script for bash, zsh or fish; NULL for another shell. */
const char *completion_script(const char *shell);
/* Prints the answer for the words behind the program's name. Returns the exit status. */
int completion_answer(struct ctl_context *c, int n, char **words);

#endif
