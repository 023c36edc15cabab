/* number.h - doubles as text, whatever locale the process is in. Internal. */
#ifndef RV_IPC_BASE_NUMBER_H
#define RV_IPC_BASE_NUMBER_H

#include <stddef.h>

/* The double nearest to NUL-terminated decimal text; infinite when it is out of range. */
double number_parse(const char *text);
/* The fewest digits that read back as the same double. Finite values only. */
void number_format(double v, char ret[32]);

#endif
