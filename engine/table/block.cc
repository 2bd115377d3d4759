#include "engine/table/block.h"

#include "engine/base/check.h"
#include "engine/base/codec.h"
#include "engine/table/entry_codec.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <malloc.h>
#include <new>

namespace nokv::table {
namespace {

constexpr size_t kPaddingBytes = 8;  // DecodeEntryBody() may look this far past the last entry.

}  // namespace

BlockRef Block::Parse(std::string_view content) {
  // 1. The restart array at the end says where the entries end.
  if (content.size() < sizeof(uint32_t)) return {};
  const size_t room = content.size() - sizeof(uint32_t);
  const auto restarts = LoadFixed<uint32_t>(content.data() + room);
  if (restarts == 0 || restarts > room / sizeof(uint32_t)) return {};
  const size_t entries_bytes = room - size_t{restarts} * sizeof(uint32_t);
  if (entries_bytes > UINT32_MAX) return {};

  // 2. One allocation for the object, heads, offsets and entries.
  const size_t heads_at = sizeof(Block);
  const size_t offsets_at = heads_at + size_t{restarts} * sizeof(uint64_t);
  const size_t bytes_at = offsets_at + size_t{restarts} * sizeof(uint32_t);
  void* const memory = std::malloc(bytes_at + entries_bytes + kPaddingBytes);
  NOKV_CHECK(memory != nullptr);
  char* const base = static_cast<char*>(memory);
  Block* const block = new (memory) Block;
  block->restarts_ = restarts;
  block->entries_bytes_ = entries_bytes;
  block->memory_bytes_ = malloc_usable_size(memory);
  block->heads_ = reinterpret_cast<uint64_t*>(base + heads_at);
  block->offsets_ = reinterpret_cast<uint32_t*>(base + offsets_at);
  block->bytes_ = base + bytes_at;
  std::memcpy(block->offsets_, content.data() + entries_bytes, size_t{restarts} * sizeof(uint32_t));
  std::memcpy(block->bytes_, content.data(), entries_bytes);
  std::memset(block->bytes_ + entries_bytes, 0, kPaddingBytes);

  // 3. Check every entry and find the heads.
  BlockRef parsed;
  if (block->IndexEntries()) parsed = BlockRef(block);
  block->Unref();  // What `parsed` holds, if anything, is its own.
  return parsed;
}

bool Block::IndexEntries() {
  const char* const end = bytes_ + entries_bytes_;
  size_t key_bytes = 0;  // Of the entry before.
  size_t common = SIZE_MAX;
  std::string_view first_key;
  uint32_t restart = 0;
  for (const char* at = bytes_; at < end;) {
    EntryHead head;
    const auto offset = static_cast<uint32_t>(at - bytes_);
    const char* const suffix = DecodeEntryHead(at, end, &head);
    Entry entry;
    if (suffix == nullptr || head.shared > key_bytes ||
        !DecodeEntryBody({suffix + head.unshared, head.body_bytes}, &entry)) {
      return false;
    }
    if (restart < restarts_ && offsets_[restart] == offset) {
      if (head.shared != 0) return false;
      const std::string_view key(suffix, head.unshared);
      if (restart == 0) first_key = key;
      common = std::min(common, CommonPrefix(first_key, key));
      ++restart;
    } else {
      if (restart == 0) return false;  // The first entry is a restart.
      common = std::min<size_t>(common, head.shared);
    }
    key_bytes = size_t{head.shared} + head.unshared;
    if (key_bytes > UINT32_MAX) return false;
    at = suffix + head.unshared + head.body_bytes;
  }
  if (restart != restarts_) return false;  // An offset that is no entry's.
  common_bytes_ = static_cast<uint32_t>(common);
  for (uint32_t i = 0; i < restarts_; ++i) heads_[i] = KeyHead(RestartKey(i).substr(common));
  return true;
}

void Block::Unref() const {
  if (references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  Block* const self = const_cast<Block*>(this);
  self->~Block();
  std::free(self);
}

std::string_view Block::RestartKey(uint32_t restart) const {
  EntryHead head;
  const char* const suffix =
      DecodeEntryHead(bytes_ + offsets_[restart], bytes_ + entries_bytes_, &head);
  return {suffix, head.unshared};
}

bool Block::RestartIsAtOrBefore(uint32_t restart, std::string_view key, Sequence sequence) const {
  EntryHead head;
  const char* const suffix =
      DecodeEntryHead(bytes_ + offsets_[restart], bytes_ + entries_bytes_, &head);
  const int order = std::string_view(suffix, head.unshared).compare(key);
  if (order != 0) return order < 0;
  Entry entry;
  DecodeEntryBody({suffix + head.unshared, head.body_bytes}, &entry);
  return entry.sequence >= sequence;
}

// As RestartFor() for a key that begins with what all keys have in common. For any other key the
// answer is some restart.
uint32_t Block::RestartAmongHeads(std::string_view key, Sequence sequence) const {
  const uint64_t head = KeyHead(key.substr(std::min<size_t>(common_bytes_, key.size())));
  // Restarts below `at` are before the key; those with an equal head need a look.
  auto at = static_cast<uint32_t>(LowerBound(heads_, restarts_, head));
  uint32_t count = 0;
  while (at + count < restarts_ && heads_[at + count] == head) ++count;
  while (count > 0) {
    const uint32_t half = (count + 1) / 2;
    if (RestartIsAtOrBefore(at + half - 1, key, sequence)) {
      at += half;
      count -= half;
    } else {
      count = half - 1;
    }
  }
  return at == 0 ? 0 : at - 1;
}

uint32_t Block::RestartFor(std::string_view key, Sequence sequence) const {
  const std::string_view common = RestartKey(0).substr(0, common_bytes_);
  const int order = key.substr(0, common.size()).compare(common);
  if (order != 0) return order < 0 ? 0 : restarts_ - 1;
  return RestartAmongHeads(key, sequence);
}

uint32_t Block::RestartBefore(uint32_t entry_offset) const {
  const uint32_t* const after = std::upper_bound(offsets_, offsets_ + restarts_, entry_offset);
  return static_cast<uint32_t>(after - offsets_) - 1;
}

// Never rebuilds a key: `matched` is how much of `key` the entry before has, an entry before `key`
// in the order. An entry that shares more than that with its predecessor differs from `key` where
// the predecessor did, so it is before `key` too; one that shares less rose above the predecessor
// inside what matched, so it is after `key`.
Block::Place Block::Walk(uint32_t restart, std::string_view key, Sequence sequence,
                         Entry* entry) const {
  const char* const end = bytes_ + entries_bytes_;
  const char* at = bytes_ + offsets_[restart];
  const char* const next = restart + 1 < restarts_ ? bytes_ + offsets_[restart + 1] : end;
  size_t matched = 0;
  while (at < end) {
    if (at == next) matched = 0;  // A restart shares nothing by decree. It ends the walk.
    EntryHead head;
    const char* const suffix = DecodeEntryHead(at, end, &head);
    const std::string_view body(suffix + head.unshared, head.body_bytes);
    Place place = {.offset = static_cast<uint32_t>(at - bytes_), .shared = head.shared};
    at = body.data() + body.size();
    if (head.shared > matched) continue;
    if (head.shared < matched) return place;
    const std::string_view rest = key.substr(matched);
    const std::string_view unshared(suffix, head.unshared);
    const size_t equal = CommonPrefix(rest, unshared);
    if (equal < unshared.size()) {
      if (equal == rest.size()) return place;  // `key` is a prefix of this one.
      if (static_cast<uint8_t>(unshared[equal]) > static_cast<uint8_t>(rest[equal])) return place;
    } else if (equal == rest.size()) {
      DecodeEntryBody(body, entry);
      if (entry->sequence <= sequence) {
        place.same_key = true;
        return place;
      }
    }
    matched += equal;
  }
  return {.offset = static_cast<uint32_t>(entries_bytes_)};
}

// Saves the look at the first key that RestartFor() takes, a cache miss: a key that lacks what all
// keys have in common is walked from a meaningless restart, but equals no entry wherever that goes.
bool Block::Find(std::string_view key, Sequence bound, Entry* entry) const {
  if (!Walk(RestartAmongHeads(key, bound), key, bound, entry).same_key) return false;
  entry->key = key;
  return true;
}

Block::Place Block::Seek(std::string_view key, Sequence sequence) const {
  Entry entry;
  return Walk(RestartFor(key, sequence), key, sequence, &entry);
}

}  // namespace nokv::table
