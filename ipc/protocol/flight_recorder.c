/* flight_recorder.c - the page of the flight recorder (see flight_recorder.h). */
#include "flight_recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static const uint32_t MAGIC = 0x52564652; /* "RVFR" */

struct page {
    uint32_t magic, seq, call, ns_n, name_n, uid_n;
    int64_t since_ns;
    char ns[FLIGHT_NS], name[FLIGHT_NAME], uid[FLIGHT_UID];
    uint32_t kind;
};
_Static_assert(sizeof(struct page) <= FLIGHT_PAGE, "the record must fit the page");

struct flight {
    struct page *page;
};

const char *flight_call_name(uint32_t call) {
    static const char *const names[] = {"idle", "load", "init", "reconcile", "map", "settings", "fini", "validate"};
    return call < RV_ARRAY_LEN(names) ? names[call] : "unknown";
}

int flight_create(struct rv_error *err) {
    int fd = memfd_create("rayvisor-flight", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) return rv_error_set(err, -errno, "cannot make the flight recorder: %s", strerror(errno));
    if (ftruncate(fd, FLIGHT_PAGE) != 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
        int code = -errno;
        close(fd);
        return rv_error_set(err, code, "cannot size the flight recorder: %s", strerror(-code));
    }
    return fd;
}

struct flight *flight_map(int fd, struct rv_error *err) {
    void *p = mmap(NULL, FLIGHT_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED) {
        rv_error_set(err, -errno, "cannot map the flight recorder: %s", strerror(errno));
        return NULL;
    }
    struct flight *f = rv_alloc(sizeof *f);
    f->page = p;
    return f;
}

struct flight *flight_unmap(struct flight *f) {
    if (f == NULL) return NULL;
    munmap(f->page, FLIGHT_PAGE);
    free(f);
    return NULL;
}

static uint32_t put(char *to, size_t capacity, struct rv_str s) {
    size_t n = s.n < capacity ? s.n : capacity;
    if (n != 0) memcpy(to, s.p, n);
    return (uint32_t)n;
}

static void step(struct page *p) { __atomic_store_n(&p->seq, p->seq + 1, __ATOMIC_SEQ_CST); }

void flight_begin(struct flight *f, uint32_t call, uint32_t kind, const struct rv_key *key, struct rv_str uid,
                  int64_t since_ns) {
    if (f == NULL) return;
    struct page *p = f->page;
    step(p);
    p->magic = MAGIC;
    p->call = call;
    p->kind = kind;
    p->since_ns = since_ns;
    p->ns_n = key != NULL ? put(p->ns, sizeof p->ns, key->ns) : 0;
    p->name_n = key != NULL ? put(p->name, sizeof p->name, key->name) : 0;
    p->uid_n = put(p->uid, sizeof p->uid, uid);
    step(p);
}

void flight_end(struct flight *f) {
    if (f == NULL) return;
    step(f->page);
    f->page->call = FLIGHT_IDLE;
    step(f->page);
}

static void take(char *to, size_t capacity, const char *from, uint32_t n) {
    size_t len = n < capacity ? n : capacity - 1;
    for (size_t i = 0; i < len; i++) to[i] = from[i] >= 0x20 && from[i] < 0x7f ? from[i] : '?';
    to[len] = 0;
}

void flight_parse(const uint8_t *bytes, size_t n, struct flight_record *ret) {
    *ret = (struct flight_record){.call = FLIGHT_IDLE};
    struct page p;
    if (n < sizeof p) return;
    memcpy(&p, bytes, sizeof p);
    if (p.magic != MAGIC || p.seq % 2 != 0 || p.call > FLIGHT_VALIDATE) return;
    ret->call = p.call;
    ret->kind = p.kind;
    ret->since_ns = p.since_ns;
    take(ret->ns, sizeof ret->ns, p.ns, p.ns_n);
    take(ret->name, sizeof ret->name, p.name, p.name_n);
    take(ret->uid, sizeof ret->uid, p.uid, p.uid_n);
}

void flight_read(const struct flight *f, struct flight_record *ret) {
    uint8_t copy[FLIGHT_PAGE];
    memcpy(copy, f->page, sizeof copy);
    flight_parse(copy, sizeof copy, ret);
}
