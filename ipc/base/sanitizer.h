/* sanitizer.h - is this program built with a sanitizer? AddressSanitizer reserves terabytes of addresses and needs
 * system calls of its own, so limits of a process are not for such a build. With either one a program needs a multiple
 * of its usual memory. */
#ifndef RV_IPC_BASE_SANITIZER_H
#define RV_IPC_BASE_SANITIZER_H

#if defined(__SANITIZE_ADDRESS__)
#define RV_ADDRESS_SANITIZER 1
#elif defined(__has_feature) /* clang's way of saying it */
#if __has_feature(address_sanitizer)
#define RV_ADDRESS_SANITIZER 1
#endif
#endif
#ifndef RV_ADDRESS_SANITIZER
#define RV_ADDRESS_SANITIZER 0
#endif

#if defined(__SANITIZE_THREAD__)
#define RV_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RV_THREAD_SANITIZER 1
#endif
#endif
#ifndef RV_THREAD_SANITIZER
#define RV_THREAD_SANITIZER 0
#endif

#endif
