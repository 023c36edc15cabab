/* notify.h - tells the service manager that started us how we are (sd_notify(3)); nothing where none wants to know. Its
 * watchdog is the liveness probe of a machine without Kubernetes. */
#ifndef SUPERVISOR_NOTIFY_H
#define SUPERVISOR_NOTIFY_H

/* "READY=1", "WATCHDOG=1", "STOPPING=1" to $NOTIFY_SOCKET. */
void notify_manager(const char *state);

#endif
