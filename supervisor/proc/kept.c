/* kept.c - see kept.h. */
#include "kept.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "ipc/base/file.h"
#include "probe.h"

enum { LIBRARY_BYTES = 64 << 20 };

static bool same(const struct library_id *a, const struct library_id *b) {
    return a->time.tv_sec == b->time.tv_sec && a->time.tv_nsec == b->time.tv_nsec && a->inode == b->inode &&
           a->size == b->size;
}

static int write_copy(const char *path, const struct rv_buf *bytes) {
    rv_autoclose int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0500);
    if (fd < 0) return -errno;
    for (size_t done = 0; done < bytes->n;) {
        ssize_t n = write(fd, bytes->p + done, bytes->n - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return errno != 0 ? -errno : -EIO;
        done += (size_t)n;
    }
    return 0;
}

/* Nothing can be loaded from a file system that is mounted noexec. */
static bool may_run_from(const char *dir) {
    struct statvfs v;
    return statvfs(dir, &v) == 0 && (v.f_flag & ST_NOEXEC) == 0;
}

static int copy_library(struct plugin *p, struct rv_error *err) {
    rv_autobuf struct rv_buf bytes = {0}, dir = {0}, path = {0};
    rv_buf_addf(&dir, RV_STR_FMT "/%s.kept", RV_STR_ARG(p->s->config->runtime_dir), plugin_name(p));
    rv_buf_addf(&path, "%s/%s.so", rv_buf_cstr(&dir), plugin_name(p));
    if (mkdir(rv_buf_cstr(&dir), 0700) != 0 && errno != EEXIST)
        return rv_error_set(err, -errno, "cannot make %s: %s", rv_buf_cstr(&dir), strerror(errno));
    if (!may_run_from(rv_buf_cstr(&dir)))
        return rv_error_set(err, -EPERM, "runtimeDir is on a file system that is mounted noexec");
    int r = file_read(p->config->library, LIBRARY_BYTES, &bytes, err);
    (void)unlink(rv_buf_cstr(&path)); /* a process may still have the old one mapped */
    if (r == 0) r = write_copy(rv_buf_cstr(&path), &bytes);
    if (r != 0)
        return err->code != 0 ? err->code : rv_error_set(err, r, "%s: %s", rv_buf_cstr(&path), rv_error_text(r));
    p->kept.path = rv_strdup(rv_buf_str(&path));
    return 0;
}

void kept_save(struct plugin *p) {
    struct rv_error err = {0};
    struct library_id now;
    if (p->kept.runs || (p->kept.path != NULL && same(&p->kept.id, &p->library))) return;
    if (!process_look_at_library(p, &now) || !same(&now, &p->library)) return; /* replaced since */
    kept_forget(p);
    if (copy_library(p, &err) != 0) {
        log_info("no copy of the plugin's library is kept", "plugin", plugin_name(p), "reason", err.text);
        return;
    }
    p->kept.id = now;
}

const char *kept_choose(struct plugin *p) {
    struct library_id now;
    struct rv_error err = {0};
    bool there = process_look_at_library(p, &now),
         judged = p->kept.refused != NULL && there && same(&now, &p->kept.refused_id);
    bool asks = p->kept.path != NULL && p->deaths_in_row > 0 && (!there || !same(&now, &p->kept.id));
    if (asks && !judged && probe_plugin(p->s->config, p->config, p->s->host_binary, &err) != 0) {
        free(p->kept.refused);
        p->kept.refused = rv_strdup(rv_str(err.text));
        p->kept.refused_id = there ? now : (struct library_id){0};
        judged = true;
        log_error("the plugin's library was replaced by one that cannot run: it goes on with the one that it had",
                  "plugin", plugin_name(p), "reason", err.text);
    }
    p->kept.runs = asks && judged;
    if (p->kept.runs) return p->kept.path;
    free(p->kept.refused);
    p->kept.refused = NULL;
    return p->config->library;
}

void kept_forget(struct plugin *p) {
    if (p->kept.path != NULL) {
        char *slash = strrchr(p->kept.path, '/');
        (void)unlink(p->kept.path);
        *slash = 0;
        (void)rmdir(p->kept.path);
    }
    free(p->kept.path);
    free(p->kept.refused);
    p->kept.path = p->kept.refused = NULL;
    p->kept.runs = false;
}
