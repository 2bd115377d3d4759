// Stores that only have a transport, on a simulated network, and a ledger of all that they say.
//
// Every message carries who sent it and the how-manieth it is on its lane, and bytes that follow
// from that. So the ledger needs no memory of messages to know that one was sent, arrived
// unchanged, once and in order.
//
// Thread-safety: none; a world has one thread.
#pragma once

#include "raftstore/transport/transport.h"
#include "tests/simulation/event_queue.h"
#include "tests/simulation/host.h"
#include "tests/simulation/network.h"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace nokv::simulation {

// What one incarnation of a store has said to another on a lane.
using Way = std::tuple<transport::StoreId, uint64_t, transport::StoreId, transport::Lane>;

struct Ledger {
  std::map<Way, uint64_t> sent;
  std::map<std::pair<Way, uint64_t>, uint64_t> last_delivered;  // To an incarnation; see Take().
  std::map<std::pair<transport::StoreId, transport::StoreId>, uint64_t> delivered;
  uint64_t sent_count = 0;
  uint64_t delivered_count = 0;
  uint64_t undelivered_reports = 0;
  uint64_t waiting_messages_peak = 0;  // Of one lane.
  uint64_t waiting_bytes_peak = 0;
  std::string violation = {};  // The first.

  void Violate(std::string text) {
    if (violation.empty()) violation = std::move(text);
  }
};

class TransportCluster {
 public:
  TransportCluster(uint64_t seed, size_t stores, const transport::Options& options,
                   const NetworkOptions& network);
  ~TransportCluster();

  // Stores are numbered from 1.
  size_t stores() const { return stores_.size(); }

  // `count` messages in one call, `bytes` of payload in each that goes by the append lane.
  void Say(transport::StoreId from, transport::StoreId to, transport::Lane lane, size_t count,
           size_t bytes);

  // The process ends and starts again after `pause`, as the next incarnation.
  void Restart(transport::StoreId store, bool machine_dies, absl::Duration pause);

  // The store is somewhere else now; only PD knows.
  void Move(transport::StoreId store);

  // While PD is away, nobody is told an address.
  void set_pd_is_up(bool is_up) { pd_is_up_ = is_up; }

  bool is_up(transport::StoreId store) const { return At(store).running != nullptr; }

  transport::Transport& TransportOf(transport::StoreId store) { return *At(store).running; }

  uint64_t Delivered(transport::StoreId from, transport::StoreId to) const {
    const auto found = ledger_.delivered.find({from, to});
    return found == ledger_.delivered.end() ? 0 : found->second;
  }

  EventQueue& queue() { return queue_; }

  SimNetwork& network() { return network_; }

  Ledger& ledger() { return ledger_; }

 private:
  class StoreInbox;
  class PlacementResolver;

  struct Store {
    transport::StoreId id = 0;
    uint64_t incarnation = 0;
    uint64_t address = 0;  // Counts moves.
    std::unique_ptr<SimClock> clock;
    std::unique_ptr<SimExecutor> executor;
    std::unique_ptr<transport::Network> view;
    std::unique_ptr<Random> random;
    std::unique_ptr<StoreInbox> inbox;
    std::unique_ptr<PlacementResolver> resolver;
    std::unique_ptr<transport::Transport> running;  // Null while it is down.
  };

  const Store& At(transport::StoreId store) const { return stores_[store - 1]; }

  Store& At(transport::StoreId store) { return stores_[store - 1]; }

  std::string AddressOf(const Store& store) const;
  void Start(Store& store);
  void Stop(Store& store);
  void Tick(transport::StoreId store);
  void Take(transport::StoreId from, transport::StoreId at, const transport::Envelope& envelope);

  EventQueue queue_;
  SimNetwork network_;
  const transport::Options options_;
  const bool repeats_;  // The network may repeat frames.
  bool pd_is_up_ = true;
  Ledger ledger_;
  std::vector<Store> stores_;
};

}  // namespace nokv::simulation
