/* number.h - converts doubles to and from text. The locale of the process has no influence. Internal. */
#ifndef RV_IPC_BASE_NUMBER_H
#define RV_IPC_BASE_NUMBER_H

#include <stddef.h>

/* The double that is nearest to a decimal text, which ends with NUL. It is infinite when the text is out of range. */
double number_parse(const char *text);
/* Writes the fewest digits that read back as the same double. The value must be finite. */
void number_format(double v, char ret[32]);

#endif
