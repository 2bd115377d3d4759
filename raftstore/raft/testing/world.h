// Hosts, a network and disks in simulated time: what happens, in which order, from one seed.
//
// Ticks are only counted out when a host has something to do: an idle tick costs nothing.
//
// Thread-safety: none.
#pragma once

#include "engine/base/random.h"
#include "raftstore/raft/testing/invariants.h"
#include "raftstore/raft/testing/network.h"
#include "raftstore/raft/testing/node.h"
#include "raftstore/raft/testing/registers.h"
#include "raftstore/raft/testing/simulation.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace nokv::raft::testing {

struct Host {
  Options options;
  uint64_t incarnation = 0;     // Grows with every restart.
  std::unique_ptr<Node> node;   // Null while it is down.
  MemoryDisk disk;              // While it is down.
  Registers registers;          // What it has applied,
  Registers flushed_registers;  // and what of that is on the disk.
  uint64_t applied_since_flush = 0;

  uint64_t tick_us = 100'000;  // By the rate of its clock.
  uint64_t started_us = 0;
  uint64_t ticks = 0;  // Counted out since then.
  uint64_t wake_us = 0;

  uint64_t sync_us_max = 3'000;
  uint64_t slow_until_us = 0;  // Until then a sync takes up to three seconds.
  uint64_t writing = 0;  // The newest write that the sync on its way covers; 0: there is none.

  bool is_up() const { return node != nullptr; }

  Raft& raft() { return node->raft(); }
};

// What the clients of a world are told.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void OnApplied(Host& host, const Entry& entry) = 0;
  virtual void OnRead(Host& host, const ReadState& read) = 0;
  virtual void OnDroppedRead(uint64_t context) = 0;
};

class World {
 public:
  World(uint64_t seed, const NetworkOptions& network);

  void set_observer(Observer* observer) { observer_ = observer; }

  // A first peer of the group if it has a configuration, else a newcomer.
  Host& AddHost(const Options& options, const Configuration& configuration);

  void RemoveHost(PeerId id) { hosts_.erase(id); }

  Host* Find(PeerId id);

  std::map<PeerId, Host>& hosts() { return hosts_; }

  // The host that leads in the highest term; null if none does.
  Host* Leader();

  // Applies `input` to the core of a host that is up, and does what follows from it.
  template <typename Input>
  auto Do(Host& host, Input input) {
    CatchUp(host);
    auto result = input(host.raft());
    AfterInput(host);
    return result;
  }

  // Calls `action` after `delay_us`.
  void After(uint64_t delay_us, std::function<void()> action);

  // The host loses what it was writing, but for the first `completed` writes.
  void Crash(Host& host, size_t completed);
  void Restart(Host& host);

  // Runs until the time comes or something is violated.
  void RunUntil(uint64_t end_us);

  uint64_t now_us() const { return now_us_; }

  Random& random() { return random_; }

  Network& network() { return network_; }

  SimulationResult& result() { return result_; }

  const std::string& violation() const { return result_.violation; }

  Invariants& invariants() { return invariants_; }

  void Violate(std::string text);

  // One line for each host.
  std::string Describe();

 private:
  enum class Kind : uint8_t { kMessage, kWake, kWritten, kAction };

  struct Event {
    uint64_t at_us = 0;
    uint64_t order = 0;
    Kind kind = Kind::kAction;
    PeerId host = kNobody;
    uint64_t argument = 0;  // A slot, or an incarnation.

    bool operator<(const Event& other) const {  // The heap has the greatest in front.
      return at_us != other.at_us ? at_us > other.at_us : order > other.order;
    }
  };

  void Schedule(uint64_t delay_us, Kind kind, PeerId host, uint64_t argument);
  void Happen(const Event& event);
  void Deliver(Host* host, Message message);
  void CatchUp(Host& host);
  void AfterInput(Host& host);
  void Apply(Host& host);
  void SendAll(std::vector<Message>& messages);
  void StartWrite(Host& host);
  void MaybeFlush(Host& host);
  void Trace(uint64_t value);

  Random random_;
  Network network_;
  Observer* observer_ = nullptr;
  std::map<PeerId, Host> hosts_;
  uint64_t now_us_ = 0;
  uint64_t order_ = 0;
  std::vector<Event> heap_;
  std::vector<Message> messages_;  // On the way, by slot.
  std::vector<uint64_t> free_messages_;
  std::vector<std::function<void()>> actions_;
  std::vector<uint64_t> free_actions_;
  Effects effects_;
  SimulationResult result_;
  Invariants invariants_;
};

}  // namespace nokv::raft::testing
