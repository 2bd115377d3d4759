// How one entry stands in a data block (grammar: table_format.h).
//
// The head of an entry says how long all of it is, so a search steps over entries by three bytes.
//
// Thread-safety: pure functions.
#pragma once

#include "engine/base/codec.h"
#include "engine/table/entry.h"

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

namespace nokv::table {

struct EntryHead {
  uint32_t shared = 0;      // Bytes of the key before that this key begins with.
  uint32_t unshared = 0;    // Bytes of the key that follow the head.
  uint32_t body_bytes = 0;  // Bytes after those.
};

// Appends `entry`, whose key shares its first `shared` bytes with the one before.
void EncodeEntry(const Entry& entry, size_t shared, std::string& out);

// At most this much more than the unshared key and the value or head; a part has some more. Where
// blocks end depends on these: they are part of what a version writes.
inline constexpr size_t kEntryOverheadMax = 3 * 5 + 1 + 8 + 10 + 3 * 5;
inline constexpr size_t kPartOverheadMax = 2 * 5 + 4;

// DecodeEntryHead() for heads that take more than three bytes.
const char* DecodeLongEntryHead(const char* from, const char* end, EntryHead* head);

// Where the key's suffix begins, or null if [from, end) does not hold the whole entry.
inline const char* DecodeEntryHead(const char* from, const char* end, EntryHead* head) {
  if (end - from < 3) return nullptr;
  const auto shared = static_cast<uint8_t>(from[0]);
  const auto unshared = static_cast<uint8_t>(from[1]);
  const auto body_bytes = static_cast<uint8_t>(from[2]);
  if ((shared | unshared | body_bytes) >= 0x80) return DecodeLongEntryHead(from, end, head);
  *head = {.shared = shared, .unshared = unshared, .body_bytes = body_bytes};
  return end - from >= 3 + unshared + body_bytes ? from + 3 : nullptr;
}

// Fills everything but the key. False if the body breaks the grammar. Eight bytes past the end of
// the body must be readable; their values don't matter.
bool DecodeEntryBody(std::string_view body, Entry* entry);

// Bytes that `a` and `b` have in common at their front.
inline size_t CommonPrefix(std::string_view a, std::string_view b) {
  const size_t limit = a.size() < b.size() ? a.size() : b.size();
  size_t at = 0;
  for (; at + 8 <= limit; at += 8) {
    const uint64_t differ = LoadFixed<uint64_t>(a.data() + at) ^ LoadFixed<uint64_t>(b.data() + at);
    if (differ != 0) return at + static_cast<size_t>(std::countr_zero(differ)) / 8;
  }
  while (at < limit && a[at] == b[at]) ++at;
  return at;
}

// The first eight bytes as a number that orders as they do, zeros standing for missing bytes: keys
// with different heads order as their heads; equal heads say nothing.
inline uint64_t KeyHead(std::string_view key) {
  uint64_t head = 0;
  if (key.size() >= sizeof(head)) {
    head = LoadFixed<uint64_t>(key.data());
  } else {
    for (size_t at = 0; at < key.size(); ++at) {
      head |= uint64_t{static_cast<uint8_t>(key[at])} << (8 * at);
    }
  }
  return __builtin_bswap64(head);
}

// The first place in ascending `heads` that is not below `head`. Without branches that depend on
// the data: the answer can't be predicted, so each mispredicted branch would cost more than a step.
inline size_t LowerBound(const uint64_t* heads, size_t count, uint64_t head) {
  const uint64_t* base = heads;
  while (count > 1) {
    const size_t half = count / 2;
    base += base[half - 1] < head ? half : 0;
    count -= half;
  }
  return static_cast<size_t>(base - heads) + (count == 1 && *base < head ? 1 : 0);
}

}  // namespace nokv::table
