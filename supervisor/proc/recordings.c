/* recordings.c - see recordings.h. The names are NAME.TIME.INSTANCE.rec. The name of a plugin contains no dot, and the
 * file names sort by age. */
#include "recordings.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char suffix[] = ".rec";

static bool is_one(const char *file, const char *plugin) {
    size_t n = strlen(plugin);
    return strncmp(file, plugin, n) == 0 && file[n] == '.' && rv_str_ends(rv_str(file), suffix);
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* Removes the oldest files, so that one more file fits into the limit. */
static void drop_oldest(DIR *dir, const char *plugin) {
    char **names = NULL;
    size_t n = 0;
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        if (!is_one(e->d_name, plugin)) continue;
        names = rv_realloc_array(names, n + 1, sizeof *names);
        names[n++] = rv_strdup(rv_str(e->d_name));
    }
    if (n > 0) qsort(names, n, sizeof *names, by_name);
    for (size_t i = 0; i < n; i++) {
        if (n - i >= RECORDINGS_KEPT) (void)unlinkat(dirfd(dir), names[i], 0);
        free(names[i]);
    }
    free(names);
}

char *recordings_next(const char *dir, const char *plugin, uint64_t instance, struct rv_error *err) {
    struct timespec now;
    struct tm utc;
    char stamp[32];
    if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
        rv_error_set(err, -errno, "cannot make the folder %s: %s", dir, strerror(errno));
        return NULL;
    }
    DIR *d = opendir(dir);
    if (d == NULL || faccessat(dirfd(d), ".", W_OK | X_OK, 0) != 0) {
        rv_error_set(err, -errno, "cannot write in the folder %s: %s", dir, strerror(errno));
        if (d != NULL) closedir(d);
        return NULL;
    }
    drop_oldest(d, plugin);
    closedir(d);
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%S", &utc);
    rv_autobuf struct rv_buf b = {0};
    rv_buf_addf(&b, "%s/%s.%s.%03ld.%" PRIu64 "%s", dir, plugin, stamp, now.tv_nsec / 1000000, instance, suffix);
    return rv_strdup(rv_buf_str(&b));
}
