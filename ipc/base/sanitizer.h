/* sanitizer.h - is this program built with AddressSanitizer? It reserves terabytes of addresses and needs system calls
 * of its own, so limits of a process are not for such a build. */
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

#endif
