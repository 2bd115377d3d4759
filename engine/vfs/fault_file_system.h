// Wraps a file system and lets a test decide what becomes of each operation.
//
// A hook is asked before each operation and may let it pass, fail it, cut a write short, or do it
// and fail all the same; it may also stall or crash right there, since no lock is held around it.
// Operations that change what is stored ("mutations") are numbered from 1 in the order they are
// asked about: on one thread the same program gives the same numbers, so a crash test runs once to
// learn how many there are and then once for each.
//
// Kill() makes the program dead to the disk: every later operation fails and does nothing.
//
// Thread-safety: safe. The base file system outlives this and every file opened through it.
#pragma once

#include "engine/base/mutex.h"
#include "engine/vfs/file_system.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nokv::vfs {

enum class OperationKind {
  // Mutations.
  kCreate,    // Also of a directory.
  kAllocate,  // CreateSegment, and OpenSegment to write.
  kAppend,
  kSegmentWrite,
  kSync,
  kDirectorySync,
  kRename,
  kRemove,
  kLink,
  kTruncate,
  // The others.
  kOpen,
  kRead,
  kStat,  // FileSize, LinkCount, FreeBytes.
  kLock,
  kList,
};

inline constexpr size_t kOperationKinds = static_cast<size_t>(OperationKind::kList) + 1;

constexpr bool IsMutation(OperationKind kind) { return kind <= OperationKind::kTruncate; }

std::string_view Name(OperationKind kind);

struct Operation {
  OperationKind kind;
  std::string_view path;     // As it was given, or was when the file was opened.
  uint64_t size_bytes = 0;   // Of an append, a write or a read.
  uint64_t nth_of_kind = 0;  // From 1.
  uint64_t mutation = 0;     // From 1; 0 if the operation is none.

  // Of a segment write: what goes where. Valid inside the hook.
  uint64_t offset = 0;
  std::span<const std::string_view> pieces = {};

  std::string_view from = {};  // Of a rename and a link, whose path is the new one.
};

struct FaultAction {
  enum class What {
    kPass,
    kFail,           // Not done at all.
    kShortThenFail,  // The first `short_bytes` of an append or segment write, else nothing.
    kPerformThenFail,
  };

  static FaultAction Pass() { return {}; }

  static FaultAction Fail(absl::Status status) { return {What::kFail, std::move(status), 0, {}}; }

  static FaultAction Short(uint64_t bytes, absl::Status status) {
    return {What::kShortThenFail, std::move(status), bytes, {}};
  }

  static FaultAction PerformThenFail(absl::Status status) {
    return {What::kPerformThenFail, std::move(status), 0, {}};
  }

  What what = What::kPass;
  absl::Status status;
  uint64_t short_bytes = 0;
  std::function<void()> afterwards;  // Called, if set, before the operation returns.
};

class FaultFileSystem final : public FileSystem {
 public:
  using Hook = std::function<FaultAction(const Operation&)>;

  explicit FaultFileSystem(FileSystem& base) : base_(base) {}

  // Replaces the hook; an empty one lets everything pass. Rules and crash points are asked first.
  void SetHook(Hook hook);

  // The nth operation of `kind` from now on fails with `status`, once.
  void FailNth(OperationKind kind, uint64_t n, absl::Status status);

  // Every operation of `kind` from now on fails with `status`, until ClearFaults().
  void FailAll(OperationKind kind, absl::Status status);

  // Forgets hook, rules and crash point.
  void ClearFaults();

  struct CrashPoint {
    uint64_t mutation = 1;       // Counted from the beginning, see mutation_count().
    uint64_t short_bytes = 0;    // Of a write at that point that still arrive.
    std::function<void()> then;  // Called once, after Kill(); may cut the power.
  };

  // Kills the program at a mutation, which is not done (or only in part) and fails.
  void CrashAt(CrashPoint point);

  void Kill() { dead_.store(true); }

  bool dead() const { return dead_.load(); }

  uint64_t mutation_count() const { return mutation_count_.load(); }

  uint64_t count(OperationKind kind) const { return counts_[static_cast<size_t>(kind)].load(); }

  // Counts the operation and decides about it. For the files of this file system.
  FaultAction Decide(Operation operation) const;

  FaultAction Decide(OperationKind kind, std::string_view path, uint64_t size_bytes = 0) const {
    return Decide(Operation{kind, path, size_bytes});
  }

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

  bool Exists(const std::string& path) const override { return base_.Exists(path); }

  absl::StatusOr<std::unique_ptr<DirectoryLock>> Lock(const std::string& path) override;
  absl::StatusOr<uint64_t> FreeBytes(const std::string& path) const override;

  uint64_t BootId() const override { return base_.BootId(); }

 private:
  struct Rule {
    OperationKind kind;
    uint64_t nth;  // Counted from the beginning; 0 for every one.
    absl::Status status;
  };

  std::optional<FaultAction> AskRules(const Operation& operation) const;

  FileSystem& base_;

  // Mutable: reading does not change the files, but it is counted and may meet a fault.
  mutable std::atomic<bool> dead_{false};
  mutable std::atomic<uint64_t> mutation_count_{0};
  mutable std::array<std::atomic<uint64_t>, kOperationKinds> counts_{};

  mutable Mutex mutex_;
  std::shared_ptr<const Hook> hook_ ABSL_GUARDED_BY(mutex_);
  std::vector<Rule> rules_ ABSL_GUARDED_BY(mutex_);
  mutable std::optional<CrashPoint> crash_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nokv::vfs
