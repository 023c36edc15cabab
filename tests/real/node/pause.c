/* pause.c - keeps a pod's namespaces: waits, and reaps what is left to it. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void end(int s) {
    (void)s;
    _exit(0);
}

static void reap(int s) {
    (void)s;
    while (waitpid(-1, NULL, WNOHANG) > 0) {
    }
}

int main(void) {
    (void)signal(SIGTERM, end);
    (void)signal(SIGINT, end);
    (void)signal(SIGCHLD, reap);
    for (;;) pause();
}
