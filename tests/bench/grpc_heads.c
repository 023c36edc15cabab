/* grpc_heads.c - many gRPC servers in one process, each with a port of its own: grpc_heads COUNT
 *
 * Prints the ports. Then answers commands on standard input: "hang N" stops the first N from reading anything (their
 * connections stay), "stats" prints how many connections were accepted and are open, and how many requests came. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/support/h2_server.h"

struct heads {
    struct rv_loop *loop;
    struct h2_server **servers;
    size_t n;
    struct rv_watch *input;
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
        rv_loop_stop(h->loop);
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

int main(int argc, char **argv) {
    struct rlimit files;
    struct heads h = {.loop = rv_loop_new(NULL)};
    int64_t n = 0;
    if (argc != 2 || rv_str_to_int(rv_str(argv[1]), 1, 20000, &n) != 0) {
        fprintf(stderr, "usage: grpc_heads COUNT\n");
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
        printf("%u%c", h2_server_port(h.servers[i]), i + 1 < h.n ? ' ' : '\n');
    }
    fflush(stdout);
    h.input = rv_loop_fd(h.loop, STDIN_FILENO, RV_LOOP_READ, on_input, &h);
    rv_loop_run(h.loop);
    for (size_t i = 0; i < h.n; i++) h2_server_free(h.servers[i]);
    free(h.servers);
    rv_watch_free(h.input);
    rv_loop_free(h.loop);
    return 0;
}
