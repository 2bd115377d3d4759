#include "engine/log/value_file.h"

#include "engine/base/check.h"
#include "engine/log/checked_values.h"

#include <algorithm>
#include <deque>
#include <utility>

namespace nokv::log {
namespace {

// Written in whole large pages, so that the page cache keeps them as such.
constexpr size_t kBufferBytes = 2 << 20;
constexpr uint32_t kWordBytes = 16;
constexpr uint32_t kPlaceBytes = 8;

// One segment's part of the index, read in place.
// Sections with more ordinals than this for each value are searched instead.
constexpr uint32_t kOffsetsPerValueMax = 4;

struct SectionView {
  uint32_t segment = 0;
  uint32_t ordinals = 0;
  uint32_t live = 0;
  const char* words = nullptr;
  const char* places = nullptr;
  // Of each ordinal, 0 for those that are not here; null where that would be mostly zeros.
  const uint32_t* offsets = nullptr;
  CheckedValues* checked = nullptr;

  // The place of a value, or null.
  const char* FindPlace(uint32_t ordinal) const {
    if (ordinal >= ordinals) return nullptr;
    const char* word = words + size_t{ordinal / 64} * kWordBytes;
    const auto bits = LoadFixed<uint64_t>(word);
    const uint64_t bit = uint64_t{1} << (ordinal % 64);
    if ((bits & bit) == 0) return nullptr;
    const uint32_t rank = LoadFixed<uint32_t>(word + 8) +
                          static_cast<uint32_t>(__builtin_popcountll(bits & (bit - 1)));
    return rank < live ? places + size_t{rank} * kPlaceBytes : nullptr;
  }

  // 0 if the value is not here. With `offsets`, one cache miss instead of two in a row.
  uint32_t FindOffset(uint32_t ordinal) const {
    if (offsets != nullptr) return ordinal < ordinals ? offsets[ordinal] : 0;
    const char* const place = FindPlace(ordinal);
    return place == nullptr ? 0 : LoadFixed<uint32_t>(place);
  }
};

std::vector<uint32_t> ExpandOffsets(const SectionView& section) {
  std::vector<uint32_t> offsets(section.ordinals);
  for (uint32_t ordinal = 0; ordinal < section.ordinals; ++ordinal) {
    const char* const place = section.FindPlace(ordinal);
    if (place != nullptr) offsets[ordinal] = LoadFixed<uint32_t>(place);
  }
  return offsets;
}

}  // namespace

std::string ValueFileName(uint32_t number) { return fmt::format("{:06}.val", number); }

absl::StatusOr<std::unique_ptr<ValueFileBuilder>> ValueFileBuilder::Start(
    vfs::WritableFile& file, const FileHeader& header) {
  std::unique_ptr<ValueFileBuilder> builder(new ValueFileBuilder(file));
  char bytes[kFileHeaderBytes];
  EncodeFileHeader(header, bytes);
  builder->buffer_.assign(bytes, sizeof(bytes));
  return builder;
}

absl::Status ValueFileBuilder::Add(uint32_t segment, uint32_t ordinal, Position original,
                                   std::string_view record) {
  if (sections_.empty() || sections_.back().segment != segment) {
    NOKV_CHECK(sections_.empty() || sections_.back().segment < segment);
    sections_.push_back({segment, {}});
  }
  std::vector<Place>& places = sections_.back().places;
  NOKV_CHECK(places.empty() || places.back().ordinal < ordinal);
  const uint64_t offset = size_bytes();
  if (offset + record.size() > UINT32_MAX) {
    return ResourceExhaustedError("a value file of {} bytes takes no record of {} more", offset,
                                  record.size());
  }
  places.push_back({ordinal, static_cast<uint32_t>(offset), OffsetOf(original)});
  buffer_.append(record);
  buffer_.resize(AlignRecord(buffer_.size()));
  while (buffer_.size() >= kBufferBytes) {
    RETURN_IF_ERROR(file_.Append(std::string_view(buffer_).substr(0, kBufferBytes)));
    size_ += kBufferBytes;
    buffer_.erase(0, kBufferBytes);
  }
  return absl::OkStatus();
}

absl::Status ValueFileBuilder::Drain() {
  RETURN_IF_ERROR(file_.Append(buffer_));
  size_ += buffer_.size();
  buffer_.clear();
  return absl::OkStatus();
}

absl::Status ValueFileBuilder::Finish() {
  RETURN_IF_ERROR(Drain());
  const auto index_offset = static_cast<uint32_t>(size_);
  for (const Section& section : sections_) {
    const uint32_t ordinals = section.places.back().ordinal + 1;
    PutFixed(buffer_, section.segment);
    PutFixed(buffer_, ordinals);
    PutFixed(buffer_, static_cast<uint32_t>(section.places.size()));
    PutFixed(buffer_, uint32_t{0});
    uint32_t rank = 0;
    for (uint32_t base = 0; base < ordinals; base += 64) {
      uint64_t bits = 0;
      const uint32_t rank_before = rank;
      for (; rank < section.places.size() && section.places[rank].ordinal < base + 64; ++rank) {
        bits |= uint64_t{1} << (section.places[rank].ordinal - base);
      }
      PutFixed(buffer_, bits);
      PutFixed(buffer_, rank_before);
      PutFixed(buffer_, uint32_t{0});
    }
    for (const Place& place : section.places) {
      PutFixed(buffer_, place.offset);
      PutFixed(buffer_, place.original_offset);
    }
  }
  char trailer[kTrailerBytes];
  StoreFixed(trailer, kIndexMagic);
  StoreFixed(trailer + 8, index_offset);
  StoreFixed(trailer + 12, static_cast<uint32_t>(sections_.size()));
  StoreFixed(trailer + 16, Crc32c(buffer_));
  StoreFixed(trailer + 20, Crc32c({trailer, 20}));
  buffer_.append(trailer, sizeof(trailer));
  RETURN_IF_ERROR(Drain());
  return file_.Sync();
}

struct ValueFile::State {
  std::unique_ptr<vfs::SegmentFile> file;
  std::string name;
  uint32_t number = 0;
  uint64_t size_bytes = 0;
  std::string index;  // Copied: 10 to 25 bytes a value.
  std::vector<SectionView> sections;
  std::deque<CheckedValues> checked;  // Of each section.
  std::deque<std::vector<uint32_t>> offsets;

  absl::Status ParseIndex(uint64_t index_offset, uint32_t section_count) {
    Decoder decoder(index);
    for (uint32_t i = 0; i < section_count; ++i) {
      SectionView view;
      uint32_t reserved = 0;
      std::string_view words;
      std::string_view places;
      if (!decoder.Fixed(&view.segment) || !decoder.Fixed(&view.ordinals) ||
          !decoder.Fixed(&view.live) || !decoder.Fixed(&reserved) ||
          !decoder.Bytes((uint64_t{view.ordinals} + 63) / 64 * kWordBytes, &words) ||
          !decoder.Bytes(uint64_t{view.live} * kPlaceBytes, &places)) {
        return DataLossError("{} at {}: index section {} is cut short", name, index_offset, i);
      }
      view.words = words.data();
      view.places = places.data();
      if (view.ordinals / kOffsetsPerValueMax <= view.live) {
        view.offsets = offsets.emplace_back(ExpandOffsets(view)).data();
      }
      view.checked = &checked.emplace_back(view.ordinals);
      sections.push_back(view);
    }
    if (!decoder.done()) {
      return DataLossError("{} at {}: {} bytes too many in the index", name, index_offset,
                           decoder.remaining());
    }
    return absl::OkStatus();
  }
};

class ValueFile::Host final : public ValueHost {
 public:
  Host(const State& state, const SectionView& section) : state_(state), section_(section) {}

  absl::StatusOr<Record> ReadValue(uint32_t ordinal, uint32_t record_bytes, ReadChecks checks,
                                   std::string* scratch) const override {
    const uint32_t offset = section_.FindOffset(ordinal);
    if (offset == 0) return MissingError(ordinal);
    ASSIGN_OR_RETURN(const std::string_view bytes,
                     state_.file->Read(offset, record_bytes, scratch));
    if (!checks.verify || (!checks.again && section_.checked->Contains(ordinal))) {
      return PeekRecord(bytes, state_.name, offset);
    }
    Record record;
    RETURN_IF_ERROR(CheckRecord(bytes, OriginalPosition(ordinal), state_.name, offset, &record));
    if (!checks.again) section_.checked->Add(ordinal);
    return record;
  }

  absl::StatusOr<std::string_view> ReadRaw(uint32_t ordinal, uint32_t record_bytes,
                                           Position* position,
                                           std::string* scratch) const override {
    const uint32_t offset = section_.FindOffset(ordinal);
    if (offset == 0) return MissingError(ordinal);
    *position = OriginalPosition(ordinal);
    return state_.file->Read(offset, record_bytes, scratch);
  }

  void PrefetchPlace(uint32_t ordinal) const override {
    if (ordinal >= section_.ordinals) return;
    if (section_.offsets != nullptr) {
      __builtin_prefetch(section_.offsets + ordinal);
    } else {
      __builtin_prefetch(section_.words + size_t{ordinal / 64} * kWordBytes);
    }
  }

  void Prefetch(uint32_t ordinal, uint32_t record_bytes) const override {
    const char* data = state_.file->data();
    const uint32_t offset = section_.FindOffset(ordinal);
    if (data == nullptr || offset == 0 || offset >= state_.size_bytes) return;
    PrefetchBytes(data + offset, record_bytes);
  }

  const std::string& file_name() const override { return state_.name; }

 private:
  // Of a value that is here.
  Position OriginalPosition(uint32_t ordinal) const {
    const char* const place = section_.FindPlace(ordinal);
    return MakePosition(section_.segment, LoadFixed<uint32_t>(place + 4));
  }

  absl::Status MissingError(uint32_t ordinal) const {
    return DataLossError("{}: value {} of segment {} is not in the file", state_.name, ordinal,
                         section_.segment);
  }

  const State& state_;
  const SectionView section_;
};

ValueFile::ValueFile(std::unique_ptr<State> state) : state_(std::move(state)) {}

ValueFile::~ValueFile() = default;

absl::StatusOr<std::shared_ptr<const ValueFile>> ValueFile::Open(vfs::FileSystem& files,
                                                                 const std::string& directory,
                                                                 uint32_t number,
                                                                 uint64_t database_id, bool map) {
  auto state = std::make_unique<State>();
  state->name = vfs::JoinPath(directory, ValueFileName(number));
  state->number = number;
  ASSIGN_OR_RETURN(state->size_bytes, files.FileSize(state->name));
  if (state->size_bytes < kFileHeaderBytes + kTrailerBytes) {
    return DataLossError("{}: {} bytes are too few for header and trailer", state->name,
                         state->size_bytes);
  }
  ASSIGN_OR_RETURN(state->file, files.OpenSegment(state->name, {.capacity_bytes = state->size_bytes,
                                                                .read_only = true,
                                                                .map = map}));
  std::string scratch;
  ASSIGN_OR_RETURN(std::string_view bytes, state->file->Read(0, kFileHeaderBytes, &scratch));
  ASSIGN_OR_RETURN(const FileHeader header, DecodeFileHeader(bytes, state->name));
  RETURN_IF_ERROR(CheckFileHeader(header, kValuesMagic, number, database_id, state->name));

  const uint64_t trailer_offset = state->size_bytes - kTrailerBytes;
  ASSIGN_OR_RETURN(bytes, state->file->Read(trailer_offset, kTrailerBytes, &scratch));
  const auto index_offset = LoadFixed<uint32_t>(bytes.data() + 8);
  const auto section_count = LoadFixed<uint32_t>(bytes.data() + 12);
  const auto index_crc = LoadFixed<uint32_t>(bytes.data() + 16);
  if (LoadFixed<uint64_t>(bytes.data()) != kIndexMagic ||
      LoadFixed<uint32_t>(bytes.data() + 20) != Crc32c(bytes.substr(0, 20)) ||
      index_offset < kFileHeaderBytes || index_offset > trailer_offset) {
    return DataLossError("{} at {}: damaged trailer", state->name, trailer_offset);
  }
  ASSIGN_OR_RETURN(bytes, state->file->Read(index_offset, trailer_offset - index_offset, &scratch));
  state->index.assign(bytes);
  if (const uint32_t found = Crc32c(state->index); found != index_crc) {
    return DataLossError("{} at {}: index checksum {:#010x} is not {:#010x}", state->name,
                         index_offset, found, index_crc);
  }
  RETURN_IF_ERROR(state->ParseIndex(index_offset, section_count));
  return std::shared_ptr<const ValueFile>(new ValueFile(std::move(state)));
}

std::shared_ptr<const ValueHost> ValueFile::HostOf(const std::shared_ptr<const ValueFile>& file,
                                                   uint32_t segment) {
  const std::vector<SectionView>& sections = file->state_->sections;
  const auto found =
      std::lower_bound(sections.begin(), sections.end(), segment,
                       [](const SectionView& s, uint32_t number) { return s.segment < number; });
  if (found == sections.end() || found->segment != segment) return nullptr;

  struct Holder {
    std::shared_ptr<const ValueFile> file;
    Host host;
  };

  auto holder = std::make_shared<Holder>(Holder{file, Host(*file->state_, *found)});
  return {holder, &holder->host};
}

std::vector<uint32_t> ValueFile::Segments() const {
  std::vector<uint32_t> segments;
  for (const SectionView& section : state_->sections) segments.push_back(section.segment);
  return segments;
}

uint64_t ValueFile::size_bytes() const { return state_->size_bytes; }

uint32_t ValueFile::number() const { return state_->number; }

}  // namespace nokv::log
