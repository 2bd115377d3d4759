#include "engine/write_batch.h"

#include "engine/base/check.h"
#include "engine/base/codec.h"

namespace nokv {

namespace {

constexpr uint8_t kHasPart = 0x80;  // Beside the kind of a change.

}  // namespace

void WriteBatch::Add(const Change& change) {
  const bool has_part = change.part.index != 0;
  bytes_.push_back(
      static_cast<char>(static_cast<uint8_t>(change.kind) | (has_part ? kHasPart : 0)));
  if (has_part) {
    PutVarint(bytes_, change.part.group);
    PutVarint(bytes_, change.part.index);
    PutVarint(bytes_, change.part.offset);
    PutFixed(bytes_, change.part.head_bytes);
  }
  PutVarint(bytes_, change.column_family.id);
  PutVarint(bytes_, change.expiry_ms);
  PutLengthPrefixed(bytes_, change.key);
  PutLengthPrefixed(bytes_, change.value);
  ++count_;
}

void WriteBatch::Clear() {
  bytes_.clear();
  count_ = 0;
}

Change WriteBatch::TakeFirst(std::string_view& rest) {
  Change change{};
  const auto kind = static_cast<uint8_t>(rest.front());
  change.kind = static_cast<ChangeKind>(kind & ~kHasPart);
  Decoder in(rest.substr(1));
  if ((kind & kHasPart) != 0) {
    NOKV_CHECK(in.Varint(&change.part.group) && in.Varint(&change.part.index) &&
               in.Varint32(&change.part.offset) && in.Fixed(&change.part.head_bytes));
  }
  uint32_t family = 0;
  NOKV_CHECK(in.Varint32(&family) && in.Varint(&change.expiry_ms) &&
             in.LengthPrefixed(&change.key) && in.LengthPrefixed(&change.value));
  change.column_family.id = static_cast<uint16_t>(family);
  rest.remove_prefix(rest.size() - in.remaining());
  return change;
}

}  // namespace nokv
