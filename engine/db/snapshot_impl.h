// A registered sequence: compaction keeps what it can see.
//
// Thread-safety: immutable.
#pragma once

#include "engine/db/db_impl.h"

namespace nokv {

class SnapshotImpl final : public Snapshot {
 public:
  SnapshotImpl(DBImpl& db, Sequence sequence) : db_(db), sequence_(sequence) {}

  ~SnapshotImpl() override { db_.ReleaseSnapshot(sequence_); }

  Sequence sequence() const { return sequence_; }

 private:
  DBImpl& db_;
  const Sequence sequence_;
};

}  // namespace nokv
