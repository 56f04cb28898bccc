/* What differs in a build with AddressSanitizer. */
#ifndef LK_BASE_SANITIZER_H
#define LK_BASE_SANITIZER_H

#if defined(__SANITIZE_ADDRESS__)
#define LK_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LK_ASAN 1
#endif
#endif

#ifdef LK_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, bytes) ((void)(address), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(address, bytes) ((void)(address), (void)(bytes))
#endif

/* Before a loop of a kernel: its body `count` times. Not where each access is checked: that would take minutes to compile. */
#define LK_PRAGMA(text) _Pragma(#text)
#ifdef LK_ASAN
#define LK_UNROLL(count)
#else
#define LK_UNROLL(count) LK_PRAGMA(GCC unroll count)
#endif

#endif
