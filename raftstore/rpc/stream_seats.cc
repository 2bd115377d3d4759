#include "raftstore/rpc/stream_seats.h"

#include <utility>

namespace nokv::rpc {

absl::StatusOr<StreamSeats::Place> StreamSeats::Take(std::weak_ptr<KvStream> stream,
                                                     const std::string& peer, uint64_t now_nanos) {
  // Never the same as that of a connection, which has a port behind the last colon.
  const std::string host = peer.substr(0, peer.rfind(':')) + ":*";
  MutexLock lock(mutex_);
  if (seats_.size() >= limits_.streams_max) {
    return ResourceExhaustedError("{} streams are open: no more are taken", seats_.size());
  }
  if (const auto found = taken_.find(peer);
      found != taken_.end() && found->second >= limits_.connection_streams_max) {
    return ResourceExhaustedError("{} streams of {} are open: no more of one connection",
                                  found->second, peer);
  }
  if (const auto found = taken_.find(host);
      found != taken_.end() && found->second >= limits_.host_streams_max) {
    return ResourceExhaustedError("{} streams of {} are open: no more of one host", found->second,
                                  host);
  }
  ++taken_[peer];
  ++taken_[host];
  Seat seat{
      .stream = std::move(stream), .connection = peer, .host = host, .spoke_at_nanos = now_nanos};
  return seats_.insert(seats_.end(), std::move(seat));
}

void StreamSeats::Leave(Place place) {
  MutexLock lock(mutex_);
  for (const std::string& name : {place->connection, place->host}) {
    const auto found = taken_.find(name);
    if (--found->second == 0) taken_.erase(found);
  }
  seats_.erase(place);
}

void StreamSeats::NoteSpoken(Place place, uint64_t now_nanos) {
  MutexLock lock(mutex_);
  place->spoke_at_nanos = now_nanos;
  seats_.splice(seats_.end(), seats_, place);
}

std::vector<std::shared_ptr<KvStream>> StreamSeats::Idle(uint64_t now_nanos) {
  const auto idle_max = static_cast<uint64_t>(absl::ToInt64Nanoseconds(limits_.idle_time_max));
  std::vector<std::shared_ptr<KvStream>> idle;
  MutexLock lock(mutex_);
  if (seats_.size() <= limits_.streams_max / 2) return idle;
  for (const Seat& seat : seats_) {
    if (now_nanos < seat.spoke_at_nanos + idle_max) break;
    // One without an owner is about to leave.
    if (std::shared_ptr<KvStream> stream = seat.stream.lock()) idle.push_back(std::move(stream));
  }
  return idle;
}

}  // namespace nokv::rpc
