// What a reader sees: the memtables and the version of one moment, immutable as a set. A new one is
// published whenever a memtable is rotated or a version installed; readers reach the current one
// through an atomic pointer inside an EpochGuard and count a reference only to keep it longer.
//
// Thread-safety: immutable; the reference count is atomic.
#pragma once

#include "engine/base/check.h"
#include "engine/log/part.h"
#include "engine/log/segment.h"
#include "engine/lsm/memtable.h"
#include "engine/lsm/version.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <utility>
#include <vector>

namespace nokv {

// The memtables of all column families over one stretch of the log: whole segments, from
// first_segment on. Flushed as one, with one edit.
//
// Thread-safety: one writer (under the write path's lock); readers beside it.
class Generation {
 public:
  static constexpr size_t kSegmentsMax = 256;

  Generation(uint32_t first_segment, const std::vector<uint16_t>& families, size_t keys_expected)
      : first_segment_(first_segment) {
    for (const uint16_t id : families) {
      tables_.emplace_back(id, std::make_unique<lsm::MemTable>(id == 0 ? keys_expected : 0));
    }
  }

  lsm::MemTable* table(uint16_t family) const {
    for (const auto& [id, memtable] : tables_) {
      if (id == family) return memtable.get();
    }
    return nullptr;
  }

  const std::vector<std::pair<uint16_t, std::unique_ptr<lsm::MemTable>>>& tables() const {
    return tables_;
  }

  uint32_t first_segment() const { return first_segment_; }

  bool TakesSegments() const { return owners_.size() < kSegmentsMax; }

  // Segments are added in order, without gaps.
  void AddSegment(std::shared_ptr<const log::Segment> segment) {
    NOKV_CHECK(segment->number() == first_segment_ + owners_.size());
    segments_[owners_.size()].store(segment.get(), std::memory_order_release);
    owners_.push_back(std::move(segment));
  }

  const std::vector<std::shared_ptr<const log::Segment>>& segments() const { return owners_; }

  // A version here is about to refer to a part of a value in `segment`, which stays as long as this
  // does.
  void AddReferred(std::shared_ptr<const log::Segment> segment);

  // The first segment that a version here refers to a part of, or UINT32_MAX.
  uint32_t oldest_referred() const { return oldest_referred_.load(std::memory_order_acquire); }

  // One of its own or of those that its versions refer to; else null.
  const log::Segment* FindSegment(uint32_t number) const;

  // The record of a version that a reader found here, with the value where it is a part.
  absl::StatusOr<log::Record> ReadRecord(const lsm::MemVersion& version,
                                         std::string* scratch) const {
    if (version.is_part) return ReadWithPart(version, scratch);
    return SegmentOfVersion(version)->ReadAt(log::OffsetOf(version.sequence), version.record_bytes,
                                             scratch);
  }

  // The head that is kept with a version whose value is a part: maybe empty.
  absl::StatusOr<std::string_view> ReadHead(const lsm::MemVersion& version,
                                            std::string* scratch) const;

  // The record itself with its checksum checked: for a copy that will be under another one.
  absl::StatusOr<log::Record> ReadCheckedRecord(const lsm::MemVersion& version,
                                                std::string* scratch) const {
    return SegmentOfVersion(version)->ReadCheckedAt(log::OffsetOf(version.sequence),
                                                    version.record_bytes, scratch);
  }

  // Where the record stands that `reference` leads to.
  absl::StatusOr<table::ValueHandle> FindReferred(const log::PartReference& reference) const;

  void Prefetch(const lsm::MemVersion& version) const {
    SegmentOfVersion(version)->PrefetchAt(log::OffsetOf(version.sequence), version.record_bytes);
  }

  size_t used_bytes() const {
    size_t bytes = 0;
    for (const auto& [id, memtable] : tables_) bytes += memtable->used_bytes();
    return bytes;
  }

  // Of the segments before the one that is being written.
  uint64_t log_bytes() const { return log_bytes_.load(std::memory_order_relaxed); }

  void add_log_bytes(uint64_t bytes) { log_bytes_.fetch_add(bytes, std::memory_order_relaxed); }

  // Up to where the data of groups is in these memtables and all before; 0 for a group that is
  // gone.
  void SetMark(uint64_t group, uint64_t index) { marks_[group] = index; }

  const std::map<uint64_t, uint64_t>& marks() const { return marks_; }

  bool empty() const {
    if (!marks_.empty()) return false;
    for (const auto& [id, memtable] : tables_) {
      if (!memtable->empty()) return false;
    }
    return true;
  }

 private:
  // An older segment that versions refer to.
  struct Referred {
    std::shared_ptr<const log::Segment> segment;
    const Referred* next = nullptr;
  };

  // The record of a version whose value is a part, and the reference that stands in it.
  struct RecordOfPart {
    log::Record record;
    log::PartReference reference;
  };

  absl::StatusOr<RecordOfPart> ReadRecordOfPart(const lsm::MemVersion& version,
                                                std::string* scratch) const;
  absl::StatusOr<log::Record> ReadWithPart(const lsm::MemVersion& version,
                                           std::string* scratch) const;

  bool IsOwn(uint32_t number) const {
    return number >= first_segment_ && number - first_segment_ < kSegmentsMax;
  }

  const log::Segment* SegmentOfVersion(const lsm::MemVersion& version) const {
    return segments_[log::SegmentOf(version.sequence) - first_segment_].load(
        std::memory_order_acquire);
  }

  const uint32_t first_segment_;
  std::atomic<uint64_t> log_bytes_{0};
  std::vector<std::pair<uint16_t, std::unique_ptr<lsm::MemTable>>> tables_;
  std::map<uint64_t, uint64_t> marks_;
  std::array<std::atomic<const log::Segment*>, kSegmentsMax> segments_{};
  std::vector<std::shared_ptr<const log::Segment>> owners_;
  std::deque<Referred> referred_;
  std::atomic<const Referred*> last_referred_{nullptr};  // For readers; all others behind it.
  std::atomic<uint32_t> oldest_referred_{UINT32_MAX};
};

class ReadState {
 public:
  // Told when a reader was the last to let a state go. Outlives all references.
  class Owner {
   public:
    virtual void OnStateReleased() = 0;

   protected:
    ~Owner() = default;
  };

  ReadState(std::vector<std::shared_ptr<Generation>> generations,
            std::shared_ptr<const lsm::Version> version, Owner& owner)
      : generations_(std::move(generations)), version_(std::move(version)), owner_(owner) {}

  // Newest first.
  const std::vector<std::shared_ptr<Generation>>& generations() const { return generations_; }

  const lsm::Version& version() const { return *version_; }

  const std::shared_ptr<const lsm::Version>& shared_version() const { return version_; }

  void Ref() const { references_.fetch_add(1, std::memory_order_relaxed); }

  // True if it was the last reference.
  bool Unref() const {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) > 1) return false;
    delete this;
    return true;
  }

  Owner& owner() const { return owner_; }

 private:
  ~ReadState() = default;

  const std::vector<std::shared_ptr<Generation>> generations_;
  const std::shared_ptr<const lsm::Version> version_;
  Owner& owner_;
  mutable std::atomic<uint64_t> references_{1};
};

// A reader's counted reference.
class ReadStateRef {
 public:
  explicit ReadStateRef(const ReadState* state) : state_(state) { state_->Ref(); }

  ~ReadStateRef() {
    ReadState::Owner& owner = state_->owner();
    if (state_->Unref()) owner.OnStateReleased();
  }

  ReadStateRef(const ReadStateRef&) = delete;
  ReadStateRef& operator=(const ReadStateRef&) = delete;

  const ReadState* operator->() const { return state_; }

  const ReadState& operator*() const { return *state_; }

 private:
  const ReadState* const state_;
};

}  // namespace nokv
