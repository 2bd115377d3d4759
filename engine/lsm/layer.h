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

  virtual bool Valid() const = 0;
  virtual void SeekToFirst() = 0;
  virtual void SeekToLast() = 0;
  virtual void Seek(std::string_view target) = 0;        // First key >= target.
  virtual void SeekBefore(std::string_view target) = 0;  // Last key < target.
  // To the next key. `key` is the one it stands on, in bytes that the move leaves alone.
  virtual void NextAfter(std::string_view key) = 0;
  virtual void Prev() = 0;

  virtual std::string_view key() const = 0;
  virtual Sequence sequence() const = 0;

  // The version itself: exactly one of the two is not null.
  virtual const table::Entry* table_entry() const { return nullptr; }

  virtual const MemVersion* mem_version() const { return nullptr; }

  virtual absl::Status status() const = 0;
};

// `memtable` outlives the layer.
std::unique_ptr<Layer> NewMemLayer(const MemTable& memtable, Sequence bound);

std::unique_ptr<Layer> NewTableLayer(std::unique_ptr<table::TableIterator> iterator,
                                     Sequence bound);

}  // namespace nokv::lsm
