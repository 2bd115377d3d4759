#include "cmd/placement/settings.h"

#include <charconv>
#include <utility>

namespace nokv::placement {
namespace {

constexpr const char* kDefaultAddress = "127.0.0.1:2379";
constexpr int kHexDigits = 16;

absl::StatusOr<config::Address> AddressOf(std::string_view flag, const std::string& text) {
  absl::StatusOr<config::Address> address = config::ParseAddress(text);
  if (address.ok()) return address;
  return InvalidArgumentError("{} {}: {}", flag, text, StdView(address.status().message()));
}

absl::StatusOr<uint64_t> ClusterIdOf(const std::string& text) {
  if (text.empty()) return 0;
  uint64_t id = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, id, kHexDigits);
  if (error == std::errc() && stop == end && id != 0) return id;
  return InvalidArgumentError("--cluster-id {} is not 1 to 16 hex digits, and not 0", text);
}

pd::Region RegionOf(const config::Region& from) {
  pd::Region region{
      .id = pd::RegionId{from.id},
      .start_key = from.start_key,
      .end_key = from.end_key,
      .epoch = {.version = from.epoch_version, .conf_version = from.epoch_conf_version},
      .peers = {}};
  for (const config::Peer& peer : from.peers) {
    region.peers.push_back({.id = pd::PeerId{peer.peer_id}, .store = pd::StoreId{peer.store_id}});
  }
  return region;
}

// What the topology says, where the command line is silent.
absl::Status TakeFrom(const config::Topology& topology, Words& words, Settings& settings) {
  if (topology.tls) {
    return UnimplementedError("{}: \"tls\" is not supported by the placement driver yet",
                              words.config);
  }
  const config::PdPlace& place =
      topology.pd.At(words.scope == "docker" ? config::Scope::kDocker : config::Scope::kHost);
  if (words.addr.empty()) words.addr = place.addr;
  if (words.workdir.empty()) words.workdir = place.work_dir;
  for (const config::Region& region : topology.regions) {
    settings.regions.push_back(RegionOf(region));
    RETURN_IF_ERROR(pd::CheckRegion(settings.regions.back()));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Settings> Interpret(const Words& given, const config::Topology* topology) {
  Words words = given;
  Settings settings{.id_start = words.id_start, .timestamp_start = words.ts_start};
  if (words.scope != "host" && words.scope != "docker") {
    return InvalidArgumentError("--scope {} is neither host nor docker", words.scope);
  }
  if (topology != nullptr) RETURN_IF_ERROR(TakeFrom(*topology, words, settings));
  if (words.addr.empty()) words.addr = kDefaultAddress;
  if (words.workdir.empty()) {
    return InvalidArgumentError(
        "--workdir is missing: without a directory timestamps and ids would start anew");
  }
  settings.workdir = words.workdir;
  RETURN_IF_ERROR(AddressOf("--addr", words.addr).status());
  settings.listen_address = words.addr;
  if (!words.metrics_addr.empty()) {
    ASSIGN_OR_RETURN(settings.metrics_address, AddressOf("--metrics-addr", words.metrics_addr));
  }
  ASSIGN_OR_RETURN(settings.cluster_id, ClusterIdOf(words.cluster_id));
  return settings;
}

}  // namespace nokv::placement
