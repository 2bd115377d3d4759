// What `nokv serve` was asked for: the command line and the topology together, checked.
//
// Thread-safety: values and pure functions; ReadTopology reads the file system it is given.
#pragma once

#include "cmd/config/address.h"
#include "cmd/config/topology.h"
#include "engine/base/status.h"
#include "raftstore/region/region_meta.h"
#include "raftstore/store/options.h"

#include <absl/time/time.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace nokv::serve {

// The command line as it was typed. Empty: not given.
struct Words {
  std::string config = {};
  std::string scope = "host";
  uint64_t store_id = 0;
  std::string workdir = {};
  std::string addr = {};
  std::string advertise_addr = {};
  std::string pd_addr = {};
  std::string pd_timeout = "2s";
  std::string metrics_addr = {};
  std::vector<std::string> peers = {};  // "ID=HOST:PORT".
  std::string tick_interval = "100ms";
  uint32_t election_ticks = 10;
  uint32_t heartbeat_ticks = 3;
  std::string memory = "512MiB";
  std::string log_level = "info";
  bool is_bootstrap_only = false;
};

struct Settings {
  std::string workdir = {};
  std::string listen_address = {};
  std::string pd_address = {};
  absl::Duration pd_timeout = {};
  std::optional<config::Address> metrics_address = {};
  std::map<transport::StoreId, std::string> addresses = {};  // Of stores, as far as is known.
  std::vector<region::RegionMeta> regions = {};              // That this store begins with.
  store::Options store = {};
  uint64_t memory_bytes = 0;
  bool is_bootstrap_only = false;
};

// InvalidArgument that names the flag, or the topology and what is missing there. `topology` is
// null if none was given.
absl::StatusOr<Settings> Interpret(const Words& words, const config::Topology* topology);

// Of the store's regions in the topology. InvalidArgument for what cannot be a region.
absl::StatusOr<std::vector<region::RegionMeta>> RegionsOf(const config::Topology& topology,
                                                          transport::StoreId store);

}  // namespace nokv::serve
