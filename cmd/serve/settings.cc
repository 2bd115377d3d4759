#include "cmd/serve/settings.h"

#include "cmd/daemon/flags.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace nokv::serve {
namespace {

// HOST:PORT as it was given, if it is one.
absl::StatusOr<std::string> CheckAddress(std::string_view flag, const std::string& text) {
  const absl::StatusOr<config::Address> address = config::ParseAddress(text);
  if (address.ok()) return text;
  return InvalidArgumentError("{} {}: {}", flag, text, StdView(address.status().message()));
}

absl::StatusOr<absl::Duration> DurationOf(std::string_view flag, const std::string& text) {
  absl::Duration duration;
  if (absl::ParseDuration(text, &duration) && duration > absl::ZeroDuration()) return duration;
  return InvalidArgumentError("{} {} is not a time such as 100ms or 2s", flag, text);
}

absl::StatusOr<std::pair<transport::StoreId, std::string>> PeerOf(const std::string& text) {
  const size_t equals = text.find('=');
  uint64_t id = 0;
  const char* const end = text.data() + std::min(equals, text.size());
  const auto [stop, error] = std::from_chars(text.data(), end, id);
  if (equals == std::string::npos || error != std::errc() || stop != end || id == 0) {
    return InvalidArgumentError("--peer {} is not ID=HOST:PORT", text);
  }
  ASSIGN_OR_RETURN(const std::string address, CheckAddress("--peer", text.substr(equals + 1)));
  return std::make_pair(id, address);
}

const config::Store* FindStore(const config::Topology& topology, uint64_t id) {
  const auto found = std::find_if(topology.stores.begin(), topology.stores.end(),
                                  [&](const config::Store& store) { return store.id == id; });
  return found == topology.stores.end() ? nullptr : &*found;
}

// What the topology says of this store, where the command line is silent.
absl::Status TakeFrom(const config::Topology& topology, Words& words, Settings& settings) {
  const config::Scope scope =
      words.scope == "docker" ? config::Scope::kDocker : config::Scope::kHost;
  if (topology.tls) {
    return UnimplementedError("{}: \"tls\" is not supported by stores yet", words.config);
  }
  const config::Store* const store = FindStore(topology, words.store_id);
  if (store == nullptr) {
    return InvalidArgumentError("--store-id {}: there is no such store in {}", words.store_id,
                                words.config);
  }
  const config::StorePlace& place = store->At(scope);
  if (words.addr.empty()) words.addr = place.listen_addr;
  if (words.advertise_addr.empty()) words.advertise_addr = place.addr;
  if (words.workdir.empty()) words.workdir = place.work_dir;
  if (words.pd_addr.empty()) words.pd_addr = topology.pd.At(scope).addr;
  for (const config::Store& other : topology.stores) {
    settings.addresses[other.id] = other.At(scope).addr;
  }
  ASSIGN_OR_RETURN(settings.regions, RegionsOf(topology, words.store_id));
  return absl::OkStatus();
}

absl::Status CheckGiven(const Words& words) {
  if (words.store_id == 0) return InvalidArgumentError("--store-id is missing: from 1");
  if (words.workdir.empty()) return InvalidArgumentError("--workdir is missing: a directory");
  if (words.pd_addr.empty()) return InvalidArgumentError("--pd-addr is missing: HOST:PORT");
  if (words.scope != "host" && words.scope != "docker") {
    return InvalidArgumentError("--scope {} is neither host nor docker", words.scope);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<region::RegionMeta>> RegionsOf(const config::Topology& topology,
                                                          transport::StoreId store) {
  std::vector<region::RegionMeta> regions;
  for (const config::Region& from : topology.regions) {
    region::RegionMeta region{
        .id = from.id,
        .start = from.start_key,
        .end = from.end_key,
        .epoch = {.conf_version = from.epoch_conf_version, .version = from.epoch_version}};
    for (const config::Peer& peer : from.peers) {
      region.peers.push_back({.id = peer.peer_id, .store = peer.store_id});
    }
    std::sort(region.peers.begin(), region.peers.end(),
              [](const auto& a, const auto& b) { return a.id < b.id; });
    RETURN_IF_ERROR(region::Validate(region));
    if (region.PeerOn(store) != nullptr) regions.push_back(std::move(region));
  }
  return regions;
}

absl::StatusOr<Settings> Interpret(const Words& given, const config::Topology* topology) {
  Words words = given;
  Settings settings;
  if (topology != nullptr) RETURN_IF_ERROR(TakeFrom(*topology, words, settings));
  RETURN_IF_ERROR(CheckGiven(words));
  if (words.addr.empty()) words.addr = "127.0.0.1:20160";
  if (words.advertise_addr.empty()) words.advertise_addr = words.addr;

  settings.workdir = words.workdir;
  settings.is_bootstrap_only = words.is_bootstrap_only;
  ASSIGN_OR_RETURN(settings.listen_address, CheckAddress("--addr", words.addr));
  ASSIGN_OR_RETURN(settings.pd_address, CheckAddress("--pd-addr", words.pd_addr));
  ASSIGN_OR_RETURN(settings.pd_timeout, DurationOf("--pd-timeout", words.pd_timeout));
  ASSIGN_OR_RETURN(settings.memory_bytes, daemon::ParseBytes(words.memory));
  for (const std::string& text : words.peers) {
    ASSIGN_OR_RETURN(const auto peer, PeerOf(text));
    settings.addresses[peer.first] = peer.second;
  }
  if (!words.metrics_addr.empty()) {
    RETURN_IF_ERROR(CheckAddress("--metrics-addr", words.metrics_addr).status());
    ASSIGN_OR_RETURN(settings.metrics_address, config::ParseAddress(words.metrics_addr));
  }

  settings.store.store_id = words.store_id;
  ASSIGN_OR_RETURN(settings.store.address, CheckAddress("--advertise-addr", words.advertise_addr));
  if (config::IsWildcard(*config::ParseAddress(settings.store.address))) {
    return InvalidArgumentError(
        "--advertise-addr {}: nobody can reach a store there; give the address by which others do",
        settings.store.address);
  }
  ASSIGN_OR_RETURN(settings.store.tick, DurationOf("--raft-tick-interval", words.tick_interval));
  settings.store.election_ticks = words.election_ticks;
  settings.store.heartbeat_ticks = words.heartbeat_ticks;
  RETURN_IF_ERROR(store::Validate(settings.store));
  return settings;
}

}  // namespace nokv::serve
