/* What the service manager hears, on a socket with a name in a folder and on an abstract one. */
#include "supervisor/notify.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/unit/sdk/suite.h"

static bool heard(const char *name, const char *state) {
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    char text[64] = "";
    snprintf(un.sun_path, sizeof un.sun_path, "%s", name);
    if (name[0] == '@')
        un.sun_path[0] = 0;
    else
        (void)unlink(name);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
    rv_autoclose int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&un, size), 0);
    CU_ASSERT_EQUAL(setenv("NOTIFY_SOCKET", name, 1), 0);
    notify_manager(state);
    ssize_t n = recv(fd, text, sizeof text - 1, MSG_DONTWAIT);
    if (name[0] != '@') (void)unlink(name);
    return n >= 0 && strcmp(text, state) == 0;
}

static void told(void) {
    char path[64], abstract[64], longest[300];
    snprintf(path, sizeof path, "/tmp/rv-notify-%d", (int)getpid());
    snprintf(abstract, sizeof abstract, "@rv-notify-%d", (int)getpid());
    CU_ASSERT_TRUE(heard(path, "READY=1") && heard(abstract, "WATCHDOG=1"));
    notify_manager("STOPPING=1"); /* nobody listens any more */
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    CU_ASSERT_EQUAL(setenv("NOTIFY_SOCKET", longest, 1), 0);
    notify_manager("READY=1");
    CU_ASSERT_EQUAL(unsetenv("NOTIFY_SOCKET"), 0);
    notify_manager("READY=1");
}

static const struct suite_test tests[] = {{"told", told}};
SUITE_MAIN("notify", tests)
