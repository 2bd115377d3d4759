#include "engine/table/table_format.h"

#include "engine/base/check.h"
#include "engine/base/codec.h"
#include "engine/base/crc32c.h"

#include <array>

namespace nokv::table {
namespace {

constexpr size_t kFooterSections = 7;
constexpr size_t kTailBytes = 20;       // The part of the footer that never changes its form.
constexpr size_t kUncheckedBytes = 12;  // The footer's checksum itself and the magic.
constexpr size_t kFooterBytes = kFooterSections * sizeof(uint64_t) + kTailBytes;
constexpr size_t kFooterBytesMax = 4096;

template <typename FooterType>
auto Sections(FooterType& footer) {
  return std::array{&footer.data,   &footer.liveness, &footer.tombstones, &footer.directory,
                    &footer.filter, &footer.index,    &footer.summary};
}

// The checksum of bytes that belong at `offset`.
uint32_t PlacedCrc(std::string_view bytes, uint64_t offset) {
  char place[sizeof(offset)];
  StoreFixed(place, offset);
  return ExtendCrc32c(Crc32c(bytes), {place, sizeof(place)});
}

}  // namespace

void SealBlock(std::string& content, uint64_t offset) {
  content.push_back(static_cast<char>(kCompressionNone));
  PutFixed<uint32_t>(content, PlacedCrc(content, offset));
}

absl::StatusOr<std::string_view> OpenBlock(std::string_view bytes, uint64_t offset,
                                           std::string_view name) {
  if (bytes.size() < kBlockTrailerBytes) return MalformedError(name, "block", offset);
  const std::string_view checked = bytes.substr(0, bytes.size() - sizeof(uint32_t));
  const auto stored = LoadFixed<uint32_t>(checked.data() + checked.size());
  const uint32_t computed = PlacedCrc(checked, offset);
  if (stored != computed) {
    return DataLossError(
        "table {}: block of {} bytes at offset {} has checksum {:#010x}, but its bytes give "
        "{:#010x}",
        name, bytes.size(), offset, stored, computed);
  }
  const auto compression = static_cast<uint8_t>(checked.back());
  if (compression != kCompressionNone) {
    return UnimplementedError("table {}: block at offset {} has compression {}, unknown here", name,
                              offset, compression);
  }
  return checked.substr(0, checked.size() - 1);
}

absl::StatusOr<std::string_view> ReadBlock(const vfs::ReadableFile& file, std::string_view name,
                                           Section section, std::string* scratch) {
  scratch->resize(section.size_bytes);
  RETURN_IF_ERROR(file.Read(section.offset, section.size_bytes, scratch->data()));
  return OpenBlock(*scratch, section.offset, name);
}

std::string EncodeFooter(const Footer& footer) {
  std::string bytes;
  uint64_t offset = 0;
  for (const Section* section : Sections(footer)) {
    NOKV_CHECK(section->offset == offset);
    PutFixed<uint64_t>(bytes, section->size_bytes);
    offset = section->end();
  }
  PutFixed<uint32_t>(bytes, kFooterBytes);
  PutFixed<uint32_t>(bytes, footer.version);
  PutFixed<uint32_t>(bytes, PlacedCrc(bytes, offset));
  PutFixed<uint64_t>(bytes, kTableMagic);
  return bytes;
}

absl::StatusOr<Footer> ReadFooter(const vfs::ReadableFile& file, std::string_view name) {
  // 1. The tail: is this a table at all, and how long is its footer?
  const uint64_t size = file.size_bytes();
  if (size < kTailBytes) {
    return DataLossError("table {}: {} bytes are too few for a table", name, size);
  }
  char tail[kTailBytes];
  RETURN_IF_ERROR(file.Read(size - kTailBytes, kTailBytes, tail));
  const auto footer_bytes = LoadFixed<uint32_t>(tail);
  const auto version = LoadFixed<uint32_t>(tail + 4);
  const auto stored = LoadFixed<uint32_t>(tail + 8);
  const auto magic = LoadFixed<uint64_t>(tail + 12);
  if (magic != kTableMagic || footer_bytes < kTailBytes || footer_bytes > kFooterBytesMax ||
      footer_bytes > size) {
    return DataLossError("table {}: no footer at its end, offset {}", name, size);
  }

  // 2. The footer's checksum, then its version.
  const uint64_t offset = size - footer_bytes;
  std::string bytes(footer_bytes, '\0');
  RETURN_IF_ERROR(file.Read(offset, bytes.size(), bytes.data()));
  const uint32_t computed =
      PlacedCrc(std::string_view(bytes).substr(0, footer_bytes - kUncheckedBytes), offset);
  if (stored != computed) {
    return DataLossError(
        "table {}: footer at offset {} has checksum {:#010x}, but its bytes give {:#010x}", name,
        offset, stored, computed);
  }
  if (version > kTableVersion) {
    return UnimplementedError("table {}: format version {}, this program reads up to {}", name,
                              version, kTableVersion);
  }
  if (version == 0 || footer_bytes != kFooterBytes) {
    return MalformedError(name, "footer", offset);
  }

  // 3. The sections, which must fill the file.
  Footer footer;
  footer.version = version;
  Decoder decoder(bytes);
  uint64_t end = 0;
  for (Section* section : Sections(footer)) {
    section->offset = end;
    if (!decoder.Fixed(&section->size_bytes) || section->size_bytes > offset - end) {
      return MalformedError(name, "footer", offset);
    }
    end = section->end();
  }
  if (end != offset) return MalformedError(name, "footer", offset);
  return footer;
}

absl::Status MalformedError(std::string_view name, std::string_view what, uint64_t offset) {
  return DataLossError("table {}: the {} at offset {} has a good checksum and a bad content", name,
                       what, offset);
}

}  // namespace nokv::table
