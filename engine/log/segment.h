// One file of the log: written front to back while active, then sealed and never changed again.
//
// While active, only the writer appends; readers may read every record whose position the write
// path has published to them.
//
// Thread-safety: Append, AddOrdinal, WriteFooter belong to the writer (under the write path's
// lock); FinishSeal and Sync to whoever holds the segment; reading is safe.
#pragma once

#include "engine/base/mutex.h"
#include "engine/base/status.h"
#include "engine/log/checked_values.h"
#include "engine/log/record.h"
#include "engine/log/value_host.h"
#include "engine/vfs/file_system.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nokv::log {

std::string SegmentFileName(uint32_t number);  // "000012.log"

struct SegmentIdentity {
  uint32_t number = 0;
  uint64_t boot_id = 0;
  uint64_t database_id = 0;
  Position durable = 0;  // Of the log when the segment was started.
  uint32_t version = kFormatWithoutGroups;
};

class Segment final : public ValueHost {
 public:
  // Takes `file`, new or recycled, and writes the header for `identity`. `was_prepared` says that
  // its pages are resident.
  static absl::StatusOr<std::shared_ptr<Segment>> Start(std::unique_ptr<vfs::SegmentFile> file,
                                                        std::string name,
                                                        const SegmentIdentity& identity,
                                                        bool was_prepared);

  struct OpenOptions {
    uint64_t database_id = 0;
    bool read_only = false;
    bool map = true;
    // For recovery: a header that a crash left unwritten is not an error, see header_found().
    bool allow_missing_header = false;
  };

  // Opens a file that exists. A sealed one reads its ordinals from the footer on first use; those
  // of an unsealed one are counted by replay.
  static absl::StatusOr<std::shared_ptr<Segment>> Open(vfs::FileSystem& files,
                                                       const std::string& directory,
                                                       uint32_t number, const OpenOptions& options);

  // What a footer for this many values takes.
  static uint64_t FooterBytes(uint64_t ordinals) {
    return AlignRecord(kRecordHeaderBytes + 4 * ordinals) + kTrailerBytes;
  }

  // --- Writer.

  // Whether records of `record_bytes` in all, with at most `members` values, fit before the footer.
  bool HasRoom(uint64_t record_bytes, uint64_t members) const {
    return size_ + record_bytes + FooterBytes(ordinals_.size() + members) <= capacity_;
  }

  // Writes one record whose draft is finished for NextPosition(). HasRoom() holds.
  absl::Status Append(const RecordDraft& draft, std::string_view key, std::string_view value);

  Position NextPosition() const { return MakePosition(number(), static_cast<uint32_t>(size_)); }

  // The ordinal of the value in the record just appended.
  uint32_t AddOrdinal(uint32_t offset) {
    ordinals_.push_back(offset);
    return static_cast<uint32_t>(ordinals_.size() - 1);
  }

  // Makes [size, size + ahead) resident, in steps, so that appends do not fault.
  void PrepareAhead();

  // Appends footer and trailer in memory. The last append.
  absl::Status WriteFooter(Position durable);

  // Truncates to the sealed size and syncs. After OK the whole segment is durable.
  absl::Status FinishSeal();

  absl::Status Sync();

  // Recovery: the records end before the footer, which reached the disk without some of them. From
  // now on this is an unsealed segment with values at `ordinals`.
  void ForgetSeal(std::vector<uint32_t> ordinals);

  // Recovery: the valid records end at `offset`. What lies behind is overwritten by the footer and
  // truncated. Extends the file if the footer does not fit.
  absl::Status EndAt(uint32_t offset, vfs::FileSystem& files, bool map);

  // --- Readers.

  absl::StatusOr<Record> ReadValue(uint32_t ordinal, uint32_t record_bytes, ReadChecks checks,
                                   std::string* scratch) const override;
  absl::StatusOr<std::string_view> ReadRaw(uint32_t ordinal, uint32_t record_bytes,
                                           Position* position, std::string* scratch) const override;
  void Prefetch(uint32_t ordinal, uint32_t record_bytes) const override;

  void PrefetchPlace(uint32_t ordinal) const override;

  const std::string& file_name() const override { return name_; }

  // A record that the memtable points at, whose bytes this process wrote or checked.
  absl::StatusOr<Record> ReadAt(uint32_t offset, uint32_t record_bytes, std::string* scratch) const;
  absl::StatusOr<Record> ReadCheckedAt(uint32_t offset, uint32_t record_bytes,
                                       std::string* scratch) const;

  void PrefetchAt(uint32_t offset, uint32_t record_bytes) const {
    if (data_ != nullptr) PrefetchBytes(data_ + offset, record_bytes);
  }

  // Which value of this sealed segment is in the record at `offset`. DataLoss if none is.
  absl::StatusOr<uint32_t> FindOrdinal(uint32_t offset) const;

  // Decodes the record at `offset` for recovery; false if there is none.
  absl::StatusOr<bool> Decode(uint32_t offset, Record* record, std::string* scratch) const;

  // A quick look for recovery: could the bytes at `offset` be a record of this segment? What a
  // recycled file held before says no, because its marks are older than this segment.
  absl::StatusOr<bool> LooksLikeRecord(uint32_t offset, std::string* scratch) const;

  // How many bytes of an unfinished record stand at `offset`, as far as its header tells.
  absl::StatusOr<uint64_t> UnfinishedBytes(uint32_t offset) const;

  uint32_t number() const { return identity_.number; }

  uint64_t boot_id() const { return identity_.boot_id; }

  Position durable() const { return identity_.durable; }  // Of the log when it was started.

  bool sealed() const { return sealed_.load(std::memory_order_acquire); }

  uint64_t size_bytes() const { return size_; }  // Of the records and, once sealed, the footer.

  uint64_t capacity_bytes() const { return capacity_; }

  bool header_found() const { return header_found_; }

  // Whether the file's name survives a power cut. Set by whoever synced the directory.
  bool name_durable() const { return name_durable_.load(std::memory_order_acquire); }

  void set_name_durable() { name_durable_.store(true, std::memory_order_release); }

  uint32_t ordinal_count() const {
    return sealed() ? sealed_ordinals_ : static_cast<uint32_t>(ordinals_.size());
  }

 private:
  Segment(std::unique_ptr<vfs::SegmentFile> file, std::string name,
          const SegmentIdentity& identity);

  // Null until the segment is sealed and, if it was found so, the footer has been read.
  const uint32_t* sealed_offsets() const { return loaded_data_.load(std::memory_order_acquire); }

  // Reads trailer and footer of a file that ends with them; false if it does not.
  absl::StatusOr<bool> FindSeal();
  absl::StatusOr<std::span<const uint32_t>> Ordinals() const;
  absl::StatusOr<uint32_t> OffsetOfOrdinal(uint32_t ordinal) const;

  std::unique_ptr<vfs::SegmentFile> file_;  // Replaced only by EndAt(), before there are readers.
  const std::string name_;
  const SegmentIdentity identity_;
  const char* data_;
  uint64_t capacity_;
  uint64_t size_ = kFileHeaderBytes;
  uint64_t prepared_ = 0;
  uint32_t footer_offset_ = 0;
  std::vector<uint32_t> ordinals_;  // Of a segment this process wrote or replayed.
  std::atomic<bool> sealed_{false};
  std::atomic<bool> name_durable_{false};
  bool header_found_ = true;

  // Of a segment found sealed: loaded on first use, then constant.
  mutable Mutex load_mutex_;
  mutable std::vector<uint32_t> loaded_ ABSL_GUARDED_BY(load_mutex_);
  mutable std::atomic<const uint32_t*> loaded_data_{nullptr};
  mutable std::unique_ptr<CheckedValues> checked_;  // There once loaded_data_ is set.
  uint32_t sealed_ordinals_ = 0;
};

}  // namespace nokv::log
