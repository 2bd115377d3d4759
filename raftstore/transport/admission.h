// Which frames a store takes: the memory of who has called, as a state machine of values.
//
// Invariant: of one incarnation of a store, on one lane, the sequences of frames that were taken
// only rise, over all its connections; and nothing of an incarnation is taken once a newer one has
// been seen. So no frame is taken twice, none after a later one, and a connection that was thought
// lost cannot come back.
//
// Thread-safety: none.
#pragma once

#include "engine/base/status.h"
#include "raftstore/transport/handshake.h"

#include <array>
#include <cstdint>
#include <unordered_map>

namespace nokv::transport {

class Admission {
 public:
  // So many starts a store may have between two calls. More is a mistake, or somebody who would
  // keep the store out for ever.
  static constexpr uint64_t kStartsMax = uint64_t{1} << 20;

  // Remembers at most `stores_max` stores.
  Admission(const Identity& self, size_t stores_max) : self_(self), stores_max_(stores_max) {}

  // FailedPrecondition: a foreign cluster, another store meant, an incarnation that is over or that
  // no store reaches by starting again, a connection older than the present one. Unimplemented: no
  // common version, or a lane that is not there yet. ResourceExhausted: too many stores.
  absl::Status TakeHello(const FrameHeader& header, const Hello& hello);

  // Of a connection that TakeHello let in. DataLoss if the frame is not the next one.
  absl::Status TakeBatch(const FrameHeader& header, StoreId store, Lane lane);

  void Forget(StoreId store) { callers_.erase(store); }

 private:
  struct Caller {
    uint64_t incarnation = 0;
    std::array<uint64_t, kLanes> sequence = {};  // Of the last frame taken.
  };

  const Identity self_;
  const size_t stores_max_;
  std::unordered_map<StoreId, Caller> callers_;
};

}  // namespace nokv::transport
