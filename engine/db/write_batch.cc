#include "engine/write_batch.h"

#include "engine/base/check.h"
#include "engine/base/codec.h"

namespace nokv {

void WriteBatch::Add(const Change& change) {
  bytes_.push_back(static_cast<char>(change.kind));
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
  change.kind = static_cast<ChangeKind>(rest.front());
  Decoder in(rest.substr(1));
  uint32_t family = 0;
  NOKV_CHECK(in.Varint32(&family) && in.Varint(&change.expiry_ms) &&
             in.LengthPrefixed(&change.key) && in.LengthPrefixed(&change.value));
  change.column_family.id = static_cast<uint16_t>(family);
  rest.remove_prefix(rest.size() - in.remaining());
  return change;
}

}  // namespace nokv
