#include "engine/table/entry_codec.h"

#include "engine/base/check.h"

#include <algorithm>

namespace nokv::table {
namespace {

constexpr uint8_t kKindMask = 0x03;
constexpr uint8_t kExpiryBit = 0x04;
constexpr int kSequenceShift = 3;
constexpr uint8_t kSequenceMask = 0x07;
constexpr uint8_t kUnusedBits = 0xc0;

uint64_t ZigZag(int64_t value) {
  return (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
}

int64_t UnZigZag(uint64_t value) {
  return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
}

int64_t SegmentOf(Sequence sequence) { return static_cast<int64_t>(sequence >> 32); }

int SequenceBytes(Sequence sequence) {
  return sequence == 0 ? 1 : (static_cast<int>(std::bit_width(sequence)) + 7) / 8;
}

// Writes all of the body but the value or its head; returns its end.
char* EncodeBodyFront(const Entry& entry, char* to) {
  const int sequence_bytes = SequenceBytes(entry.sequence);
  *to++ = static_cast<char>(static_cast<int>(entry.kind) | (entry.expiry_ms != 0 ? kExpiryBit : 0) |
                            ((sequence_bytes - 1) << kSequenceShift));
  StoreFixed(to, entry.sequence);
  to += sequence_bytes;
  if (entry.expiry_ms != 0) to = EncodeVarint(to, entry.expiry_ms);
  if (entry.has_handle()) {
    to = EncodeVarint(to, ZigZag(SegmentOf(entry.sequence) - int64_t{entry.handle.segment}));
    to = EncodeVarint(to, entry.handle.ordinal);
    to = EncodeVarint(to, entry.handle.record_bytes);
  }
  if (entry.kind == EntryKind::kPart) {
    to = EncodeVarint(to, entry.part.offset);
    to = EncodeVarint(to, entry.part.size);
    StoreFixed(to, entry.part.check);
    to += sizeof(entry.part.check);
  }
  return to;
}

bool DecodeHandle(Decoder& decoder, Sequence sequence, ValueHandle* handle) {
  uint64_t delta = 0;
  if (!decoder.Varint(&delta) || !decoder.Varint32(&handle->ordinal) ||
      !decoder.Varint32(&handle->record_bytes)) {
    return false;
  }
  // Unsigned, so that a forged delta wraps instead of overflowing.
  const uint64_t segment = (sequence >> 32) - static_cast<uint64_t>(UnZigZag(delta));
  if (segment > UINT32_MAX) return false;
  handle->segment = static_cast<uint32_t>(segment);
  return true;
}

}  // namespace

void EncodeEntry(const Entry& entry, size_t shared, std::string& out) {
  NOKV_CHECK(entry.kind <= EntryKind::kPart);
  char front[1 + 8 + 6 * kVarintMaxBytes + 4];
  const std::string_view body(front, static_cast<size_t>(EncodeBodyFront(entry, front) - front));
  const bool has_bytes = entry.kind == EntryKind::kInline || entry.kind == EntryKind::kPart;
  const std::string_view value = has_bytes ? entry.value : "";
  const std::string_view suffix = entry.key.substr(shared);
  NOKV_CHECK(entry.key.size() <= UINT32_MAX && body.size() + value.size() <= UINT32_MAX);

  PutVarint(out, shared);
  PutVarint(out, suffix.size());
  PutVarint(out, body.size() + value.size());
  out.append(suffix);
  out.append(body);
  out.append(value);
}

const char* DecodeLongEntryHead(const char* from, const char* end, EntryHead* head) {
  Decoder decoder({from, static_cast<size_t>(end - from)});
  decoder.Varint32(&head->shared);
  decoder.Varint32(&head->unshared);
  decoder.Varint32(&head->body_bytes);
  if (decoder.failed()) return nullptr;
  const uint64_t need = uint64_t{head->unshared} + head->body_bytes;
  return need <= decoder.remaining() ? end - decoder.remaining() : nullptr;
}

bool DecodeEntryBody(std::string_view body, Entry* entry) {
  if (body.size() < 2) return false;
  const auto tag = static_cast<uint8_t>(body[0]);
  const auto kind = static_cast<EntryKind>(tag & kKindMask);
  const size_t sequence_bytes = ((tag >> kSequenceShift) & kSequenceMask) + 1u;
  if ((tag & kUnusedBits) != 0 || 1 + sequence_bytes > body.size()) return false;
  entry->kind = kind;
  entry->sequence =
      LoadFixed<uint64_t>(body.data() + 1) & (UINT64_MAX >> (64 - 8 * sequence_bytes));

  Decoder decoder(body.substr(1 + sequence_bytes));
  entry->expiry_ms = 0;
  if ((tag & kExpiryBit) != 0 && (!decoder.Varint(&entry->expiry_ms) || entry->expiry_ms == 0)) {
    return false;
  }
  entry->value = {};
  entry->handle = {};
  entry->part = {};
  if (kind == EntryKind::kInline) return decoder.Bytes(decoder.remaining(), &entry->value);
  if (entry->has_handle() && !DecodeHandle(decoder, entry->sequence, &entry->handle)) return false;
  if (kind != EntryKind::kPart) return decoder.done();
  return decoder.Varint32(&entry->part.offset) && decoder.Varint32(&entry->part.size) &&
         decoder.Fixed(&entry->part.check) && decoder.Bytes(decoder.remaining(), &entry->value) &&
         entry->value.size() <= std::min<size_t>(entry->part.size, kPartHeadBytesMax);
}

}  // namespace nokv::table
