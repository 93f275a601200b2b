// Whether the address sanitizer watches this build, as GCC and Clang say it.
#pragma once

#if defined(__SANITIZE_ADDRESS__)
#define DL_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define DL_ADDRESS_SANITIZER 1
#endif
#endif
#ifndef DL_ADDRESS_SANITIZER
#define DL_ADDRESS_SANITIZER 0
#endif
