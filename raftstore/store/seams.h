// What a store is given: everything that acts, waits or decides outside of it.
//
// All of it outlives the store. `loop` runs one task at a time, in any order; nothing else of the
// store ever runs beside such a task. Callbacks that a seam calls may come on any thread.
//
// Thread-safety: values; the seams themselves as they say.
#pragma once

#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/base/random.h"
#include "engine/base/status.h"
#include "raftstore/transport/envelope.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace nokv {
class DB;
}

namespace nokv::pd {
class PdClient;
}

namespace nokv::store {

struct DiskSpace {
  uint64_t capacity_bytes = 0;
  uint64_t available_bytes = 0;
};

struct Seams {
  DB& db;          // Opened with groups at L1 (the log is synced here), and used by nobody else.
  Executor& loop;  // In a process a pool with one thread, in a simulation the host's executor.
  Clock& clock;
  Random& random;  // Drawn from within Store::Open() and Bootstrap() only.
  pd::PdClient& pd;

  // Transport::Send. Never blocks; called on the loop.
  std::function<void(transport::StoreId to, std::vector<transport::Envelope> envelopes)> send;

  // Asked about once a second, on the loop. May be empty: then the disk is never full.
  std::function<DiskSpace()> disk = {};

  // Called on the loop with what people should look at, again once a minute while it goes on.
  std::function<void(const std::string& text)> on_alarm = {};

  // Called once, on the loop, when the store cannot go on: its disk failed, what it reads is
  // damaged, or the placement driver does not admit it. It serves nothing any more; the process
  // should end.
  std::function<void(const absl::Status& why)> on_failure = {};
};

}  // namespace nokv::store
