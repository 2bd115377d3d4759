#include "engine/vfs/fault_file_system.h"

#include <algorithm>
#include <utility>

namespace nokv::vfs {
namespace {

absl::Status StatusOf(const absl::Status& result) { return result; }

template <typename T>
absl::Status StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

// Does `perform` or not, as the action says; its own failure wins over the planned one. A result
// that may not be returned (an open file) is dropped after the fact.
template <typename Perform>
auto Carry(const FaultAction& action, Perform perform) -> decltype(perform()) {
  using What = FaultAction::What;
  if (action.what == What::kPass) {
    auto result = perform();
    if (action.afterwards) action.afterwards();
    return result;
  }
  absl::Status status = action.status;
  if (action.what == What::kPerformThenFail) {
    const absl::Status performed = StatusOf(perform());
    if (!performed.ok()) status = performed;
  }
  if (action.afterwards) action.afterwards();
  return status;
}

class FaultWritableFile final : public WritableFile {
 public:
  FaultWritableFile(const FaultFileSystem& faults, std::string path,
                    std::unique_ptr<WritableFile> base)
      : faults_(faults), path_(std::move(path)), base_(std::move(base)) {}

  absl::Status Append(std::string_view bytes) override {
    const FaultAction action = faults_.Decide(OperationKind::kAppend, path_, bytes.size());
    if (action.what == FaultAction::What::kShortThenFail) {
      // The planned failure is told either way.
      base_->Append(bytes.substr(0, action.short_bytes)).IgnoreError();
    }
    return Carry(action, [&] { return base_->Append(bytes); });
  }

  absl::Status Sync() override {
    return Carry(faults_.Decide(OperationKind::kSync, path_), [&] { return base_->Sync(); });
  }

 private:
  const FaultFileSystem& faults_;
  const std::string path_;
  const std::unique_ptr<WritableFile> base_;
};

class FaultReadableFile final : public ReadableFile {
 public:
  FaultReadableFile(const FaultFileSystem& faults, std::string path,
                    std::unique_ptr<ReadableFile> base)
      : faults_(faults), path_(std::move(path)), base_(std::move(base)) {}

  absl::Status Read(uint64_t offset, size_t size, char* buffer) const override {
    return Carry(faults_.Decide(OperationKind::kRead, path_, size),
                 [&] { return base_->Read(offset, size, buffer); });
  }

  uint64_t size_bytes() const override { return base_->size_bytes(); }

 private:
  const FaultFileSystem& faults_;
  const std::string path_;
  const std::unique_ptr<ReadableFile> base_;
};

class FaultSegmentFile final : public SegmentFile {
 public:
  FaultSegmentFile(const FaultFileSystem& faults, std::string path,
                   std::unique_ptr<SegmentFile> base)
      : faults_(faults), path_(std::move(path)), base_(std::move(base)) {}

  uint64_t capacity_bytes() const override { return base_->capacity_bytes(); }

  absl::Status Write(uint64_t offset, std::span<const std::string_view> pieces) override {
    uint64_t size = 0;
    for (const std::string_view piece : pieces) size += piece.size();
    const FaultAction action = faults_.Decide({.kind = OperationKind::kSegmentWrite,
                                               .path = path_,
                                               .size_bytes = size,
                                               .offset = offset,
                                               .pieces = pieces});
    if (action.what == FaultAction::What::kShortThenFail) {
      WriteFront(offset, pieces, action.short_bytes).IgnoreError();
    }
    return Carry(action, [&] { return base_->Write(offset, pieces); });
  }

  absl::Status Sync() override {
    return Carry(faults_.Decide(OperationKind::kSync, path_), [&] { return base_->Sync(); });
  }

  void Prepare(uint64_t offset, uint64_t size) override { base_->Prepare(offset, size); }

  absl::StatusOr<std::string_view> Read(uint64_t offset, size_t size,
                                        std::string* scratch) const override {
    return Carry(faults_.Decide(OperationKind::kRead, path_, size),
                 [&] { return base_->Read(offset, size, scratch); });
  }

  const char* data() const override { return base_->data(); }

  absl::Status MappingStatus() const override { return base_->MappingStatus(); }

  absl::Status Truncate(uint64_t size) override {
    return Carry(faults_.Decide(OperationKind::kTruncate, path_, size),
                 [&] { return base_->Truncate(size); });
  }

 private:
  absl::Status WriteFront(uint64_t offset, std::span<const std::string_view> pieces,
                          uint64_t bytes) {
    std::vector<std::string_view> front;
    for (const std::string_view piece : pieces) {
      front.push_back(piece.substr(0, bytes));
      bytes -= front.back().size();
    }
    return base_->Write(offset, front);
  }

  const FaultFileSystem& faults_;
  const std::string path_;
  const std::unique_ptr<SegmentFile> base_;
};

// The file that `opened` is, wrapped so that its operations are asked about too.
template <typename Wrapper, typename Interface>
absl::StatusOr<std::unique_ptr<Interface>> Wrap(const FaultFileSystem& faults,
                                                const std::string& path,
                                                absl::StatusOr<std::unique_ptr<Interface>> opened) {
  RETURN_IF_ERROR(opened.status());
  return std::make_unique<Wrapper>(faults, path, *std::move(opened));
}

}  // namespace

std::string_view Name(OperationKind kind) {
  static constexpr std::array<std::string_view, kOperationKinds> kNames = {
      "create", "allocate", "append", "segment write", "sync", "directory sync", "rename", "remove",
      "link",   "truncate", "open",   "read",          "stat", "lock",           "list"};
  return kNames[static_cast<size_t>(kind)];
}

void FaultFileSystem::SetHook(Hook hook) {
  MutexLock lock(mutex_);
  hook_ = hook ? std::make_shared<const Hook>(std::move(hook)) : nullptr;
}

void FaultFileSystem::FailNth(OperationKind kind, uint64_t n, absl::Status status) {
  MutexLock lock(mutex_);
  rules_.push_back({kind, count(kind) + n, std::move(status)});
}

void FaultFileSystem::FailAll(OperationKind kind, absl::Status status) {
  MutexLock lock(mutex_);
  rules_.push_back({kind, 0, std::move(status)});
}

void FaultFileSystem::ClearFaults() {
  MutexLock lock(mutex_);
  hook_ = nullptr;
  rules_.clear();
  crash_.reset();
}

void FaultFileSystem::CrashAt(CrashPoint point) {
  MutexLock lock(mutex_);
  crash_ = std::move(point);
}

std::optional<FaultAction> FaultFileSystem::AskRules(const Operation& operation) const {
  MutexLock lock(mutex_);
  if (crash_.has_value() && operation.mutation == crash_->mutation) {
    dead_.store(true);
    FaultAction action =
        FaultAction::Short(crash_->short_bytes,
                           InternalError("{} {}: crashed here, at mutation {}",
                                         Name(operation.kind), operation.path, operation.mutation));
    action.afterwards = std::move(crash_->then);
    crash_.reset();
    return action;
  }
  for (const Rule& rule : rules_) {
    if (rule.kind == operation.kind && (rule.nth == 0 || rule.nth == operation.nth_of_kind)) {
      return FaultAction::Fail(rule.status);
    }
  }
  return std::nullopt;
}

FaultAction FaultFileSystem::Decide(Operation operation) const {
  const OperationKind kind = operation.kind;
  if (dead()) return FaultAction::Fail(InternalError("{} {}: killed", Name(kind), operation.path));
  operation.nth_of_kind = counts_[static_cast<size_t>(kind)].fetch_add(1) + 1;
  if (IsMutation(kind)) operation.mutation = mutation_count_.fetch_add(1) + 1;
  if (std::optional<FaultAction> action = AskRules(operation)) return *std::move(action);
  std::shared_ptr<const Hook> hook;
  {
    MutexLock lock(mutex_);
    hook = hook_;
  }
  return hook == nullptr ? FaultAction::Pass() : (*hook)(operation);
}

absl::StatusOr<std::unique_ptr<WritableFile>> FaultFileSystem::Create(const std::string& path) {
  return Carry(Decide(OperationKind::kCreate, path),
               [&] { return Wrap<FaultWritableFile>(*this, path, base_.Create(path)); });
}

absl::StatusOr<std::unique_ptr<WritableFile>> FaultFileSystem::OpenAppend(const std::string& path) {
  return Carry(Decide(OperationKind::kOpen, path),
               [&] { return Wrap<FaultWritableFile>(*this, path, base_.OpenAppend(path)); });
}

absl::StatusOr<std::unique_ptr<ReadableFile>> FaultFileSystem::OpenRead(
    const std::string& path) const {
  return Carry(Decide(OperationKind::kOpen, path),
               [&] { return Wrap<FaultReadableFile>(*this, path, base_.OpenRead(path)); });
}

absl::StatusOr<std::unique_ptr<SegmentFile>> FaultFileSystem::CreateSegment(
    const std::string& path, const SegmentOptions& options) {
  return Carry(Decide(OperationKind::kAllocate, path, options.capacity_bytes), [&] {
    return Wrap<FaultSegmentFile>(*this, path, base_.CreateSegment(path, options));
  });
}

absl::StatusOr<std::unique_ptr<SegmentFile>> FaultFileSystem::OpenSegment(
    const std::string& path, const SegmentOptions& options) {
  const OperationKind kind = options.read_only ? OperationKind::kOpen : OperationKind::kAllocate;
  return Carry(Decide(kind, path, options.capacity_bytes), [&] {
    return Wrap<FaultSegmentFile>(*this, path, base_.OpenSegment(path, options));
  });
}

absl::Status FaultFileSystem::Rename(const std::string& from, const std::string& to) {
  return Carry(Decide({.kind = OperationKind::kRename, .path = to, .from = from}),
               [&] { return base_.Rename(from, to); });
}

absl::Status FaultFileSystem::Remove(const std::string& path) {
  return Carry(Decide(OperationKind::kRemove, path), [&] { return base_.Remove(path); });
}

absl::Status FaultFileSystem::Link(const std::string& from, const std::string& to) {
  return Carry(Decide({.kind = OperationKind::kLink, .path = to, .from = from}),
               [&] { return base_.Link(from, to); });
}

absl::StatusOr<uint64_t> FaultFileSystem::LinkCount(const std::string& path) const {
  return Carry(Decide(OperationKind::kStat, path), [&] { return base_.LinkCount(path); });
}

absl::Status FaultFileSystem::CreateDirectory(const std::string& path) {
  return Carry(Decide(OperationKind::kCreate, path), [&] { return base_.CreateDirectory(path); });
}

absl::Status FaultFileSystem::SyncDirectory(const std::string& path) {
  return Carry(Decide(OperationKind::kDirectorySync, path),
               [&] { return base_.SyncDirectory(path); });
}

absl::StatusOr<std::vector<std::string>> FaultFileSystem::List(const std::string& path) const {
  return Carry(Decide(OperationKind::kList, path), [&] { return base_.List(path); });
}

absl::StatusOr<uint64_t> FaultFileSystem::FileSize(const std::string& path) const {
  return Carry(Decide(OperationKind::kStat, path), [&] { return base_.FileSize(path); });
}

absl::StatusOr<std::unique_ptr<DirectoryLock>> FaultFileSystem::Lock(const std::string& path) {
  return Carry(Decide(OperationKind::kLock, path), [&] { return base_.Lock(path); });
}

absl::StatusOr<uint64_t> FaultFileSystem::FreeBytes(const std::string& path) const {
  return Carry(Decide(OperationKind::kStat, path), [&] { return base_.FreeBytes(path); });
}

}  // namespace nokv::vfs
