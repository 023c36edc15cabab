/* tsan.h - tells ThreadSanitizer about ordering that it cannot see. The only other thread is ZeroMQ's, and libzmq is
 * not built for the sanitizer. Its queues order its work on our blobs, but the sanitizer does not notice that. lane.c
 * includes this file. In other builds it does nothing. */
#ifndef RV_IPC_PROTOCOL_TSAN_H
#define RV_IPC_PROTOCOL_TSAN_H

#if defined(__SANITIZE_THREAD__)
#define TSAN_BUILD 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TSAN_BUILD 1
#endif
#endif

#ifdef TSAN_BUILD
void __tsan_acquire(void *p); /* NOLINT(bugprone-reserved-identifier) */
void __tsan_release(void *p); /* NOLINT(bugprone-reserved-identifier) */
#define TSAN_HAND_OVER(p) __tsan_release(p)
#define TSAN_TAKE_OVER(p) __tsan_acquire(p)
/* Only foreign libraries belong here. In libzmq the I/O thread receives into, sends and frees messages that our thread
 * makes and reads. */
const char *__tsan_default_suppressions(void) __attribute__((visibility("default"), used)); /* NOLINT */
const char *__tsan_default_suppressions(void) { return "called_from_lib:libzmq.so.5\n"; }   /* NOLINT */
#else
#define TSAN_HAND_OVER(p) ((void)(p))
#define TSAN_TAKE_OVER(p) ((void)(p))
#endif

#endif
