// A reference from one record to a part of another's value: how a change says that its value stands
// in the log already. Format: README.md.
//
// Invariant: the record that is referred to stands before the one that refers to it.
//
// Thread-safety: pure functions and values.
#pragma once

#include "engine/base/value_part.h"
#include "engine/log/record.h"

#include <array>
#include <optional>
#include <string_view>

namespace nokv::log {

inline constexpr size_t kPartReferenceBytes = 24;  // Without the head.

struct PartReference {
  Position position = 0;       // Of the record,
  uint32_t record_bytes = 0;   // and its length.
  ValuePart part;              // Of its value.
  std::string_view head = {};  // The part's first bytes, for who needs no more.

  friend bool operator==(const PartReference&, const PartReference&) = default;
};

class EncodedReference {
 public:
  // Requires a head of kPartHeadBytesMax at most.
  explicit EncodedReference(const PartReference& reference);

  std::string_view view() const { return {bytes_.data(), size_}; }

 private:
  std::array<char, kPartReferenceBytes + kPartHeadBytesMax> bytes_;
  size_t size_;
};

// None unless `bytes` are the reference of a record that stands at `position`. The head points into
// `bytes`.
std::optional<PartReference> DecodePartReference(std::string_view bytes, Position position);

// The part of `record`, which was read from `offset` of `file`. DataLoss if it is not there.
absl::StatusOr<std::string_view> ReadPart(const Record& record, const ValuePart& part, bool verify,
                                          std::string_view file, uint64_t offset);

}  // namespace nokv::log
