#include "cmd/config/draft.h"

#include "cmd/config/fields.h"
#include "cmd/config/key_text.h"

#include <algorithm>
#include <array>
#include <utility>

namespace nokv::config {
namespace {

// A cluster begins with these; later regions are split off by the stores themselves.
constexpr Range kStores = {1, 1000};
constexpr Range kRegions = {1, 1000};
constexpr Range kPeers = {1, 9};  // A write waits for most of them.
constexpr Range kIds = {1, kIdMax};
constexpr Range kRetries = {0, 1000};

constexpr auto kTopologyNames =
    std::to_array<std::string_view>({"$schema", "max_retries", "pd", "store_work_dir_template",
                                     "store_docker_work_dir_template", "tls", "stores", "regions"});
constexpr auto kPdNames =
    std::to_array<std::string_view>({"addr", "docker_addr", "work_dir", "docker_work_dir"});
constexpr auto kTlsNames = std::to_array<std::string_view>({"ca_file", "cert_file", "key_file"});
constexpr auto kStoreNames =
    std::to_array<std::string_view>({"store_id", "listen_addr", "addr", "docker_listen_addr",
                                     "docker_addr", "work_dir", "docker_work_dir"});
constexpr auto kRegionNames = std::to_array<std::string_view>(
    {"id", "start_key", "end_key", "start_slot", "end_slot", "epoch", "peers", "leader_store_id"});
constexpr auto kEpochNames = std::to_array<std::string_view>({"version", "conf_version"});
constexpr auto kPeerNames = std::to_array<std::string_view>({"store_id", "peer_id"});

struct WorkDirTemplates {
  std::string host;
  std::string docker;
};

std::string WithId(std::string path, uint64_t id) {
  constexpr std::string_view kPlaceholder = "{id}";
  const std::string digits = std::to_string(id);
  for (size_t at = path.find(kPlaceholder); at != std::string::npos;
       at = path.find(kPlaceholder, at + digits.size())) {
    path.replace(at, kPlaceholder.size(), digits);
  }
  return path;
}

Pd ReadPd(const Value& value, ProblemList& problems) {
  Fields fields(value, kPdNames, problems);
  Pd pd;
  pd.host.addr = fields.Address({"addr"}, AddressUse::kReach).value_or("");
  pd.host.work_dir = fields.Path({"work_dir", Need::kOptional}).value_or("");
  pd.docker.addr =
      fields.Address({"docker_addr", Need::kOptional}, AddressUse::kReach).value_or(pd.host.addr);
  pd.docker.work_dir = fields.Path({"docker_work_dir", Need::kOptional}).value_or(pd.host.work_dir);
  return pd;
}

Tls ReadTls(const Value& value, ProblemList& problems) {
  Fields fields(value, kTlsNames, problems);
  Tls tls;
  tls.ca_file = fields.Path({"ca_file"}).value_or("");
  tls.cert_file = fields.Path({"cert_file"}).value_or("");
  tls.key_file = fields.Path({"key_file"}).value_or("");
  return tls;
}

Store ReadStore(const Value& value, const WorkDirTemplates& templates, ProblemList& problems) {
  Fields fields(value, kStoreNames, problems);
  Store store;
  store.id = fields.Number({"store_id"}, kIds).value_or(0);

  StorePlace& host = store.host;
  host.addr = fields.Address({"addr"}, AddressUse::kReach).value_or("");
  host.listen_addr =
      fields.Address({"listen_addr", Need::kOptional}, AddressUse::kListen).value_or(host.addr);
  host.work_dir =
      fields.Path({"work_dir", Need::kOptional}).value_or(WithId(templates.host, store.id));

  StorePlace& docker = store.docker;
  docker.addr =
      fields.Address({"docker_addr", Need::kOptional}, AddressUse::kReach).value_or(host.addr);
  docker.listen_addr = fields.Address({"docker_listen_addr", Need::kOptional}, AddressUse::kListen)
                           .value_or(host.listen_addr);
  docker.work_dir =
      fields.Path({"docker_work_dir", Need::kOptional})
          .value_or(templates.docker.empty() ? host.work_dir : WithId(templates.docker, store.id));
  return store;
}

Peer ReadPeer(const Value& value, ProblemList& problems) {
  Fields fields(value, kPeerNames, problems);
  Peer peer;
  peer.store_id = fields.Number({"store_id"}, kIds).value_or(0);
  peer.peer_id = fields.Number({"peer_id"}, kIds).value_or(0);
  return peer;
}

// False, and noted, if the region's keys are not known now.
bool ReadSlots(Fields& fields, Region& region) {
  const auto start = fields.Number({"start_slot"}, {0, kSlots - 1});
  const auto end = fields.Number({"end_slot"}, {1, kSlots});
  if (!start || !end) return false;
  if (*start >= *end) {
    fields.Expected(*fields.value().Find("end_slot"),
                    fmt::format("more than the start_slot {}", *start), "the region is empty");
    return false;
  }
  region.slots = SlotRange{static_cast<uint32_t>(*start), static_cast<uint32_t>(*end)};
  region.start_key = SlotBound(region.slots->start);
  region.end_key = SlotBound(region.slots->end);
  return true;
}

bool ReadKeys(Fields& fields, Region& region) {
  // A member that is left out is no bound; one that is wrong is not that.
  const auto start = fields.Key({"start_key", Need::kOptional});
  const auto end = fields.Key({"end_key", Need::kOptional});
  region.start_key = start.value_or("");
  region.end_key = end.value_or("");
  bool is_known = (start || !fields.Has("start_key")) && (end || !fields.Has("end_key"));

  constexpr std::string_view kBelow = "a key below hex:ff";
  constexpr std::string_view kReason = "the keys from there on are the system's";
  if (region.start_key >= kSystemStart) {
    fields.Expected(*fields.value().Find("start_key"), kBelow, kReason);
    is_known = false;
  }
  if (region.end_key > kSystemStart) {
    fields.Expected(*fields.value().Find("end_key"), "a key up to hex:ff", kReason);
    is_known = false;
  }
  if (is_known && !region.end_key.empty() && region.end_key <= region.start_key) {
    fields.Expected(
        *fields.value().Find("end_key"),
        fmt::format("a key greater than the start_key {}", DescribeBound(region.start_key)),
        "the region is empty");
    is_known = false;
  }
  return is_known;
}

bool ReadBounds(Fields& fields, Region& region, ProblemList& problems) {
  const bool has_slots = fields.Has("start_slot") || fields.Has("end_slot");
  if (!has_slots) return ReadKeys(fields, region) && fields.value().kind == Kind::kObject;
  if (!fields.Has("start_key") && !fields.Has("end_key")) return ReadSlots(fields, region);
  problems.Add(PlaceOf(fields.value()),
               "bounds in keys and in slots; expected start_key and end_key, or start_slot and "
               "end_slot");
  return false;
}

Region ReadRegion(const Value& value, bool& has_all_bounds, ProblemList& problems) {
  Fields fields(value, kRegionNames, problems);
  Region region;
  region.id = fields.Number({"id"}, kIds).value_or(0);
  if (!ReadBounds(fields, region, problems)) has_all_bounds = false;
  if (const Value* epoch = fields.Object({"epoch", Need::kOptional})) {
    Fields members(*epoch, kEpochNames, problems);
    region.epoch_version = members.Number({"version"}, kIds).value_or(1);
    region.epoch_conf_version = members.Number({"conf_version"}, kIds).value_or(1);
  }
  for (const Value* peer : fields.Array({"peers"}, kPeers)) {
    region.peers.push_back(ReadPeer(*peer, problems));
  }
  region.leader_store_id = fields.Number({"leader_store_id", Need::kOptional}, kIds);
  return region;
}

// Where slots follow, the last raw region ends before them.
void EndRawKeysBeforeSlots(std::vector<Region>& regions) {
  const bool has_slots = std::any_of(regions.begin(), regions.end(),
                                     [](const Region& region) { return region.slots.has_value(); });
  if (!has_slots) return;
  for (Region& region : regions) {
    if (!region.slots && region.end_key.empty()) region.end_key = kSystemStart;
  }
}

}  // namespace

Draft ReadDraft(const Value& root, ProblemList& problems) {
  Draft draft;
  Topology& topology = draft.topology;
  Fields fields(root, kTopologyNames, problems);
  fields.AnyString({"$schema", Need::kOptional});
  topology.max_retries = static_cast<uint32_t>(
      fields.Number({"max_retries", Need::kOptional}, kRetries).value_or(topology.max_retries));
  if (const Value* pd = fields.Object({"pd"})) topology.pd = ReadPd(*pd, problems);
  if (const Value* tls = fields.Object({"tls", Need::kOptional})) {
    topology.tls = ReadTls(*tls, problems);
  }
  const WorkDirTemplates templates = {
      .host = fields.PathWithId({"store_work_dir_template", Need::kOptional}).value_or(""),
      .docker =
          fields.PathWithId({"store_docker_work_dir_template", Need::kOptional}).value_or("")};
  for (const Value* store : fields.Array({"stores"}, kStores)) {
    topology.stores.push_back(ReadStore(*store, templates, problems));
  }
  for (const Value* region : fields.Array({"regions"}, kRegions)) {
    topology.regions.push_back(ReadRegion(*region, draft.has_all_bounds, problems));
  }
  EndRawKeysBeforeSlots(topology.regions);
  return draft;
}

}  // namespace nokv::config
