/* view.c - the file system that a host sees (see sandbox.h): copies of a few mounts, read-only, below an empty root.
 *
 * The copies are made first (open_tree), while everything is visible. Then the new root is mounted over the lane's
 * folder, which certainly exists and belongs to nobody else. The copies are moved into it, and the old root is removed.
 * Constructors of the plugin and of its libraries already run in this view. */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PIECES = 8 };

struct piece {
    char *path; /* an absolute path */
    int tree;   /* its copy; -1 if it does not exist or lies below another one */
    bool file;
};

static int error(void) { return -errno; }

static int write_file(const char *path, const char *text) {
    rv_autoclose int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return error();
    return write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : error();
}

/* Directly with the privilege. Otherwise in a new user namespace, if the system allows one. */
static int new_namespaces(void) {
    uid_t uid = geteuid();
    gid_t gid = getegid();
    char map[64];
    if (unshare(CLONE_NEWNS | CLONE_NEWNET) == 0) return 0;
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET) != 0) return error();
    int r = write_file("/proc/self/setgroups", "deny");
    snprintf(map, sizeof map, "%u %u 1", (unsigned)uid, (unsigned)uid);
    if (r == 0) r = write_file("/proc/self/uid_map", map);
    snprintf(map, sizeof map, "%u %u 1", (unsigned)gid, (unsigned)gid);
    return r != 0 ? r : write_file("/proc/self/gid_map", map);
}

/* True if the path is an existing piece or lies below one. */
static bool covered(const struct piece *pieces, size_t n, const char *path) {
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(pieces[i].path);
        if (pieces[i].tree >= 0 && strncmp(pieces[i].path, path, len) == 0 && (path[len] == 0 || path[len] == '/'))
            return true;
    }
    return false;
}

static int copy_tree(struct piece *p) {
    struct mount_attr read_only = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV};
    struct stat st;
    if (stat(p->path, &st) != 0) return errno == ENOENT ? 0 : error();
    p->file = !S_ISDIR(st.st_mode);
    p->tree = open_tree(AT_FDCWD, p->path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
    if (p->tree < 0) return error();
    return mount_setattr(p->tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &read_only, sizeof read_only) == 0 ? 0 : error();
}

/* Makes the parent folders, and an empty file or folder to mount on. */
static int make_target(char *path, bool file) {
    for (char *p = path + 1; *p != 0; p++) {
        if (*p != '/') continue;
        *p = 0;
        int r = mkdir(path, 0755);
        *p = '/';
        if (r != 0 && errno != EEXIST) return error();
    }
    if (!file) return mkdir(path, 0755) == 0 || errno == EEXIST ? 0 : error();
    rv_autoclose int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    return fd >= 0 ? 0 : error();
}

static int put(const char *root, const struct piece *p) {
    rv_autobuf struct rv_buf target = {0};
    if (p->tree < 0) return 0;
    rv_buf_addf(&target, "%s%s", root, p->path);
    (void)rv_buf_cstr(&target);
    int r = make_target((char *)target.p, p->file);
    if (r != 0) return r;
    return move_mount(p->tree, "", AT_FDCWD, rv_buf_cstr(&target), MOVE_MOUNT_F_EMPTY_PATH) == 0 ? 0 : error();
}

static int enter(const char *root) {
    if (chdir(root) != 0 || syscall(SYS_pivot_root, ".", ".") != 0) return error();
    if (umount2(".", MNT_DETACH) != 0 || chdir("/") != 0) return error();
    unsigned long flags = MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
    return mount(NULL, "/", NULL, flags, NULL) == 0 ? 0 : error();
}

static int build(const char *root, struct piece *pieces, size_t n) {
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) return error();
    int r = 0;
    for (size_t i = 0; i < n && r == 0; i++)
        if (!covered(pieces, i, pieces[i].path)) r = copy_tree(&pieces[i]);
    if (r != 0) return r;
    if (mount("none", root, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=256k,mode=0755") != 0) return error();
    for (size_t i = 0; i < n && r == 0; i++) r = put(root, &pieces[i]);
    if (r == 0) r = enter(root);
    if (r != 0) (void)umount2(root, MNT_DETACH);
    return r;
}

int sandbox_enter_view(const struct sandbox_opts *o) {
    rv_autofree char *plugin = realpath(o->plugin_path, NULL), *lane = realpath(o->lane_path, NULL);
    if (plugin == NULL || lane == NULL) return error();
    if (strcmp(lane, o->lane_path) != 0) return -ENAMETOOLONG; /* it is reached through links that would be missing */
    const char *root = dirname(lane);
    const char *const paths[] = {"/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache", dirname(plugin), root};
    struct piece pieces[PIECES];
    size_t n = RV_ARRAY_LEN(paths);
    _Static_assert(RV_ARRAY_LEN(paths) <= PIECES, "a place for each");
    for (size_t i = 0; i < n; i++) pieces[i] = (struct piece){rv_strdup(rv_str(paths[i])), -1, false};
    int r = new_namespaces();
    if (r == 0) r = build(root, pieces, n);
    for (size_t i = 0; i < n; i++) {
        rv_closep(&pieces[i].tree);
        free(pieces[i].path);
    }
    return r;
}
