/* documents.h - the answers of the control socket about the supervisor and its plugins, as members of a JSON object. */
#ifndef CONTROL_DOCUMENTS_H
#define CONTROL_DOCUMENTS_H

#include "ipc/base/json_writer.h"
#include "supervisor/supervisor.h"

/* These add members to the object that is open. */
void document_status(const struct supervisor *s, struct jsonw *w);  /* everything but the plugins */
void document_plugins(const struct supervisor *s, struct jsonw *w); /* "plugins": [...] */

#endif
