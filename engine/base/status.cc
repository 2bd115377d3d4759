#include "engine/base/status.h"

#include <cerrno>
#include <system_error>

namespace nokv {

absl::Status ErrnoStatus(int error, std::string_view what, std::string_view object) {
  const std::string text = std::generic_category().message(error);
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return ResourceExhaustedError("{} {}: {}", what, object, text);
    case ENOENT:
      return NotFoundError("{} {}: {}", what, object, text);
    case EEXIST:
    case ENOTDIR:
      return AlreadyExistsError("{} {}: {}", what, object, text);
    case EACCES:
    case EPERM:
      return PermissionDeniedError(
          "{} {}: {}; run as the owner of it and its directory, or change their modes", what,
          object, text);
    case EROFS:
      return PermissionDeniedError("{} {}: {}; mount it writable", what, object, text);
    default:
      return InternalError("{} {}: {} (errno {})", what, object, text, error);
  }
}

}  // namespace nokv
