// The seam to files. The engine reaches the disk through this interface and nothing else.
//
// Three implementations: PosixFileSystem (the machine's), MemFileSystem (in memory, forgets, tears
// and reorders what was not synced when it crashes), FaultFileSystem (wraps another and fails
// chosen calls).
//
// What is durable, and when: the bytes of a file after Sync() on it returned OK; its name, a
// rename, a link and a removal after SyncDirectory() on the directory returned OK. Until then a
// power cut may keep, lose or tear each page and each directory entry independently. A killed
// process loses nothing that a call has returned from.
//
// After Sync() has failed once the file's unsynced bytes are lost for good as far as the caller can
// know: it must not be retried (Rebello et al., "Can Applications Recover from fsync Failures?",
// ATC 2020).
#pragma once

#include "engine/base/status.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nokv::vfs {

// A file written front to back: tables, manifests, CURRENT. Thread-safety: none.
class WritableFile {
 public:
  virtual ~WritableFile() = default;  // Closes; does not sync.

  // Appends all of `bytes` or fails; after a failure the tail of the file is undefined.
  virtual absl::Status Append(std::string_view bytes) = 0;

  virtual absl::Status Sync() = 0;
};

// A file read at any offset. Thread-safety: safe.
class ReadableFile {
 public:
  virtual ~ReadableFile() = default;

  // Reads exactly `size` bytes into `buffer`; DataLoss naming file, offset and sizes if the file
  // ends before.
  virtual absl::Status Read(uint64_t offset, size_t size, char* buffer) const = 0;

  virtual uint64_t size_bytes() const = 0;
};

// A log segment: a file of fixed capacity whose blocks exist before they are written, written
// front to back by one thread while others read what it has published.
class SegmentFile {
 public:
  virtual ~SegmentFile() = default;

  virtual uint64_t capacity_bytes() const = 0;

  // Stores `pieces` one after the other at `offset`. The bytes are visible to Read() at once, and
  // survive the death of the process. Never overlaps what was published to readers.
  // Thread-safety: one writer.
  virtual absl::Status Write(uint64_t offset, std::span<const std::string_view> pieces) = 0;

  // Makes every byte written before the call durable. Safe beside Write() and Read().
  virtual absl::Status Sync() = 0;

  // A hint: [offset, offset + size) will be written soon, so make its pages resident now.
  virtual void Prepare(uint64_t offset, uint64_t size) = 0;

  // `size` bytes at `offset`: a view of the mapping, or of `scratch` after reading into it.
  // DataLoss naming the file if the range lies beyond the file. Thread-safety: safe.
  virtual absl::StatusOr<std::string_view> Read(uint64_t offset, size_t size,
                                                std::string* scratch) const = 0;

  // The mapping's first byte, valid as long as this object, or null where files are not mapped.
  virtual const char* data() const = 0;

  // DataLoss if an access through data() hit an I/O error (SIGBUS); the page then reads as zeros.
  virtual absl::Status MappingStatus() const = 0;

  // Gives up the bytes from `size` on. Nobody reads or writes there any more; the mapping stays.
  virtual absl::Status Truncate(uint64_t size) = 0;
};

// The pages of a segment in memory, and what Prepare() does to them. A sync writes whole pages.
enum class SegmentPages : uint8_t {
  // Small, and written to: synced once before it is used, a segment needs no journal commit in
  // later
  // syncs. But all of it goes to the device twice.
  kWritten,
  // Small, and only read: nothing goes to the device before there is something to write.
  kClean,
  // Of 2 MiB where the system has them. Touching them costs an eighth, and reads at random miss the
  // processor's address cache less. For segments that are hardly ever synced while they are used.
  kLarge,
};

struct SegmentOptions {
  uint64_t capacity_bytes = 0;  // The file is extended to this with real blocks (fallocate).
  bool read_only = false;       // Maps what is there; capacity_bytes is ignored.
  bool map = true;              // False: reads by pread, writes by pwrite; data() is null.
  SegmentPages pages = SegmentPages::kWritten;
};

// Held for as long as this object lives; a dead process holds nothing. Thread-safety: none.
class DirectoryLock {
 public:
  virtual ~DirectoryLock() = default;
};

// Thread-safety: safe. Paths are joined with '/'; errors name the path.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  // Creates the file; AlreadyExists if it is there.
  virtual absl::StatusOr<std::unique_ptr<WritableFile>> Create(const std::string& path) = 0;

  // Opens an existing file to append to its end.
  virtual absl::StatusOr<std::unique_ptr<WritableFile>> OpenAppend(const std::string& path) = 0;

  // Opens for reading at random offsets: no read-ahead.
  virtual absl::StatusOr<std::unique_ptr<ReadableFile>> OpenRead(const std::string& path) const = 0;

  // Creates a segment of options.capacity_bytes, its blocks allocated; AlreadyExists if it is
  // there, ResourceExhausted (and no file left behind) if the disk is full.
  virtual absl::StatusOr<std::unique_ptr<SegmentFile>> CreateSegment(
      const std::string& path, const SegmentOptions& options) = 0;

  // Opens an existing segment. Writable: allocates up to capacity_bytes, old bytes stay.
  virtual absl::StatusOr<std::unique_ptr<SegmentFile>> OpenSegment(
      const std::string& path, const SegmentOptions& options) = 0;

  virtual absl::Status Rename(const std::string& from, const std::string& to) = 0;

  virtual absl::Status Remove(const std::string& path) = 0;

  // A hard link; AlreadyExists if `to` is there. Fails across file systems: the caller copies.
  virtual absl::Status Link(const std::string& from, const std::string& to) = 0;

  virtual absl::StatusOr<uint64_t> LinkCount(const std::string& path) const = 0;

  virtual absl::Status CreateDirectory(const std::string& path) = 0;  // OK if it is there.

  virtual absl::Status SyncDirectory(const std::string& path) = 0;

  // Names of files in the directory, without "." and "..", sorted.
  virtual absl::StatusOr<std::vector<std::string>> List(const std::string& path) const = 0;

  virtual absl::StatusOr<uint64_t> FileSize(const std::string& path) const = 0;

  virtual bool Exists(const std::string& path) const = 0;

  // Takes the lock named by the file `path`, created if absent. FailedPrecondition naming the path
  // and, where known, the holder's process id if somebody (this process included) holds it.
  virtual absl::StatusOr<std::unique_ptr<DirectoryLock>> Lock(const std::string& path) = 0;

  // Bytes that an unprivileged writer can still allocate where `path` lives.
  virtual absl::StatusOr<uint64_t> FreeBytes(const std::string& path) const = 0;

  // Differs after every boot of the machine: bytes written under another boot id went through
  // at least one loss of the page cache.
  virtual uint64_t BootId() const = 0;
};

// Reads a whole file of at most `size_max` bytes.
absl::StatusOr<std::string> ReadFile(const FileSystem& files, const std::string& path,
                                     uint64_t size_max);

// Replaces `path` durably by a file holding `bytes`: writes `path`.tmp, syncs it, renames it over
// `path`, syncs the directory. After a crash there is the old content or the new, never a mix.
absl::Status ReplaceFile(FileSystem& files, const std::string& path, std::string_view bytes);

// What a failed sync of `name` is to whoever would go on when a full disk has space again: never
// ResourceExhausted, because what the sync has lost does not come back.
absl::Status SyncFailure(std::string_view name, const absl::Status& failed);

std::string JoinPath(std::string_view directory, std::string_view name);

std::string_view DirectoryOf(std::string_view path);  // "." if there is no slash.

// The machine's own files. Lives for the whole process.
FileSystem& PosixFileSystem();

}  // namespace nokv::vfs
