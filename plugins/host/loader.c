/* loader.c - see loader.h. */
#include "loader.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

#include "rayvisor/base.h"

/* The stack counts against the plugin's memory. */
enum { STACK_BYTES = 4 << 20 };

struct loader {
    pthread_t thread;
    sem_t go;
    void (*fn)(void *arg); /* NULL if there is nothing to do */
    void *arg;
};

static void *thread_main(void *arg) {
    struct loader *l = arg;
    while (sem_wait(&l->go) != 0) continue;
    if (l->fn != NULL) l->fn(l->arg);
    return NULL;
}

struct loader *loader_start(void) {
    struct loader *l = rv_alloc(sizeof *l);
    pthread_attr_t attr;
    int r = sem_init(&l->go, 0, 0);
    if (r == 0) r = pthread_attr_init(&attr);
    if (r == 0) {
        (void)pthread_attr_setstacksize(&attr, STACK_BYTES);
        r = pthread_create(&l->thread, &attr, thread_main, l);
        (void)pthread_attr_destroy(&attr);
    }
    if (r == 0) return l;
    free(l);
    return NULL;
}

void loader_run(struct loader *l, void (*fn)(void *arg), void *arg) {
    l->fn = fn;
    l->arg = arg;
    (void)sem_post(&l->go);
    (void)pthread_join(l->thread, NULL);
    (void)sem_destroy(&l->go);
    free(l);
}

void loader_dismiss(struct loader *l) {
    if (l != NULL) loader_run(l, NULL, NULL);
}
