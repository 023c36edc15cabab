#include "zoneinfo.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rayvisor/value.h"
#include "tzif.h"

enum { DEPTH_MAX = 4, VERSION_LINE = 64 };

struct packing {
    struct rv_buf zones;
    size_t n;
    struct rv_buf file; /* used again for each file */
};

/* True for copies of the database for other purposes, and for names that are no place. */
static bool is_left_out(const char *name) {
    static const char *const names[] = {"posix", "right", "localtime", "posixrules", "Factory"};
    for (size_t i = 0; i < RV_ARRAY_LEN(names); i++)
        if (strcmp(name, names[i]) == 0) return true;
    return name[0] == '.';
}

/* True for a name as the database has them. The name becomes a string of a message, so other characters are refused. */
static bool is_zone_name(const char *name) {
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-/";
    return name[0] != 0 && name[strspn(name, allowed)] == 0;
}

static bool read_all(int fd, struct rv_buf *out) {
    rv_buf_clear(out);
    for (;;) {
        rv_buf_reserve(out, 4096);
        ssize_t n = read(fd, out->p + out->n, 4096);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return n == 0;
        out->n += (size_t)n;
        if (out->n > TZIF_MAX_BYTES) return false;
    }
}

static void pack_zone(struct packing *p, struct rv_str name, const struct tzif *z) {
    int32_t first = tzif_first_offset(z);
    size_t begin = 0;
    for (; begin < z->n && tzif_at(z, begin) < ZONEINFO_FROM; begin++) first = tzif_offset(z, begin);
    rv_mp_str(&p->zones, name);
    rv_mp_array(&p->zones, 3);
    rv_mp_int(&p->zones, first);
    rv_mp_array(&p->zones, 2 * (z->n - begin));
    for (size_t i = begin; i < z->n; i++) {
        rv_mp_int(&p->zones, tzif_at(z, i));
        rv_mp_int(&p->zones, tzif_offset(z, i));
    }
    rv_mp_str(&p->zones, z->rule);
    p->n++;
}

static void take_file(struct packing *p, int dir, const char *file, const char *name) {
    if (!is_zone_name(name)) return;
    rv_autoclose int fd = openat(dir, file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > TZIF_MAX_BYTES) return;
    struct tzif z;
    if (!read_all(fd, &p->file) || tzif_parse(rv_buf_bytes(&p->file), &z, NULL) != 0) return;
    if (p->n < ZONEINFO_MAX_ZONES && p->zones.n < ZONEINFO_MAX_BYTES) pack_zone(p, rv_str(name), &z);
}

/* Takes ownership of the descriptor. */
static void take_folder(struct packing *p, int fd, const char *prefix, unsigned depth) {
    DIR *dir = fdopendir(fd);
    if (dir == NULL) {
        close(fd);
        return;
    }
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        if (e->d_name[0] == '.' || (depth == 0 && is_left_out(e->d_name))) continue;
        rv_autobuf struct rv_buf name = {0};
        rv_buf_addf(&name, "%s%s", prefix, e->d_name);
        int sub = openat(dirfd(dir), e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (sub < 0) {
            take_file(p, dirfd(dir), e->d_name, rv_buf_cstr(&name));
        } else if (depth + 1 < DEPTH_MAX) {
            rv_buf_addc(&name, '/');
            take_folder(p, sub, rv_buf_cstr(&name), depth + 1);
        } else {
            close(sub);
        }
    }
    closedir(dir);
}

static bool is_printable(struct rv_str s) {
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~') return false;
    return s.n != 0;
}

/* Reads the version from the first line of tzdata.zi: "# version 2026b". */
static void pack_version(int dir, struct rv_buf *out) {
    char line[VERSION_LINE] = "";
    rv_autoclose int fd = openat(dir, "tzdata.zi", O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = fd >= 0 ? read(fd, line, sizeof line - 1) : 0;
    static const char start[] = "# version ";
    struct rv_str version = {NULL, 0};
    if (n > 0 && strncmp(line, start, sizeof start - 1) == 0)
        version = (struct rv_str){line + sizeof start - 1, strcspn(line + sizeof start - 1, "\r\n")};
    rv_mp_str(out, is_printable(version) ? version : RV_STR("unknown"));
}

int zoneinfo_pack(const char *path, struct rv_buf *out, struct rv_error *err) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return rv_error_set(err, -errno, "%s: %s", path, strerror(errno));
    rv_mp_map(out, 2);
    rv_mp_cstr(out, "version");
    pack_version(fd, out);
    struct packing p = {0};
    take_folder(&p, fd, "", 0);
    rv_mp_cstr(out, "zones");
    rv_mp_map(out, p.n);
    rv_buf_add(out, p.zones.p, p.zones.n);
    size_t n = p.n;
    rv_buf_free(&p.zones);
    rv_buf_free(&p.file);
    return n > 0 ? 0 : rv_error_set(err, RV_E_NOT_FOUND, "%s: holds no time zone", path);
}
