#include "engine/vfs/mem_image.h"

#include "engine/base/check.h"

#include <algorithm>
#include <cstring>

namespace nokv::vfs {
namespace {

uint64_t RoundUpToPage(uint64_t size) {
  return (size + MemImage::kPageBytes - 1) / MemImage::kPageBytes * MemImage::kPageBytes;
}

bool AllZeros(const char* bytes, size_t size) {
  return std::all_of(bytes, bytes + size, [](char c) { return c == 0; });
}

// One page of which the disk got some sectors, or the bytes that were there when it was written
// back in the middle of a store. `old_page` is overwritten with the result.
void TearPage(Random& random, const char* new_page, char* old_page) {
  if (random.OneIn(2)) {
    std::memcpy(old_page, new_page, random.Uniform(MemImage::kPageBytes + 1));
    return;
  }
  for (uint64_t at = 0; at < MemImage::kPageBytes; at += MemImage::kSectorBytes) {
    if (random.OneIn(2)) std::memcpy(old_page + at, new_page + at, MemImage::kSectorBytes);
  }
}

}  // namespace

std::string_view MemImage::View(uint64_t offset, size_t size) const {
  NOKV_CHECK(offset <= size_ && size <= size_ - offset);
  if (size == 0) return {};
  return {memory_->bytes() + offset, size};
}

void MemImage::Write(uint64_t offset, std::string_view bytes) {
  if (bytes.empty()) return;
  const uint64_t end = offset + bytes.size();
  if (end > size_) Resize(end);
  SavePages(offset, end);
  std::memcpy(memory_->bytes() + offset, bytes.data(), bytes.size());
  written_end_ = std::max(written_end_, end);
}

void MemImage::Resize(uint64_t size) {
  if (size > size_) Reserve(size);
  if (size < written_end_) {
    SavePages(size, written_end_);
    std::memset(memory_->bytes() + size, 0, written_end_ - size);
    written_end_ = size;
  }
  size_ = size;
}

void MemImage::MarkDurable() {
  durable_size_ = size_;
  lost_pages_.clear();
}

// Makes room, by doubling: whoever holds the old memory keeps it.
void MemImage::Reserve(uint64_t size) {
  const uint64_t room = memory_ == nullptr ? 0 : memory_->size();
  if (size > room) ReplaceMemory(std::max(RoundUpToPage(size), preallocated_ ? 0 : 2 * room));
}

void MemImage::ReplaceMemory(uint64_t size) {
  auto fresh = std::make_shared<MemMemory>(size);
  if (written_end_ > 0) std::memcpy(fresh->bytes(), memory_->bytes(), written_end_);
  memory_ = std::move(fresh);
}

// Remembers what the disk has of the pages that [begin, end) touches, before they change.
void MemImage::SavePages(uint64_t begin, uint64_t end) {
  for (uint64_t page = begin / kPageBytes; page * kPageBytes < end; ++page) {
    const auto [slot, is_new] = lost_pages_.try_emplace(page);
    if (!is_new) continue;
    const char* const bytes = memory_->bytes() + page * kPageBytes;
    if (!AllZeros(bytes, kPageBytes)) slot->second.assign(bytes, kPageBytes);
  }
}

// What the disk has of a page that was written since; what it never had is garbage if asked for.
std::string MemImage::DiskPage(uint64_t page, Random* garbage) const {
  std::string bytes = lost_pages_.at(page);
  bytes.resize(kPageBytes, '\0');
  if (garbage == nullptr) return bytes;
  const uint64_t begin = page * kPageBytes;
  const uint64_t known = durable_size_ > begin ? std::min(durable_size_ - begin, kPageBytes) : 0;
  for (uint64_t i = known; i < kPageBytes; ++i) bytes[i] = static_cast<char>(garbage->Next());
  return bytes;
}

uint64_t MemImage::SizeAfterPowerCut(Random& random, PowerCutMode mode) const {
  if (mode == PowerCutMode::kKeepNothing) return durable_size_;
  if (mode == PowerCutMode::kReorder || size_ == durable_size_) return size_;
  const auto [low, high] = std::minmax(size_, durable_size_);
  switch (random.Uniform(3)) {
    case 0:
      return durable_size_;
    case 1:
      return size_;
    default:
      return low + random.Uniform(high - low + 1);
  }
}

void MemImage::PowerCut(Random& random, PowerCutMode mode) {
  if (mode == PowerCutMode::kKeepEverything) MarkDurable();
  if (is_durable()) return;
  // Programs that died may still hold views of the memory.
  if (memory_ != nullptr && memory_.use_count() > 1) ReplaceMemory(memory_->size());

  const uint64_t size = SizeAfterPowerCut(random, mode);
  const uint64_t chance = 1 + random.Uniform(7);  // Of eight: how eagerly the disk was written.
  // In order of place, which is the order of time: files are written front to back.
  const uint64_t first_kept = random.Uniform(lost_pages_.size() + 1);
  uint64_t index = 0;
  for (const auto& [page, unused] : lost_pages_) {
    char* const bytes = memory_->bytes() + page * kPageBytes;
    const bool is_late = index++ >= first_kept;
    if (mode == PowerCutMode::kReorder && is_late) continue;
    const bool is_random = mode == PowerCutMode::kRandom;
    if (is_random && random.Uniform(8) < chance) continue;
    std::string disk =
        DiskPage(page, is_random && !preallocated_ && random.OneIn(3) ? &random : nullptr);
    if (is_random && random.OneIn(2)) TearPage(random, bytes, disk.data());
    std::memcpy(bytes, disk.data(), kPageBytes);
    written_end_ = std::max(written_end_, (page + 1) * kPageBytes);
  }
  Reserve(size);
  if (size < written_end_) {
    std::memset(memory_->bytes() + size, 0, written_end_ - size);
    written_end_ = size;
  }
  size_ = size;
  MarkDurable();
}

void MemImage::FlipBit(uint64_t offset, int bit) {
  NOKV_CHECK(offset < size_ && bit >= 0 && bit < 8);
  const auto flip = [bit](char& c) { c = static_cast<char>(c ^ (1 << bit)); };
  flip(memory_->bytes()[offset]);
  written_end_ = std::max(written_end_, offset + 1);
  const auto lost = lost_pages_.find(offset / kPageBytes);
  if (lost == lost_pages_.end()) return;
  lost->second.resize(kPageBytes, '\0');
  flip(lost->second[offset % kPageBytes]);
}

void MemImage::ZeroFrom(uint64_t offset) {
  if (offset < written_end_) {
    std::memset(memory_->bytes() + offset, 0, written_end_ - offset);
    written_end_ = offset;
  }
  for (auto& [page, bytes] : lost_pages_) {
    const uint64_t begin = page * kPageBytes;
    const uint64_t kept = offset > begin ? offset - begin : 0;
    if (kept < bytes.size()) bytes.resize(kept);
  }
}

void MemImage::CutAt(uint64_t size) {
  ZeroFrom(size);
  size_ = std::min(size_, size);
  durable_size_ = std::min(durable_size_, size);
}

MemImage MemImage::Clone() const {
  MemImage clone(preallocated_);
  clone.memory_ = memory_;
  clone.size_ = size_;
  clone.durable_size_ = durable_size_;
  clone.written_end_ = written_end_;
  clone.lost_pages_ = lost_pages_;
  if (memory_ != nullptr) clone.ReplaceMemory(memory_->size());
  return clone;
}

}  // namespace nokv::vfs
