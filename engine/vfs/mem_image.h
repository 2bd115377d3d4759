// The bytes of one file in memory: what programs see, and what a power cut would leave.
//
// Invariant: a page in `lost_pages_` was written since the last MarkDurable() and holds there what
// the disk still has; every other page is the same in memory and on the disk.
//
// Thread-safety: none; the file system's lock is held. Bytes of a memory() taken earlier may be
// read beside Write(), as those of a mapping may.
#pragma once

#include "engine/base/random.h"

#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace nokv::vfs {

// What happens to writes, and to changes of names, that nobody synced.
enum class PowerCutMode {
  kKeepNothing,     // All of them are lost.
  kKeepEverything,  // None is.
  kRandom,          // Each page and each change is kept, lost or torn by itself.
  kReorder,         // The late ones are kept, the early ones lost.
};

// Zeroed bytes that stay where they are.
class MemMemory {
 public:
  explicit MemMemory(size_t size) : bytes_(static_cast<char*>(std::calloc(size, 1))), size_(size) {}

  ~MemMemory() { std::free(bytes_); }

  MemMemory(const MemMemory&) = delete;
  MemMemory& operator=(const MemMemory&) = delete;

  char* bytes() const { return bytes_; }

  size_t size() const { return size_; }

 private:
  char* const bytes_;
  const size_t size_;
};

class MemImage {
 public:
  static constexpr uint64_t kPageBytes = 4096;
  static constexpr uint64_t kSectorBytes = 512;

  // `preallocated`: bytes never written read as zeros, even after a power cut. Otherwise a size
  // that reached the disk before its bytes shows garbage.
  explicit MemImage(bool preallocated) : preallocated_(preallocated) {}

  MemImage(MemImage&&) = default;

  uint64_t size() const { return size_; }

  bool is_durable() const { return size_ == durable_size_ && lost_pages_.empty(); }

  // Stays valid while held; replaced when the file outgrows it and at a power cut.
  std::shared_ptr<MemMemory> memory() const { return memory_; }

  // Requires offset + size <= size().
  std::string_view View(uint64_t offset, size_t size) const;

  // Extends the file as needed; a gap reads as zeros.
  void Write(uint64_t offset, std::string_view bytes);

  void Resize(uint64_t size);

  // What is seen now is what the disk has.
  void MarkDurable();

  // What is seen afterwards is one of the states the disk may be left in.
  void PowerCut(Random& random, PowerCutMode mode);

  // Damage on the disk itself: what is seen and what is durable change alike.
  void FlipBit(uint64_t offset, int bit);
  void ZeroFrom(uint64_t offset);
  void CutAt(uint64_t size);

  MemImage Clone() const;

 private:
  void Reserve(uint64_t size);
  void SavePages(uint64_t begin, uint64_t end);
  void ReplaceMemory(uint64_t size);
  std::string DiskPage(uint64_t page, Random* garbage) const;
  uint64_t SizeAfterPowerCut(Random& random, PowerCutMode mode) const;

  bool preallocated_;
  std::shared_ptr<MemMemory> memory_;
  uint64_t size_ = 0;
  uint64_t durable_size_ = 0;
  uint64_t written_end_ = 0;                    // Everything in memory from here on is zeros.
  std::map<uint64_t, std::string> lost_pages_;  // By page number; empty means all zeros.
};

}  // namespace nokv::vfs
