#include "raftstore/command/command.h"

#include "engine/base/codec.h"

namespace nokv::command {
namespace {

constexpr uint8_t kVersion = 1;
constexpr uint8_t kDeleteBit = 16;

absl::Status Malformed(std::string_view what) {
  return DataLossError("an entry is malformed: {}", what);
}

absl::Status DecodeChange(Decoder& decoder, std::vector<ChangeView>& changes) {
  uint8_t what = 0;
  ChangeView change;
  if (!decoder.Fixed(&what) || (what & ~kDeleteBit) >= mvcc::kFamilies) {
    return Malformed("a change of no family");
  }
  change.family = static_cast<mvcc::Family>(what & ~kDeleteBit);
  change.is_delete = (what & kDeleteBit) != 0;
  if (!decoder.LengthPrefixed(&change.key) || change.key.empty() ||
      change.key.size() > mvcc::kEncodedKeyBytesMax) {
    return Malformed("the key of a change");
  }
  if (!change.is_delete && !decoder.LengthPrefixed(&change.value)) {
    return Malformed("the value of a change");
  }
  changes.push_back(change);
  return absl::OkStatus();
}

absl::Status DecodeCommand(Decoder& decoder, Entry& entry) {
  uint8_t kind = 0;
  Command command;
  if (!decoder.Fixed(&kind) || !decoder.Varint(&command.region_version)) {
    return Malformed("a command is cut short");
  }
  command.kind = static_cast<Kind>(kind);
  command.changes_begin = command.changes_end = entry.changes.size();
  switch (command.kind) {
    case Kind::kWrite: {
      uint64_t count = 0;
      if (!decoder.Varint(&count) || count > kChangesMax - entry.changes.size()) {
        return Malformed("too many changes");
      }
      for (uint64_t i = 0; i < count; ++i) RETURN_IF_ERROR(DecodeChange(decoder, entry.changes));
      command.changes_end = entry.changes.size();
      break;
    }
    case Kind::kCompact:
      if (!decoder.Varint(&command.compact_index)) return Malformed("a compaction is cut short");
      break;
    default:
      return UnimplementedError("an entry holds a command of kind {}, which is not known here",
                                kind);
  }
  entry.commands.push_back(command);
  return absl::OkStatus();
}

}  // namespace

absl::Status DecodeEntry(std::string_view bytes, Entry& entry) {
  entry.commands.clear();
  entry.changes.clear();
  if (bytes.empty()) return absl::OkStatus();
  Decoder decoder(bytes);
  uint8_t version = 0;
  uint64_t count = 0;
  if (!decoder.Fixed(&version) || version == 0) return Malformed("it has no version");
  if (version > kVersion) {
    return UnimplementedError("an entry has version {}; this program reads up to {}", version,
                              kVersion);
  }
  if (!decoder.Varint(&count) || count > kCommandsMax) return Malformed("too many commands");
  for (uint64_t i = 0; i < count; ++i) RETURN_IF_ERROR(DecodeCommand(decoder, entry));
  if (!decoder.done()) return Malformed("bytes follow its last command");
  return absl::OkStatus();
}

void EntryBuilder::Clear() {
  body_.clear();
  count_ = 0;
}

void EntryBuilder::AddWrite(uint64_t region_version, std::span<const mvcc::Change> changes) {
  body_.push_back(static_cast<char>(Kind::kWrite));
  PutVarint(body_, region_version);
  PutVarint(body_, changes.size());
  for (const mvcc::Change& change : changes) {
    const bool is_delete = change.kind == mvcc::Change::Kind::kDelete;
    const auto family = static_cast<uint8_t>(change.family);
    body_.push_back(static_cast<char>(is_delete ? family | kDeleteBit : family));
    PutLengthPrefixed(body_, change.key);
    if (!is_delete) PutLengthPrefixed(body_, change.value);
  }
  ++count_;
}

void EntryBuilder::AddCompact(uint64_t region_version, uint64_t index) {
  body_.push_back(static_cast<char>(Kind::kCompact));
  PutVarint(body_, region_version);
  PutVarint(body_, index);
  ++count_;
}

std::string EntryBuilder::Take() {
  std::string entry(1, static_cast<char>(kVersion));
  entry.reserve(size_bytes());
  PutVarint(entry, count_);
  entry += body_;
  Clear();
  return entry;
}

size_t SizeBytes(std::span<const mvcc::Change> changes) {
  size_t bytes = 1 + 2 * kVarintMaxBytes;
  for (const mvcc::Change& change : changes) {
    bytes += 1 + 2 * kVarintMaxBytes + change.key.size() + change.value.size();
  }
  return bytes;
}

}  // namespace nokv::command
