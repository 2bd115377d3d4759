// A file system in memory that loses power when told to.
//
// It keeps what programs see apart from what the disk has: bytes reach the disk at Sync(), names at
// SyncDirectory(), and what was not synced survives a power cut or not, page by page and name by
// name, as a Random decides. The same calls and the same seed give the same bytes.
//
// A death (PowerCut, KillProcess) makes every open file and lock of before answer Internal; what it
// held mapped stays readable. Calls on the file system itself belong to no process: a program that
// is to be dead must be stopped from making them, by a FaultFileSystem or by going on in a Clone().
//
// Thread-safety: safe.
#pragma once

#include "engine/base/random.h"
#include "engine/vfs/file_system.h"
#include "engine/vfs/mem_image.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace nokv::vfs {

struct MemDisk;

class MemFileSystem final : public FileSystem {
 public:
  MemFileSystem();  // Empty: a root directory, durable, which is "/" and "." alike.

  // Deaths.

  // Everything unsynced meets its fate, and the machine boots anew.
  void PowerCut(Random& random, PowerCutMode mode);

  // Keeps every byte and every name; what was unsynced stays so.
  void KillProcess();

  // A copy of disk and page cache, as they are, without open files and locks: one state can be
  // crashed in many ways.
  std::unique_ptr<MemFileSystem> Clone() const;

  // Space, in blocks of 4 KiB; names are free.

  void SetCapacityBytes(uint64_t capacity_bytes);
  uint64_t UsedBytes() const;

  // Damage to what is stored, seen by open files as well. NotFound if there is no such file.

  absl::Status FlipBit(const std::string& path, uint64_t offset, int bit);
  absl::Status ZeroFrom(const std::string& path, uint64_t offset);
  absl::Status CutAt(const std::string& path, uint64_t size);

  // From now on MappingStatus() of the file's mapped segments is DataLoss, as after a SIGBUS.
  absl::Status DamageMapping(const std::string& path);

  // A line for each file, for the message of a failed test.
  std::string Dump() const;

  absl::StatusOr<std::unique_ptr<WritableFile>> Create(const std::string& path) override;
  absl::StatusOr<std::unique_ptr<WritableFile>> OpenAppend(const std::string& path) override;
  absl::StatusOr<std::unique_ptr<ReadableFile>> OpenRead(const std::string& path) const override;
  absl::StatusOr<std::unique_ptr<SegmentFile>> CreateSegment(
      const std::string& path, const SegmentOptions& options) override;
  absl::StatusOr<std::unique_ptr<SegmentFile>> OpenSegment(const std::string& path,
                                                           const SegmentOptions& options) override;
  absl::Status Rename(const std::string& from, const std::string& to) override;
  absl::Status Remove(const std::string& path) override;
  absl::Status Link(const std::string& from, const std::string& to) override;
  absl::StatusOr<uint64_t> LinkCount(const std::string& path) const override;
  absl::Status CreateDirectory(const std::string& path) override;
  absl::Status SyncDirectory(const std::string& path) override;
  absl::StatusOr<std::vector<std::string>> List(const std::string& path) const override;
  absl::StatusOr<uint64_t> FileSize(const std::string& path) const override;
  bool Exists(const std::string& path) const override;
  absl::StatusOr<std::unique_ptr<DirectoryLock>> Lock(const std::string& path) override;
  absl::StatusOr<uint64_t> FreeBytes(const std::string& path) const override;
  uint64_t BootId() const override;

 private:
  const std::shared_ptr<MemDisk> disk_;  // Shared with open files.
};

}  // namespace nokv::vfs
