#include "engine/table/block_cursor.h"

#include "engine/base/check.h"
#include "engine/table/entry_codec.h"

#include <utility>

namespace nokv::table {

void BlockCursor::Reset(BlockRef block) {
  valid_ = false;
  block_ = std::move(block);
}

// Reads the entry at `offset`, which follows the one that key_ belongs to or is a restart.
void BlockCursor::ReadFrom(uint32_t offset) {
  const std::string_view entries = block_->entries();
  valid_ = offset < entries.size();
  if (!valid_) return;
  const char* const end = entries.data() + entries.size();
  EntryHead head;
  const char* const suffix = DecodeEntryHead(entries.data() + offset, end, &head);
  key_.resize(head.shared);
  key_.append(suffix, head.unshared);
  const char* const body = suffix + head.unshared;
  DecodeEntryBody({body, head.body_bytes}, &entry_);
  entry_.key = key_;
  offset_ = offset;
  next_offset_ = static_cast<uint32_t>(body + head.body_bytes - entries.data());
}

void BlockCursor::SeekToFirst() { ReadFrom(0); }

void BlockCursor::SeekToLast() {
  ReadFrom(block_->restart_offset(block_->restarts() - 1));
  while (next_offset_ < block_->entries().size()) ReadFrom(next_offset_);
}

void BlockCursor::Seek(std::string_view key, Sequence sequence) {
  const Block::Place place = block_->Seek(key, sequence);
  key_.assign(key.substr(0, place.shared));  // Stands for the key before, as far as it is shared.
  ReadFrom(place.offset);
}

void BlockCursor::Next() {
  NOKV_DCHECK(valid_);
  ReadFrom(next_offset_);
}

void BlockCursor::Prev() {
  NOKV_DCHECK(valid_);
  if (offset_ == 0) {
    valid_ = false;
    return;
  }
  const uint32_t here = offset_;
  ReadFrom(block_->restart_offset(block_->RestartBefore(here - 1)));
  while (next_offset_ < here) ReadFrom(next_offset_);
}

}  // namespace nokv::table
