#include "engine/log/part.h"

#include "engine/base/check.h"

#include <algorithm>

namespace nokv::log {

EncodedReference::EncodedReference(const PartReference& reference)
    : size_(kPartReferenceBytes + reference.head.size()) {
  NOKV_CHECK(reference.head.size() <= kPartHeadBytesMax);
  StoreFixed(bytes_.data(), reference.position);
  StoreFixed(bytes_.data() + 8, reference.record_bytes);
  StoreFixed(bytes_.data() + 12, reference.part.offset);
  StoreFixed(bytes_.data() + 16, reference.part.size);
  StoreFixed(bytes_.data() + 20, reference.part.check);
  std::copy(reference.head.begin(), reference.head.end(), bytes_.begin() + kPartReferenceBytes);
}

std::optional<PartReference> DecodePartReference(std::string_view bytes, Position position) {
  if (bytes.size() < kPartReferenceBytes) return std::nullopt;
  PartReference reference;
  reference.position = LoadFixed<uint64_t>(bytes.data());
  reference.record_bytes = LoadFixed<uint32_t>(bytes.data() + 8);
  reference.part.offset = LoadFixed<uint32_t>(bytes.data() + 12);
  reference.part.size = LoadFixed<uint32_t>(bytes.data() + 16);
  reference.part.check = LoadFixed<uint32_t>(bytes.data() + 20);
  reference.head = bytes.substr(kPartReferenceBytes);
  if (reference.position >= position || reference.record_bytes < kRecordHeaderBytes ||
      reference.head.size() > std::min<size_t>(reference.part.size, kPartHeadBytesMax)) {
    return std::nullopt;
  }
  return reference;
}

absl::StatusOr<std::string_view> ReadPart(const Record& record, const ValuePart& part, bool verify,
                                          std::string_view file, uint64_t offset) {
  const std::optional<std::string_view> bytes = CutPart(record.value, part, verify);
  if (bytes.has_value()) return *bytes;
  return DataLossError(
      "{} at {}: bytes {} to {} of a value of {} bytes are not those that its key refers to", file,
      offset, part.offset, uint64_t{part.offset} + part.size, record.value.size());
}

}  // namespace nokv::log
