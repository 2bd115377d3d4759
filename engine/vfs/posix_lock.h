// The lock of a directory: a record lock on a file that belongs to one open of it (OFD), so a
// second one in the same process is refused as well, and the kernel drops it with the process.
//
// Thread-safety: safe.
#pragma once

#include "engine/vfs/file_system.h"

#include <memory>
#include <string>

namespace nokv::vfs {

absl::StatusOr<std::unique_ptr<DirectoryLock>> TakePosixLock(const std::string& path);

}  // namespace nokv::vfs
