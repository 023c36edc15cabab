/* fake_parts.c - what `rayvisorctl sandbox` starts, without doing anything: as the cluster it says that it is ready, as
 * the operator it answers at its control socket. A configuration with the word "invalid" is refused, one with "dies"
 * ends it. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const char *value_of(char **argv, const char *option) {
    for (; *argv != NULL; argv++)
        if (strcmp(*argv, option) == 0) return argv[1] != NULL ? argv[1] : "";
    return NULL;
}

static const char *read_word(const char *path) {
    static char word[32];
    FILE *f = fopen(path, "re");
    if (f == NULL || fscanf(f, "%31s", word) != 1) word[0] = 0; /* NOLINT(cert-err34-c) */
    if (f != NULL) fclose(f);
    return word;
}

static int answer_for_ever(const char *dir) {
    static const char answer[] = "{\"ready\":true}\n";
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    (void)mkdir(dir, 0700);
    snprintf(un.sun_path, sizeof un.sun_path, "%s/control.sock", dir);
    (void)unlink(un.sun_path);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&un, sizeof un) != 0 || listen(listener, 4) != 0) return 1;
    for (int fd; (fd = accept(listener, NULL, NULL)) >= 0; close(fd)) {
        char c = 0;
        while (read(fd, &c, 1) == 1 && c != '\n') continue;
        if (send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL) < 0) continue;
    }
    return 1;
}

int main(int argc, char **argv) {
    const char *config = value_of(argv, "--config"), *run = value_of(argv, "--runtime-dir");
    (void)argc;
    if (config == NULL) {
        puts("ready https://127.0.0.1:1");
        (void)fflush(stdout);
        for (;;) pause();
    }
    const char *word = read_word(config);
    if (value_of(argv, "--check-config") != NULL) return puts(word) < 0 || strcmp(word, "invalid") == 0;
    if (strcmp(word, "dies") == 0) return puts("it died of its configuration") < 0 ? 1 : 3;
    return run != NULL ? answer_for_ever(run) : 2;
}
