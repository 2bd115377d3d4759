// What a transport is given: everything that acts, waits or decides outside of it.
//
// All of it outlives the transport. Tasks that the transport has submitted are run, or forgotten,
// between Transport::Close() and its destruction.
//
// Thread-safety: implementations are safe, except Random, which only Transport::Send draws from.
#pragma once

#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/base/random.h"
#include "raftstore/transport/lane_queue.h"
#include "raftstore/transport/network.h"

#include <functional>
#include <string>
#include <vector>

namespace nokv::transport {

// Where a store is at the moment: PD knows.
class Resolver {
 public:
  virtual ~Resolver() = default;

  // NotFound: there is no such store (any more). Any other failure means that nobody could be
  // asked, and the last known address is tried. `done` may be called at once or later, on any
  // thread.
  virtual void Resolve(StoreId store,
                       std::function<void(const absl::StatusOr<std::string>&)> done) = 0;
};

// Where messages go when they have arrived. Bounded by its owner: what it cannot take it drops, as
// a network would.
class Inbox {
 public:
  virtual ~Inbox() = default;

  // The messages of one frame, in the order in which they were sent. Nobody has looked at what they
  // mean, or whether the peers are of that store.
  virtual void OnMessages(StoreId from, std::vector<Envelope> messages) = 0;

  // Messages to `to` were dropped, or were on their way when the connection broke. Comes through
  // the executor.
  virtual void OnUndelivered(StoreId to, std::vector<Undelivered> undelivered) = 0;
};

struct Seams {
  Network& network;
  Resolver& resolver;
  Executor& executor;
  Clock& clock;
  Inbox& inbox;
  Random& random;
};

}  // namespace nokv::transport
