// The machine of a store, and the process that comes and goes on it: engine, store and transport,
// put together as a daemon does.
//
// Thread-safety: none; a world has one thread.
#pragma once

#include "engine/db.h"
#include "raftstore/region/region_meta.h"
#include "raftstore/store/store.h"
#include "raftstore/transport/transport.h"
#include "tests/simulation/cluster/machine.h"

#include <absl/time/time.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace nokv::simulation {

struct StoreHostOptions {
  std::vector<region::RegionMeta> regions = {};  // Of the cluster; those with a peer here are ours.
  nokv::Options engine = {};                     // Directory and environment are ours to set.
  store::Options store = {};                     // As are ids and address.
};

class StoreHost {
 public:
  StoreHost(World& world, uint64_t id, const StoreHostOptions& options);
  ~StoreHost();

  // Where a process dies: within the `change`-th change that it makes to its disk from then on.
  // `then`, in the world, is told, and calls Stop().
  struct Doom {
    uint64_t change = 1;
    std::function<void()> then;
  };

  void Start(uint64_t cluster_id, std::optional<Doom> doom = {});
  void Stop(Death death);

  bool is_up() const { return running_ != nullptr; }

  uint64_t id() const { return id_; }

  std::string address() const { return AddressOf(id_); }

  static std::string AddressOf(uint64_t store) { return "store-" + std::to_string(store); }

  void Meet(Doom doom);

  // It need not die any more, if it has not yet.
  void Spare();

  void JumpClock(int64_t millis);
  void StallDisk(absl::Duration duration);

  // Tells the oracle what each replica here holds, and the caller what the store says of itself.
  void Inspect(std::function<void(const store::Report&)> done);

 private:
  class AddressBook;

  // What it is made of, in the order in which it is made.
  struct Process;

  void Violate(const std::string& what, const absl::Status& status);
  absl::Status Make(uint64_t cluster_id);
  void Send(transport::StoreId to, std::vector<transport::Envelope> envelopes);
  void Tick();
  uint64_t HashOf(const region::RegionMeta& region);

  Machine machine_;
  const uint64_t id_;
  const StoreHostOptions options_;
  std::unique_ptr<Process> running_;
};

}  // namespace nokv::simulation
