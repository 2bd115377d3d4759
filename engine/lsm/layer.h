// What a reader sees of one source (a memtable, a table, a level): for each key the newest version
// at or below a bound, in key order, both ways. Deletions are seen too; range tombstones are not
// applied here.
//
// Thread-safety: none.
#pragma once

#include "engine/lsm/memtable.h"
#include "engine/table/table.h"

#include <memory>
#include <string_view>

namespace nokv::lsm {

class Layer {
 public:
  virtual ~Layer() = default;

  bool Valid() const { return entry_ != nullptr || version_ != nullptr; }

  virtual void SeekToFirst() = 0;
  virtual void SeekToLast() = 0;
  virtual void Seek(std::string_view target) = 0;        // First key >= target.
  virtual void SeekBefore(std::string_view target) = 0;  // Last key < target.
  // To the next key. `key` is the one it stands on, in bytes that the move leaves alone.
  virtual void NextAfter(std::string_view key) = 0;
  virtual void Prev() = 0;

  std::string_view key() const { return key_; }

  Sequence sequence() const { return sequence_; }

  // The version itself: exactly one of the two is not null.
  const table::Entry* table_entry() const { return entry_; }

  const MemVersion* mem_version() const { return version_; }

  virtual absl::Status status() const = 0;

 protected:
  // Where it stands is noted after each move, and read without a virtual call: looking at it is
  // most of a merge.
  void StandNowhere() {
    entry_ = nullptr;
    version_ = nullptr;
  }

  void StandAt(const table::Entry& entry) {
    entry_ = &entry;
    key_ = entry.key;
    sequence_ = entry.sequence;
  }

  void StandAt(std::string_view key, const MemVersion& version) {
    version_ = &version;
    key_ = key;
    sequence_ = version.sequence;
  }

 private:
  const table::Entry* entry_ = nullptr;
  const MemVersion* version_ = nullptr;
  std::string_view key_;
  Sequence sequence_ = 0;
};

// `memtable` outlives the layer.
std::unique_ptr<Layer> NewMemLayer(const MemTable& memtable, Sequence bound);

std::unique_ptr<Layer> NewTableLayer(std::unique_ptr<table::TableIterator> iterator,
                                     Sequence bound);

}  // namespace nokv::lsm
