// Carries raft messages between stores: two streams to each, in batches, and never waits for any.
//
// What is guaranteed, for what one incarnation of a store sends to another on one lane: it arrives
// in the order in which it was sent, each message at most once, also over reconnects. Anything may
// be lost. Most losses are reported to the sender; what the network had taken when a connection
// broke is lost without a word. Between lanes there is no order.
//
// A store that is dead, slow or unreachable costs a bounded queue while that is found out, and then
// nothing; it has no effect on what goes to others.
//
// Thread-safety: safe.
#pragma once

#include "engine/base/mutex.h"
#include "engine/base/status.h"
#include "raftstore/transport/lane_sender.h"
#include "raftstore/transport/receiver.h"
#include "raftstore/transport/seams.h"

#include <array>
#include <map>
#include <memory>
#include <vector>

namespace nokv::transport {

class Transport {
 public:
  // InvalidArgument for options or an identity that cannot be.
  static absl::StatusOr<std::unique_ptr<Transport>> Create(const Identity& self,
                                                           const Options& options,
                                                           const Seams& seams);

  ~Transport();

  // Never blocks. All that a round has to say to a store belongs into one call: it becomes one
  // batch. Messages that cannot be sent are reported to Inbox::OnUndelivered.
  void Send(StoreId to, std::vector<Envelope> envelopes);

  // To be called every 100 ms or so: ends what takes too long. Nothing else needs it.
  void Tick();

  // PD says that the store is gone for good.
  void Forget(StoreId store);

  // For the network, which asks it for each stream that another store opens.
  std::shared_ptr<Acceptor> acceptor() { return receiver_; }

  // Ends all streams. What waits is forgotten, unreported.
  void Close();

  std::vector<LaneStatus> lanes();

  ReceiverStatus receiver() { return receiver_->status(); }

 private:
  using Lanes = std::array<std::shared_ptr<LaneSender>, kLanes>;

  Transport(const Identity& self, const Options& options, const Seams& seams);

  Lanes LanesTo(StoreId store);
  std::vector<std::shared_ptr<LaneSender>> AllLanes();

  const Identity self_;
  const Options options_;
  const Seams seams_;
  const std::shared_ptr<Receiver> receiver_;

  Mutex mutex_;
  bool is_closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<StoreId, Lanes> stores_ ABSL_GUARDED_BY(mutex_);

  // No lane to a store that comes back after Forget() may begin below what it has sent before.
  uint64_t forgotten_sequence_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace nokv::transport
