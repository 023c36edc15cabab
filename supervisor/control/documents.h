/* documents.h - what the control socket answers about the supervisor and its plugins, as JSON members. */
#ifndef CONTROL_DOCUMENTS_H
#define CONTROL_DOCUMENTS_H

#include "ipc/base/json_writer.h"
#include "supervisor/supervisor.h"

/* Each adds members to the object that is open. */
void document_status(const struct supervisor *s, struct jsonw *w);  /* all but the plugins */
void document_plugins(const struct supervisor *s, struct jsonw *w); /* "plugins": [...] */

#endif
