// Another engine that is asked the same questions: RocksDB where it is installed.
//
// Thread-safety: none.
#pragma once

#include "tests/engine/cursor.h"
#include "tests/engine/model.h"

#include <memory>

namespace nokv::tests {

class Peer {
 public:
  virtual ~Peer() = default;

  virtual void Write(const WriteBatch& batch) = 0;  // No expiry, which peers do not have.
  virtual void Drop(ColumnFamilyHandle family) = 0;
  virtual void Flush() = 0;

  // Forgets everything and holds `state`.
  virtual void Reset(const State& state, const std::vector<ColumnFamilyHandle>& families) = 0;

  virtual int TakeSnapshot() = 0;
  virtual void ReleaseSnapshot(int snapshot) = 0;

  // `snapshot` as given by TakeSnapshot(), or -1 for the newest state.
  virtual std::unique_ptr<Cursor> NewCursor(ColumnFamilyHandle family, int snapshot,
                                            const std::string& lower_bound,
                                            const std::string& upper_bound) = 0;
};

// Null where there is none.
std::unique_ptr<Peer> NewPeer();

}  // namespace nokv::tests
