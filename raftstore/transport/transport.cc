#include "raftstore/transport/transport.h"

#include <algorithm>
#include <utility>

namespace nokv::transport {

absl::StatusOr<std::unique_ptr<Transport>> Transport::Create(const Identity& self,
                                                             const Options& options,
                                                             const Seams& seams) {
  RETURN_IF_ERROR(Validate(options));
  if (self.cluster == 0 || self.store == 0 || self.incarnation == 0) {
    return InvalidArgumentError("cluster {}, store {}, incarnation {}: none may be 0", self.cluster,
                                self.store, self.incarnation);
  }
  return std::unique_ptr<Transport>(new Transport(self, options, seams));
}

Transport::Transport(const Identity& self, const Options& options, const Seams& seams)
    : self_(self),
      options_(options),
      seams_(seams),
      receiver_(std::make_shared<Receiver>(self, options, seams)) {}

Transport::~Transport() { Close(); }

void Transport::Send(StoreId to, std::vector<Envelope> envelopes) {
  if (envelopes.empty()) return;
  const Lanes lanes = LanesTo(to);
  if (lanes[0] == nullptr) return;  // Closed.
  std::array<std::vector<Envelope>, kLanes> by_lane;
  for (Envelope& envelope : envelopes) {
    const auto lane = static_cast<size_t>(LaneOf(envelope.message));
    by_lane[lane].push_back(std::move(envelope));
  }
  for (size_t lane = 0; lane < kLanes; ++lane) {
    if (!by_lane[lane].empty()) lanes[lane]->Send(std::move(by_lane[lane]));
  }
}

void Transport::Tick() {
  receiver_->Tick();
  for (const auto& lane : AllLanes()) lane->Tick();
}

void Transport::Forget(StoreId store) {
  Lanes gone;
  {
    MutexLock lock(mutex_);
    const auto found = stores_.find(store);
    if (found != stores_.end()) {
      gone = found->second;
      stores_.erase(found);
    }
  }
  for (const auto& lane : gone) {
    if (lane == nullptr) continue;
    const uint64_t sequence = lane->Close();
    MutexLock lock(mutex_);
    forgotten_sequence_ = std::max(forgotten_sequence_, sequence);
  }
  receiver_->Forget(store);
}

void Transport::Close() {
  {
    MutexLock lock(mutex_);
    is_closed_ = true;
  }
  for (const auto& lane : AllLanes()) lane->Close();
  receiver_->Close();
}

std::vector<LaneStatus> Transport::lanes() {
  std::vector<LaneStatus> all;
  for (const auto& lane : AllLanes()) all.push_back(lane->status());
  return all;
}

Transport::Lanes Transport::LanesTo(StoreId store) {
  MutexLock lock(mutex_);
  if (is_closed_) return {};
  Lanes& lanes = stores_[store];
  for (size_t lane = 0; lane < kLanes; ++lane) {
    if (lanes[lane] != nullptr) continue;
    const LaneSender::Route route{.to = store,
                                  .lane = static_cast<Lane>(lane),
                                  .sequence = forgotten_sequence_,
                                  .seed = seams_.random.Next()};
    lanes[lane] = std::make_shared<LaneSender>(self_, route, options_, seams_);
  }
  return lanes;
}

std::vector<std::shared_ptr<LaneSender>> Transport::AllLanes() {
  MutexLock lock(mutex_);
  std::vector<std::shared_ptr<LaneSender>> all;
  for (const auto& [store, lanes] : stores_) all.insert(all.end(), lanes.begin(), lanes.end());
  return all;
}

}  // namespace nokv::transport
