/* replay.c - runs a fuzz target over files and folders: the corpus as an ordinary test, without libFuzzer. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned replayed;

static int replay_file(const char *path) {
    FILE *f = fopen(path, "rb");
    if (f == NULL) return perror(path), 1;
    uint8_t *data = NULL;
    size_t n = 0, got;
    uint8_t chunk[65536];
    while ((got = fread(chunk, 1, sizeof chunk, f)) > 0) {
        data = realloc(data, n + got);
        if (data == NULL) abort();
        memcpy(data + n, chunk, got);
        n += got;
    }
    fclose(f);
    /* An exact-size copy, so that a sanitizer sees reads past the end. */
    uint8_t *exact = malloc(n != 0 ? n : 1);
    if (exact == NULL) abort();
    if (n != 0) memcpy(exact, data, n);
    free(data);
    LLVMFuzzerTestOneInput(exact, n);
    free(exact);
    replayed++;
    return 0;
}

static int replay_path(const char *path) {
    DIR *d = opendir(path);
    if (d == NULL) return replay_file(path);
    int bad = 0;
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        if (e->d_name[0] == '.') continue;
        size_t n = strlen(path) + strlen(e->d_name) + 2;
        char *full = malloc(n);
        if (full == NULL) abort();
        snprintf(full, n, "%s/%s", path, e->d_name);
        bad |= replay_path(full);
        free(full);
    }
    closedir(d);
    return bad;
}

int main(int argc, char **argv) {
    static const uint8_t nothing[1] = {0};
    int bad = 0;
    LLVMFuzzerTestOneInput(nothing, 0); /* every target must take the empty input, as a search begins with it */
    for (int i = 1; i < argc; i++) bad |= replay_path(argv[i]);
    printf("%u inputs replayed\n", replayed);
    return bad || replayed == 0;
}
