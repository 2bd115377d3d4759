// The disk and the page cache of a MemFileSystem: its names, its space, and who is alive.
//
// Thread-safety: everything behind `mutex`; functions that end in Locked need it held.
#pragma once

#include "engine/base/mutex.h"
#include "engine/vfs/file_system.h"
#include "engine/vfs/mem_tree.h"

#include <cstdint>
#include <memory>
#include <set>
#include <string>

namespace nokv::vfs {

struct MemDisk {
  mutable Mutex mutex;
  MemTree tree ABSL_GUARDED_BY(mutex);
  uint64_t capacity_bytes ABSL_GUARDED_BY(mutex) = uint64_t{1} << 50;
  uint64_t used_bytes ABSL_GUARDED_BY(mutex) = 0;
  uint64_t boot_id ABSL_GUARDED_BY(mutex) = 1;

  // Grows with every death: a handle from before is dead.
  uint64_t generation ABSL_GUARDED_BY(mutex) = 1;
  std::set<const MemFile*> locked ABSL_GUARDED_BY(mutex);

  // Takes or gives back whole blocks, so that `file` may have `size` bytes.
  absl::Status ChargeLocked(MemFile& file, uint64_t size, const std::string& path)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);

  // Gives back the blocks of a file without a name and without a handle.
  void ReleaseLocked(MemFile& file) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);

  // After a death: counts used_bytes anew, drops locks and handles.
  void BuryLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
};

// An open file. Keeps the disk alive, so that it may be closed after the file system is gone.
class MemHandle {
 public:
  MemHandle(std::shared_ptr<MemDisk> disk, std::shared_ptr<MemFile> file, std::string path)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(disk->mutex);
  ~MemHandle() ABSL_LOCKS_EXCLUDED(disk().mutex);

  MemHandle(const MemHandle&) = delete;
  MemHandle& operator=(const MemHandle&) = delete;

  MemDisk& disk() const { return *disk_; }

  MemFile& file() const { return *file_; }

  const std::string& path() const { return path_; }

  // Internal if the process that opened the file has died since.
  absl::Status CheckAliveLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(disk().mutex);

 private:
  const std::shared_ptr<MemDisk> disk_;
  const std::shared_ptr<MemFile> file_;
  const std::string path_;
  const uint64_t generation_;
};

// The open files of a MemFileSystem. Each needs the disk's lock held by the caller.
std::unique_ptr<WritableFile> OpenMemWritableLocked(const std::shared_ptr<MemDisk>& disk,
                                                    std::shared_ptr<MemFile> file,
                                                    const std::string& path)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(disk->mutex);

std::unique_ptr<ReadableFile> OpenMemReadableLocked(const std::shared_ptr<MemDisk>& disk,
                                                    std::shared_ptr<MemFile> file,
                                                    const std::string& path)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(disk->mutex);

std::unique_ptr<SegmentFile> OpenMemSegmentLocked(const std::shared_ptr<MemDisk>& disk,
                                                  std::shared_ptr<MemFile> file,
                                                  const std::string& path,
                                                  const SegmentOptions& options)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(disk->mutex);

std::unique_ptr<DirectoryLock> TakeMemLockLocked(const std::shared_ptr<MemDisk>& disk,
                                                 std::shared_ptr<MemFile> file,
                                                 const std::string& path)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(disk->mutex);

}  // namespace nokv::vfs
