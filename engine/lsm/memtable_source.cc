#include "engine/lsm/memtable_source.h"

#include "engine/base/check.h"

#include <algorithm>
#include <string>
#include <utility>

namespace nokv::lsm {
namespace {

class MemTableSource final : public table::TableIterator {
 public:
  MemTableSource(const MemTable& memtable, std::vector<Sequence> snapshots, RecordReader reader,
                 PartFinder find_part)
      : cursor_(memtable.NewCursor()),
        snapshots_(std::move(snapshots)),
        reader_(std::move(reader)),
        find_part_(std::move(find_part)) {}

  void SeekToFirst() override {
    cursor_.SeekToFirst();
    EnterKey();
  }

  void Next() override {
    const Sequence newer = version_->sequence;
    do {
      version_ = version_->older;
    } while (version_ != nullptr && version_->ordinal == kNoOrdinal && IsShadowed(newer));
    if (version_ != nullptr) {
      Load();
      return;
    }
    cursor_.Next();
    EnterKey();
  }

  absl::Status status() const override { return status_; }

  void SeekToLast() override { NOKV_CHECK(false); }

  void Seek(std::string_view, Sequence) override { NOKV_CHECK(false); }

  void Prev() override { NOKV_CHECK(false); }

 private:
  void EnterKey() {
    version_ = cursor_.Valid() ? cursor_.node().newest.load(std::memory_order_acquire) : nullptr;
    if (version_ != nullptr) {
      Load();
    } else {
      StandAt(nullptr);
    }
  }

  // Whether no snapshot sees version_ instead of the one with the sequence `newer`.
  bool IsShadowed(Sequence newer) const {
    const auto first = std::lower_bound(snapshots_.begin(), snapshots_.end(), version_->sequence);
    return first == snapshots_.end() || *first >= newer;
  }

  void Load() {
    entry_ = {};
    entry_.key = cursor_.node().key();
    entry_.sequence = version_->sequence;
    StandAt(&entry_);
    if (version_->is_delete) return;
    const bool is_large = version_->ordinal != kNoOrdinal;
    entry_.kind = is_large ? table::EntryKind::kHandle : table::EntryKind::kInline;
    if (is_large) {
      entry_.handle = {log::SegmentOf(version_->sequence), version_->ordinal,
                       version_->record_bytes};
      if (!version_->has_expiry) return;
    }
    const absl::Status loaded = LoadRecord(is_large);
    if (loaded.ok()) return;
    status_ = loaded;
    StandAt(nullptr);
  }

  absl::Status LoadRecord(bool is_large) {
    ASSIGN_OR_RETURN(const log::Record record, reader_(*version_, &scratch_));
    entry_.expiry_ms = record.expiry_ms;
    if (is_large) return absl::OkStatus();
    if (!version_->is_part) {
      entry_.value = record.value;
      return absl::OkStatus();
    }
    const std::optional<log::PartReference> reference =
        log::DecodePartReference(record.value, version_->sequence);
    if (!reference.has_value()) {
      return DataLossError("segment {} at {}: a malformed reference to a value",
                           log::SegmentOf(version_->sequence), log::OffsetOf(version_->sequence));
    }
    entry_.kind = table::EntryKind::kPart;
    entry_.part = reference->part;
    entry_.value = reference->head;
    ASSIGN_OR_RETURN(entry_.handle, find_part_(*reference));
    return absl::OkStatus();
  }

  KeyTree::Cursor cursor_;
  const std::vector<Sequence> snapshots_;
  const RecordReader reader_;
  const PartFinder find_part_;
  const MemVersion* version_ = nullptr;
  table::Entry entry_;
  std::string scratch_;
  absl::Status status_;
};

}  // namespace

std::unique_ptr<table::TableIterator> NewMemTableSource(const MemTable& memtable,
                                                        std::vector<Sequence> snapshots,
                                                        RecordReader reader, PartFinder find_part) {
  return std::make_unique<MemTableSource>(memtable, std::move(snapshots), std::move(reader),
                                          std::move(find_part));
}

}  // namespace nokv::lsm
