// Checks of what must hold: CHECK always, DCHECK in builds without NDEBUG.
//
// A failed check is our own mistake. It reports where and ends the process at once, because going
// on with a broken invariant could damage data that is still good.
//
// Thread-safety: safe.
#pragma once

namespace nokv {

[[noreturn]] void CheckFailed(const char* file, int line, const char* expression) noexcept;

}  // namespace nokv

#define NOKV_CHECK(condition)                                \
  (__builtin_expect(!!(condition), 1) ? static_cast<void>(0) \
                                      : ::nokv::CheckFailed(__FILE__, __LINE__, #condition))

#ifdef NDEBUG
#define NOKV_DCHECK(condition) static_cast<void>(sizeof(!(condition)))
#else
#define NOKV_DCHECK(condition) NOKV_CHECK(condition)
#endif
