/* grpc_heads.c - many gRPC servers in one process, each with a port of its own: grpc_heads COUNT [ray]
 *
 * With "ray" server number I is the control store of a Ray cluster whose only node is the pod cI-head.
 * Prints the ports. Then answers commands on standard input: "hang N" stops the first N from reading anything (their
 * connections stay), "stats" prints how many connections were accepted and are open, and how many requests came. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/support/h2_server.h"

struct heads {
    struct loop *loop;
    struct h2_server **servers;
    size_t n;
    struct loop_watch *input;
};

static void print_stats(const struct heads *h) {
    size_t accepted = 0, open = 0, requests = 0;
    for (size_t i = 0; i < h->n; i++) {
        accepted += h2_server_accepted(h->servers[i]);
        open += h2_server_open(h->servers[i]);
        requests += h2_server_requests(h->servers[i]);
    }
    printf("%zu %zu %zu\n", accepted, open, requests);
    fflush(stdout);
}

static void on_input(void *arg, int fd, unsigned events) {
    struct heads *h = arg;
    char line[64];
    size_t hanging = 0;
    (void)events;
    ssize_t n = read(fd, line, sizeof line - 1);
    if (n <= 0) {
        loop_stop(h->loop);
        return;
    }
    line[n] = 0;
    if (sscanf(line, "hang %zu", &hanging) == 1) {
        for (size_t i = 0; i < h->n; i++) h2_server_hang(h->servers[i], i < hanging);
        printf("%zu hang\n", hanging);
        fflush(stdout);
    } else {
        print_stats(h);
    }
}

static void add_part(struct rv_buf *to, uint8_t field, const void *p, size_t n) { /* of less than 128 bytes */
    rv_buf_addc(to, (uint8_t)(field << 3 | 2));
    rv_buf_addc(to, (uint8_t)n);
    rv_buf_add(to, p, n);
}

/* An answer of GetClusterResourceState: one node, which is the head and has nothing else. */
static void be_ray(struct h2_server *s, size_t index) {
    static const char resource[] = "node:__internal_head__";
    rv_autobuf struct rv_buf total = {0}, node = {0}, state = {0}, body = {0};
    double one = 1;
    char text[32];
    int n = snprintf(text, sizeof text, "%028zu", index);
    add_part(&node, 1, text, (size_t)n);
    n = snprintf(text, sizeof text, "c%zu-head", index);
    add_part(&node, 2, text, (size_t)n);
    add_part(&total, 1, resource, sizeof resource - 1);
    rv_buf_addc(&total, 2 << 3 | 1);
    rv_buf_add(&total, &one, sizeof one);
    add_part(&node, 5, total.p, total.n);
    rv_buf_addc(&node, 8 << 3);
    rv_buf_addc(&node, 1);
    add_part(&state, 3, node.p, node.n);
    add_part(&state, 7, "session", 7);
    uint8_t frame[] = {0, 0, 0, 0, (uint8_t)(state.n + (state.n > 127 ? 3 : 2))};
    rv_buf_add(&body, frame, sizeof frame);
    rv_buf_addc(&body, 1 << 3 | 2);
    if (state.n > 127) rv_buf_addc(&body, (uint8_t)(0x80 | (state.n & 0x7f)));
    rv_buf_addc(&body, (uint8_t)(state.n > 127 ? state.n >> 7 : state.n));
    rv_buf_add(&body, state.p, state.n);
    h2_server_say(s, rv_buf_bytes(&body));
}

int main(int argc, char **argv) {
    struct rlimit files;
    struct heads h = {.loop = loop_new(NULL)};
    int64_t n = 0;
    bool ray = argc == 3 && strcmp(argv[2], "ray") == 0;
    if ((argc != 2 && !ray) || rv_str_to_int(rv_str(argv[1]), 1, 20000, &n) != 0) {
        fprintf(stderr, "usage: grpc_heads COUNT [ray]\n");
        return 64;
    }
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    h.n = (size_t)n;
    h.servers = rv_alloc_array(h.n, sizeof *h.servers);
    for (size_t i = 0; i < h.n; i++) {
        h.servers[i] = h2_server_new(h.loop, NULL);
        if (ray) be_ray(h.servers[i], i);
        printf("%u%c", h2_server_port(h.servers[i]), i + 1 < h.n ? ' ' : '\n');
    }
    fflush(stdout);
    h.input = loop_fd(h.loop, STDIN_FILENO, LOOP_READ, on_input, &h);
    loop_run(h.loop);
    for (size_t i = 0; i < h.n; i++) h2_server_free(h.servers[i]);
    free(h.servers);
    loop_watch_free(h.input);
    loop_free(h.loop);
    return 0;
}
