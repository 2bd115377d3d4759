#include "pd/storage/records.h"

#include "engine/base/codec.h"

#include <utility>

namespace nokv::pd {
namespace {

constexpr uint8_t kVersion = 1;
constexpr std::string_view kMagic("nokv-pd\0", 8);

// Keys are shown as text and hexadecimal digits: a prefix and an id.
std::string Shown(std::string_view key) {
  std::string shown;
  for (const char c : key) {
    const auto byte = static_cast<unsigned char>(c);
    shown += byte >= 0x20 && byte < 0x7f ? std::string(1, c) : fmt::format("\\x{:02x}", byte);
  }
  return shown;
}

absl::Status Unreadable(std::string_view key, std::string_view what) {
  return DataLossError("placement record '{}': {}", Shown(key), what);
}

absl::Status CheckVersion(std::string_view key, Decoder& from) {
  uint8_t version = 0;
  if (!from.Fixed(&version) || version == 0) return Unreadable(key, "has no version");
  if (version > kVersion) {
    return UnimplementedError("placement record '{}' has version {}; this program reads up to {}",
                              Shown(key), version, kVersion);
  }
  return absl::OkStatus();
}

std::string WithVersion() { return {static_cast<char>(kVersion)}; }

std::string KeyWithId(char prefix, uint64_t id) {
  std::string key(1, prefix);
  for (int shift = 56; shift >= 0; shift -= 8) key.push_back(static_cast<char>(id >> shift));
  return key;
}

absl::StatusOr<uint64_t> IdOf(std::string_view key) {
  if (key.size() != 9) return Unreadable(key, "its key should have nine bytes");
  uint64_t id = 0;
  for (const char c : key.substr(1)) id = id << 8 | static_cast<unsigned char>(c);
  return id;
}

}  // namespace

std::string KeyOf(RegionId id) { return KeyWithId(kRegionPrefix, Number(id)); }

std::string KeyOf(StoreId id) { return KeyWithId(kStorePrefix, Number(id)); }

std::string EncodeClusterId(uint64_t cluster_id) {
  std::string value(kMagic);
  value += WithVersion();
  PutFixed(value, cluster_id);
  return value;
}

absl::StatusOr<uint64_t> DecodeClusterId(std::string_view value) {
  Decoder from(value);
  std::string_view magic;
  if (!from.Bytes(kMagic.size(), &magic) || magic != kMagic) {
    return Unreadable(kClusterKey, "is not a placement driver's");
  }
  RETURN_IF_ERROR(CheckVersion(kClusterKey, from));
  uint64_t cluster_id = 0;
  if (!from.Fixed(&cluster_id) || !from.done() || cluster_id == 0) {
    return Unreadable(kClusterKey, "holds no cluster id");
  }
  return cluster_id;
}

std::string EncodeCeiling(uint64_t ceiling) {
  std::string value = WithVersion();
  PutVarint(value, ceiling);
  return value;
}

absl::StatusOr<uint64_t> DecodeCeiling(std::string_view key, std::string_view value) {
  Decoder from(value);
  RETURN_IF_ERROR(CheckVersion(key, from));
  uint64_t ceiling = 0;
  if (!from.Varint(&ceiling) || !from.done()) return Unreadable(key, "holds no ceiling");
  return ceiling;
}

std::string EncodeRegion(const Region& region) {
  std::string value = WithVersion();
  PutVarint(value, region.epoch.version);
  PutVarint(value, region.epoch.conf_version);
  PutLengthPrefixed(value, region.start_key);
  PutLengthPrefixed(value, region.end_key);
  PutVarint(value, region.peers.size());
  for (const Peer& peer : region.peers) {
    PutVarint(value, Number(peer.id));
    PutVarint(value, Number(peer.store));
    PutVarint(value, static_cast<uint64_t>(peer.role));
  }
  return value;
}

absl::StatusOr<Region> DecodeRegion(std::string_view key, std::string_view value) {
  ASSIGN_OR_RETURN(const uint64_t id, IdOf(key));
  Decoder from(value);
  RETURN_IF_ERROR(CheckVersion(key, from));
  Region region{.id = RegionId{id}};
  std::string_view start;
  std::string_view end;
  uint64_t peer_count = 0;
  from.Varint(&region.epoch.version);
  from.Varint(&region.epoch.conf_version);
  from.LengthPrefixed(&start);
  from.LengthPrefixed(&end);
  from.Varint(&peer_count);
  region.start_key = start;
  region.end_key = end;
  if (peer_count > kPeersMax) return Unreadable(key, "has too many peers");
  for (uint64_t i = 0; i < peer_count; ++i) {
    uint64_t peer = 0;
    uint64_t store = 0;
    uint64_t role = 0;
    if (!from.Varint(&peer) || !from.Varint(&store) || !from.Varint(&role)) break;
    if (role > UINT8_MAX) return Unreadable(key, "has a peer of an unknown role");
    region.peers.push_back({PeerId{peer}, StoreId{store}, static_cast<PeerRole>(role)});
  }
  if (!from.done()) return Unreadable(key, "is cut short or too long");
  const absl::Status status = CheckRegion(region);
  if (!status.ok()) return Unreadable(key, StdView(status.message()));
  return region;
}

std::string EncodeStore(const StoreRecord& store) {
  std::string value = WithVersion();
  PutFixed(value, store.identity);
  PutVarint(value, static_cast<uint64_t>(store.intent));
  PutLengthPrefixed(value, store.address);
  return value;
}

absl::StatusOr<StoreRecord> DecodeStore(std::string_view key, std::string_view value) {
  ASSIGN_OR_RETURN(const uint64_t id, IdOf(key));
  Decoder from(value);
  RETURN_IF_ERROR(CheckVersion(key, from));
  StoreRecord store{.id = StoreId{id}};
  uint64_t intent = 0;
  std::string_view address;
  from.Fixed(&store.identity);
  from.Varint(&intent);
  from.LengthPrefixed(&address);
  if (!from.done() || id == 0 || id > kIdMax) return Unreadable(key, "is no store");
  if (intent < static_cast<uint64_t>(StoreIntent::kServing) ||
      intent > static_cast<uint64_t>(StoreIntent::kTombstone)) {
    return Unreadable(key, "has an unknown intent");
  }
  store.intent = static_cast<StoreIntent>(intent);
  store.address = address;
  return store;
}

}  // namespace nokv::pd
