// Error factories over fmt, and the macros that pass a status up.
//
// One code, one meaning:
//   DataLoss            stored bytes are not what was written (names the file and the offset)
//   ResourceExhausted   full for now: disk, memory, a bound; retry later
//   FailedPrecondition  wrong state: closed, read-only, already open elsewhere
//   InvalidArgument     the caller's mistake: a limit, a malformed option
//   NotFound            a file or object that should be there is not
//   PermissionDenied    the system does not let this user do it
//   Unimplemented       a newer version of a format than this program reads
//   Internal            an I/O error, with the system's text
//
// Thread-safety: all functions are pure.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace nokv {

inline absl::string_view AbslView(std::string_view text) { return {text.data(), text.size()}; }

inline std::string_view StdView(absl::string_view text) { return {text.data(), text.size()}; }

#define NOKV_STATUS_FACTORY(Name, function)                                             \
  template <typename... Args>                                                           \
  [[nodiscard]] absl::Status Name(fmt::format_string<Args...> format, Args&&... args) { \
    return absl::function(AbslView(fmt::format(format, std::forward<Args>(args)...)));  \
  }

NOKV_STATUS_FACTORY(DataLossError, DataLossError)
NOKV_STATUS_FACTORY(ResourceExhaustedError, ResourceExhaustedError)
NOKV_STATUS_FACTORY(FailedPreconditionError, FailedPreconditionError)
NOKV_STATUS_FACTORY(InvalidArgumentError, InvalidArgumentError)
NOKV_STATUS_FACTORY(NotFoundError, NotFoundError)
NOKV_STATUS_FACTORY(AlreadyExistsError, AlreadyExistsError)
NOKV_STATUS_FACTORY(PermissionDeniedError, PermissionDeniedError)
NOKV_STATUS_FACTORY(UnimplementedError, UnimplementedError)
NOKV_STATUS_FACTORY(UnavailableError, UnavailableError)
NOKV_STATUS_FACTORY(InternalError, InternalError)

#undef NOKV_STATUS_FACTORY

// Internal, or ResourceExhausted for ENOSPC and EDQUOT, NotFound for ENOENT, AlreadyExists for
// EEXIST and ENOTDIR (a file is in the way), PermissionDenied (with what to do about it) for
// EACCES, EPERM and EROFS: "<what> <object>: <text of errno>".
[[nodiscard]] absl::Status ErrnoStatus(int error, std::string_view what, std::string_view object);

}  // namespace nokv

#define RETURN_IF_ERROR(expression)                                                     \
  do {                                                                                  \
    if (absl::Status nokv_status = (expression); !nokv_status.ok()) return nokv_status; \
  } while (false)

#define NOKV_CONCAT_INNER(a, b) a##b
#define NOKV_CONCAT(a, b) NOKV_CONCAT_INNER(a, b)
#define ASSIGN_OR_RETURN(target, expression) \
  NOKV_ASSIGN_OR_RETURN(NOKV_CONCAT(nokv_or_, __LINE__), target, expression)
#define NOKV_ASSIGN_OR_RETURN(holder, target, expression) \
  auto holder = (expression);                             \
  if (!holder.ok()) return std::move(holder).status();    \
  target = *std::move(holder)
