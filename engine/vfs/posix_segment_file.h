// A log segment on the machine's file system: mapped, or by pread and pwrite.
//
// Mapped: the blocks are allocated first, so that a store cannot meet a full disk; a store is then
// a memcpy and survives the process, because the page cache owns the page.
//
// Thread-safety: as SegmentFile says.
#pragma once

#include "engine/vfs/file_system.h"

#include <memory>
#include <string>

namespace nokv::vfs {

absl::StatusOr<std::unique_ptr<SegmentFile>> CreatePosixSegment(const std::string& path,
                                                                const SegmentOptions& options);

absl::StatusOr<std::unique_ptr<SegmentFile>> OpenPosixSegment(const std::string& path,
                                                              const SegmentOptions& options);

}  // namespace nokv::vfs
