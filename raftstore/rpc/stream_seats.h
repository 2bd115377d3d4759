// Who may open a stream, and who has to give way: every stream of the service has a seat.
//
// A program of the cluster needs one stream to a store. So no connection and no host may take the
// seats of all others, and when more than half are taken, streams that have said nothing for long
// lose theirs.
//
// Thread-safety: safe.
#pragma once

#include "engine/base/mutex.h"
#include "engine/base/status.h"
#include "raftstore/rpc/kv_service.h"

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace nokv::rpc {

class KvStream;

class StreamSeats {
 public:
  struct Seat {
    std::weak_ptr<KvStream> stream = {};
    std::string connection = {};
    std::string host = {};
    uint64_t spoke_at_nanos = 0;
  };

  using Place = std::list<Seat>::iterator;

  explicit StreamSeats(const KvLimits& limits) : limits_(limits) {}

  // `peer` is gRPC's name of the other end, which ends with a port. ResourceExhausted if there are
  // too many streams, altogether or of that peer.
  absl::StatusOr<Place> Take(std::weak_ptr<KvStream> stream, const std::string& peer,
                             uint64_t now_nanos);

  void Leave(Place place);

  // A message came.
  void NoteSpoken(Place place, uint64_t now_nanos);

  // Those that should end now.
  std::vector<std::shared_ptr<KvStream>> Idle(uint64_t now_nanos);

 private:
  const KvLimits limits_;

  Mutex mutex_;
  std::list<Seat> seats_ ABSL_GUARDED_BY(mutex_);  // Who spoke last is the last.
  std::unordered_map<std::string, size_t> taken_ ABSL_GUARDED_BY(mutex_);  // By both names.
};

}  // namespace nokv::rpc
