#include "engine/log/segment.h"

#include "engine/base/check.h"
#include "engine/base/planted.h"

#include <algorithm>
#include <utility>

namespace nokv::log {
namespace {

constexpr uint64_t kPrepareStepBytes = 512 << 10;

// Covers the position, like a record's: what a recycled file ended with is no seal of this one.
uint32_t TrailerCrc(std::string_view trailer, Position position) {
  char place[8];
  StoreFixed(place, position);
  return ExtendCrc32c(Crc32c(trailer.substr(0, 16)), {place, sizeof(place)});
}

}  // namespace

std::string SegmentFileName(uint32_t number) { return fmt::format("{:06}.log", number); }

Segment::Segment(std::unique_ptr<vfs::SegmentFile> file, std::string name,
                 const SegmentIdentity& identity)
    : file_(std::move(file)),
      name_(std::move(name)),
      identity_(identity),
      data_(file_->data()),
      capacity_(file_->capacity_bytes()) {}

absl::StatusOr<std::shared_ptr<Segment>> Segment::Start(std::unique_ptr<vfs::SegmentFile> file,
                                                        std::string name,
                                                        const SegmentIdentity& identity,
                                                        bool was_prepared) {
  char header[kFileHeaderBytes];
  EncodeFileHeader({kSegmentMagic, identity.number, identity.boot_id, identity.database_id,
                    identity.durable, identity.version},
                   header);
  const std::string_view piece(header, sizeof(header));
  RETURN_IF_ERROR(file->Write(0, std::span(&piece, 1)));
  std::shared_ptr<Segment> segment(new Segment(std::move(file), std::move(name), identity));
  if (was_prepared) segment->prepared_ = segment->capacity_;
  return segment;
}

absl::StatusOr<std::shared_ptr<Segment>> Segment::Open(vfs::FileSystem& files,
                                                       const std::string& directory,
                                                       uint32_t number,
                                                       const OpenOptions& options) {
  const std::string path = vfs::JoinPath(directory, SegmentFileName(number));
  ASSIGN_OR_RETURN(const uint64_t size, files.FileSize(path));
  if (size < kFileHeaderBytes && !options.allow_missing_header) {
    return DataLossError("{}: {} bytes are too few for a header of {}", path, size,
                         kFileHeaderBytes);
  }
  ASSIGN_OR_RETURN(
      std::unique_ptr<vfs::SegmentFile> file,
      files.OpenSegment(
          path, {.capacity_bytes = size, .read_only = options.read_only, .map = options.map}));
  std::string scratch;
  absl::StatusOr<FileHeader> header = DataLossError("{}: empty", path);
  if (size >= kFileHeaderBytes) {
    ASSIGN_OR_RETURN(const std::string_view bytes, file->Read(0, kFileHeaderBytes, &scratch));
    header = DecodeFileHeader(bytes, path);
  }
  // A recycled file whose new header did not reach the disk still carries its old number.
  const bool is_missing =
      header.ok() ? header->number != number : absl::IsDataLoss(header.status());
  if (options.allow_missing_header && is_missing) {
    std::shared_ptr<Segment> segment(
        new Segment(std::move(file), path, {number, 0, options.database_id, 0}));
    segment->header_found_ = false;
    return segment;
  }
  RETURN_IF_ERROR(header.status());
  RETURN_IF_ERROR(CheckFileHeader(*header, kSegmentMagic, number, options.database_id, path));
  const SegmentIdentity identity{number, header->boot_id, header->database_id, header->durable,
                                 header->version};
  std::shared_ptr<Segment> segment(new Segment(std::move(file), path, identity));
  ASSIGN_OR_RETURN(const bool sealed, segment->FindSeal());
  segment->sealed_.store(sealed);
  return segment;
}

absl::Status Segment::Append(const RecordDraft& draft, std::string_view key,
                             std::string_view value) {
  const std::string_view pieces[] = {draft.header(), key, value};
  RETURN_IF_ERROR(file_->Write(size_, pieces));
  size_ += draft.aligned_bytes();
  return absl::OkStatus();
}

void Segment::PrepareAhead() {
  if (prepared_ >= capacity_ || size_ + kPrepareStepBytes / 2 < prepared_) return;
  prepared_ = std::max(prepared_, size_);
  const uint64_t step = std::min(kPrepareStepBytes, capacity_ - prepared_);
  file_->Prepare(prepared_, step);
  prepared_ += step;
}

absl::Status Segment::WriteFooter(Position durable) {
  const std::string_view offsets(reinterpret_cast<const char*>(ordinals_.data()),
                                 4 * ordinals_.size());
  RecordDraft draft({.kind = RecordKind::kFooter,
                     .flags = 0,
                     .column_family = 0,
                     .expiry_ms = 0,
                     .count = 0,
                     .key = {},
                     .value = offsets});
  footer_offset_ = static_cast<uint32_t>(size_);
  draft.Finish(NextPosition(), durable);
  RETURN_IF_ERROR(Append(draft, {}, offsets));

  char trailer[kTrailerBytes] = {};
  StoreFixed(trailer, kSealMagic);
  StoreFixed(trailer + 8, footer_offset_);
  StoreFixed(trailer + 12, static_cast<uint32_t>(ordinals_.size()));
  StoreFixed(trailer + 16, TrailerCrc({trailer, kTrailerBytes}, NextPosition()));
  const std::string_view piece(trailer, sizeof(trailer));
  RETURN_IF_ERROR(file_->Write(size_, std::span(&piece, 1)));
  size_ += kTrailerBytes;
  sealed_ordinals_ = static_cast<uint32_t>(ordinals_.size());
  checked_ = std::make_unique<CheckedValues>(sealed_ordinals_);
  loaded_data_.store(ordinals_.data(), std::memory_order_release);
  sealed_.store(true, std::memory_order_release);
  return absl::OkStatus();
}

absl::Status Segment::FinishSeal() {
  NOKV_CHECK(sealed());
  if (Planted(Bug::kSealWithoutSync)) return absl::OkStatus();
  RETURN_IF_ERROR(file_->Truncate(size_));
  return Sync();
}

absl::Status Segment::Sync() {
  RETURN_IF_ERROR(file_->Sync());
  return file_->MappingStatus();
}

void Segment::ForgetSeal(std::vector<uint32_t> ordinals) {
  ordinals_ = std::move(ordinals);
  sealed_ordinals_ = 0;
  loaded_data_.store(nullptr, std::memory_order_release);
  sealed_.store(false, std::memory_order_release);
}

absl::Status Segment::EndAt(uint32_t offset, vfs::FileSystem& files, bool map) {
  NOKV_CHECK(!sealed() && header_found_ && offset >= kFileHeaderBytes);
  size_ = offset;
  const uint64_t needed = size_ + FooterBytes(ordinals_.size());
  if (needed > capacity_) {
    // A crash lost the end of the file, which the writer had kept free for the footer.
    file_.reset();
    ASSIGN_OR_RETURN(file_, files.OpenSegment(
                                name_, {.capacity_bytes = needed, .read_only = false, .map = map}));
    data_ = file_->data();
    capacity_ = needed;
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> Segment::FindSeal() {
  if (capacity_ < kFileHeaderBytes + FooterBytes(0)) return false;
  std::string scratch;
  const uint64_t at = capacity_ - kTrailerBytes;
  ASSIGN_OR_RETURN(const std::string_view trailer, file_->Read(at, kTrailerBytes, &scratch));
  if (LoadFixed<uint64_t>(trailer.data()) != kSealMagic ||
      LoadFixed<uint32_t>(trailer.data() + 16) !=
          TrailerCrc(trailer, MakePosition(number(), static_cast<uint32_t>(at)))) {
    return false;
  }
  footer_offset_ = LoadFixed<uint32_t>(trailer.data() + 8);
  sealed_ordinals_ = LoadFixed<uint32_t>(trailer.data() + 12);
  if (footer_offset_ < kFileHeaderBytes ||
      footer_offset_ + FooterBytes(sealed_ordinals_) != capacity_) {
    return DataLossError(
        "{} at {}: the trailer's footer at {} with {} values does not fit a file "
        "of {} bytes",
        name_, at, footer_offset_, sealed_ordinals_, capacity_);
  }
  size_ = capacity_;
  return true;
}

absl::StatusOr<std::span<const uint32_t>> Segment::Ordinals() const {
  if (const uint32_t* offsets = sealed_offsets(); offsets != nullptr) {
    return std::span<const uint32_t>(offsets, sealed_ordinals_);
  }
  if (sealed_ordinals_ == 0) return std::span<const uint32_t>();
  MutexLock lock(load_mutex_);
  if (loaded_data_.load(std::memory_order_relaxed) == nullptr) {
    const auto length = static_cast<uint32_t>(kRecordHeaderBytes + 4ull * sealed_ordinals_);
    std::string scratch;
    ASSIGN_OR_RETURN(const std::string_view bytes, file_->Read(footer_offset_, length, &scratch));
    Record footer;
    RETURN_IF_ERROR(
        CheckRecord(bytes, MakePosition(number(), footer_offset_), name_, footer_offset_, &footer));
    loaded_.resize(sealed_ordinals_);
    std::memcpy(loaded_.data(), footer.value.data(), footer.value.size());
    checked_ = std::make_unique<CheckedValues>(sealed_ordinals_);
    loaded_data_.store(loaded_.data(), std::memory_order_release);
  }
  return std::span<const uint32_t>(loaded_data_.load(std::memory_order_relaxed), sealed_ordinals_);
}

absl::StatusOr<uint32_t> Segment::OffsetOfOrdinal(uint32_t ordinal) const {
  ASSIGN_OR_RETURN(const std::span<const uint32_t> offsets, Ordinals());
  if (ordinal >= offsets.size()) {
    return DataLossError("{}: value {} is asked for, the segment has {}", name_, ordinal,
                         offsets.size());
  }
  return offsets[ordinal];
}

absl::StatusOr<uint32_t> Segment::FindOrdinal(uint32_t offset) const {
  ASSIGN_OR_RETURN(const std::span<const uint32_t> offsets, Ordinals());
  const auto found = std::lower_bound(offsets.begin(), offsets.end(), offset);
  if (found == offsets.end() || *found != offset) {
    return DataLossError("{} at {}: no value begins there", name_, offset);
  }
  return static_cast<uint32_t>(found - offsets.begin());
}

absl::StatusOr<std::string_view> Segment::ReadRaw(uint32_t ordinal, uint32_t record_bytes,
                                                  Position* position, std::string* scratch) const {
  ASSIGN_OR_RETURN(const uint32_t offset, OffsetOfOrdinal(ordinal));
  *position = MakePosition(number(), offset);
  return file_->Read(offset, record_bytes, scratch);
}

absl::StatusOr<Record> Segment::ReadValue(uint32_t ordinal, uint32_t record_bytes,
                                          ReadChecks checks, std::string* scratch) const {
  Position position = 0;
  ASSIGN_OR_RETURN(const std::string_view bytes,
                   ReadRaw(ordinal, record_bytes, &position, scratch));
  const uint32_t offset = OffsetOf(position);
  if (!checks.verify || (!checks.again && checked_->Contains(ordinal))) {
    return PeekRecord(bytes, name_, offset);
  }
  Record record;
  RETURN_IF_ERROR(CheckRecord(bytes, position, name_, offset, &record));
  if (!checks.again) checked_->Add(ordinal);
  return record;
}

void Segment::PrefetchPlace(uint32_t ordinal) const {
  const uint32_t* const offsets = sealed_offsets();
  if (offsets != nullptr && ordinal < sealed_ordinals_) __builtin_prefetch(offsets + ordinal);
}

void Segment::Prefetch(uint32_t ordinal, uint32_t record_bytes) const {
  const uint32_t* const offsets = sealed_offsets();
  if (data_ == nullptr || offsets == nullptr || ordinal >= sealed_ordinals_) return;
  if (const uint32_t offset = offsets[ordinal]; offset < size_) PrefetchAt(offset, record_bytes);
}

absl::StatusOr<Record> Segment::ReadAt(uint32_t offset, uint32_t record_bytes,
                                       std::string* scratch) const {
  ASSIGN_OR_RETURN(const std::string_view bytes, file_->Read(offset, record_bytes, scratch));
  return PeekRecord(bytes, name_, offset);
}

absl::StatusOr<Record> Segment::ReadCheckedAt(uint32_t offset, uint32_t record_bytes,
                                              std::string* scratch) const {
  ASSIGN_OR_RETURN(const std::string_view bytes, file_->Read(offset, record_bytes, scratch));
  Record record;
  RETURN_IF_ERROR(CheckRecord(bytes, MakePosition(number(), offset), name_, offset, &record));
  return record;
}

absl::StatusOr<bool> Segment::Decode(uint32_t offset, Record* record, std::string* scratch) const {
  if (offset + uint64_t{kRecordHeaderBytes} > capacity_) return false;
  ASSIGN_OR_RETURN(std::string_view bytes, file_->Read(offset, kRecordHeaderBytes, scratch));
  const auto length = LoadFixed<uint32_t>(bytes.data() + 4);
  if (length < kRecordHeaderBytes || offset + uint64_t{length} > capacity_) return false;
  ASSIGN_OR_RETURN(bytes, file_->Read(offset, length, scratch));
  return DecodeRecord(bytes, MakePosition(number(), offset), record);
}

absl::StatusOr<bool> Segment::LooksLikeRecord(uint32_t offset, std::string* scratch) const {
  if (offset + uint64_t{kRecordHeaderBytes} > capacity_) return false;
  ASSIGN_OR_RETURN(const std::string_view header, file_->Read(offset, kRecordHeaderBytes, scratch));
  return IsPlausibleHeader(header, MakePosition(number(), offset), identity_.durable,
                           capacity_ - offset);
}

absl::StatusOr<uint64_t> Segment::UnfinishedBytes(uint32_t offset) const {
  std::string scratch;
  ASSIGN_OR_RETURN(const bool plausible, LooksLikeRecord(offset, &scratch));
  if (!plausible) return 0;
  ASSIGN_OR_RETURN(const std::string_view header,
                   file_->Read(offset, kRecordHeaderBytes, &scratch));
  return LoadFixed<uint32_t>(header.data() + 4);
}

}  // namespace nokv::log
