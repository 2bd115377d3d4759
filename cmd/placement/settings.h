// What `nokv pd` was asked for: the command line and the topology together, checked.
//
// Thread-safety: values and pure functions.
#pragma once

#include "cmd/config/address.h"
#include "cmd/config/topology.h"
#include "engine/base/status.h"
#include "pd/model/types.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace nokv::placement {

// The command line as it was typed. Empty: not given.
struct Words {
  std::string config = {};
  std::string scope = "host";
  std::string workdir = {};
  std::string addr = {};
  std::string metrics_addr = {};
  std::string cluster_id = {};  // Hex digits, as messages have it.
  uint64_t id_start = 1;
  uint64_t ts_start = 1;
  std::string log_level = "info";
};

struct Settings {
  std::string workdir = {};
  std::string listen_address = {};
  std::optional<config::Address> metrics_address = {};
  uint64_t cluster_id = 0;  // 0: whichever the directory belongs to.
  uint64_t id_start = 1;
  uint64_t timestamp_start = 0;
  std::vector<pd::Region> regions = {};  // That the cluster begins with.
};

// InvalidArgument that names the flag. `topology` is null if none was given.
absl::StatusOr<Settings> Interpret(const Words& words, const config::Topology* topology);

}  // namespace nokv::placement
