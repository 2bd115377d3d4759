#include "raftstore/region/region_meta.h"

#include "engine/base/codec.h"

#include <algorithm>
#include <utility>

namespace nokv::region {
namespace {

constexpr uint8_t kVersion = 1;
constexpr size_t kBoundBytesShown = 16;

std::string ShowBound(std::string_view bound) {
  std::string text;
  for (const char byte : bound.substr(0, kBoundBytesShown)) {
    text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  }
  if (bound.size() > kBoundBytesShown) text += "...";
  return text;
}

absl::Status CheckPeers(const RegionMeta& region) {
  if (region.peers.empty() || region.peers.size() > kPeersMax) {
    return InvalidArgumentError("region {}: {} peers; 1 to {} are wanted", region.id,
                                region.peers.size(), kPeersMax);
  }
  bool has_voter = false;
  for (size_t i = 0; i < region.peers.size(); ++i) {
    const Peer& peer = region.peers[i];
    if (peer.id == 0 || peer.store == 0) {
      return InvalidArgumentError("region {}: peer {} on store {}; ids begin at 1", region.id,
                                  peer.id, peer.store);
    }
    if (i > 0 && peer.id <= region.peers[i - 1].id) {
      return InvalidArgumentError("region {}: peer {} comes after peer {}", region.id, peer.id,
                                  region.peers[i - 1].id);
    }
    if (region.PeerOn(peer.store) != &peer) {
      return InvalidArgumentError("region {}: two peers on store {}", region.id, peer.store);
    }
    if (peer.role != PeerRole::kVoter && peer.role != PeerRole::kLearner) {
      return InvalidArgumentError("region {}: peer {} has the unknown role {}", region.id, peer.id,
                                  static_cast<int>(peer.role));
    }
    has_voter |= peer.role == PeerRole::kVoter;
  }
  if (!has_voter) return InvalidArgumentError("region {}: no peer has a vote", region.id);
  return absl::OkStatus();
}

absl::Status Malformed() { return DataLossError("a region's record is malformed"); }

bool DecodePeers(Decoder& decoder, std::vector<Peer>& peers) {
  uint64_t count = 0;
  if (!decoder.Varint(&count) || count > kPeersMax) return false;
  peers.resize(count);
  for (Peer& peer : peers) {
    uint8_t role = 0;
    if (!decoder.Varint(&peer.id) || !decoder.Varint(&peer.store) || !decoder.Fixed(&role)) {
      return false;
    }
    peer.role = static_cast<PeerRole>(role);
  }
  return true;
}

}  // namespace

const Peer* RegionMeta::FindPeer(raft::PeerId peer) const {
  const auto at = std::find_if(peers.begin(), peers.end(),
                               [peer](const Peer& candidate) { return candidate.id == peer; });
  return at == peers.end() ? nullptr : &*at;
}

const Peer* RegionMeta::PeerOn(StoreId store) const {
  const auto at = std::find_if(peers.begin(), peers.end(),
                               [store](const Peer& candidate) { return candidate.store == store; });
  return at == peers.end() ? nullptr : &*at;
}

absl::Status Validate(const RegionMeta& region) {
  if (region.id == 0) return InvalidArgumentError("a region with id 0; ids begin at 1");
  if (!region.end.empty() && region.start >= region.end) {
    return InvalidArgumentError("region {}: it ends at {}, not behind its start {}", region.id,
                                ShowBound(region.end), ShowBound(region.start));
  }
  for (const std::string* bound : {&region.start, &region.end}) {
    if (bound->size() > kBoundBytesMax) {
      return InvalidArgumentError("region {}: a bound of {} bytes; at most {} are allowed",
                                  region.id, bound->size(), kBoundBytesMax);
    }
  }
  if (region.epoch.version == 0 || region.epoch.conf_version == 0) {
    return InvalidArgumentError("region {}: epoch {}/{}; both numbers begin at 1", region.id,
                                region.epoch.version, region.epoch.conf_version);
  }
  return CheckPeers(region);
}

bool Overlap(const RegionMeta& a, const RegionMeta& b) {
  return (a.end.empty() || b.start < a.end) && (b.end.empty() || a.start < b.end);
}

raft::Configuration ConfigurationOf(const RegionMeta& region) {
  std::vector<raft::PeerId> voters;
  std::vector<raft::PeerId> learners;
  for (const Peer& peer : region.peers) {
    (peer.role == PeerRole::kVoter ? voters : learners).push_back(peer.id);
  }
  return raft::MakeConfiguration(std::move(voters), std::move(learners));
}

std::string Encode(const RegionMeta& region) {
  std::string out(1, static_cast<char>(kVersion));
  PutVarint(out, region.id);
  PutVarint(out, region.epoch.version);
  PutVarint(out, region.epoch.conf_version);
  PutLengthPrefixed(out, region.start);
  PutLengthPrefixed(out, region.end);
  PutVarint(out, region.peers.size());
  for (const Peer& peer : region.peers) {
    PutVarint(out, peer.id);
    PutVarint(out, peer.store);
    out.push_back(static_cast<char>(peer.role));
  }
  return out;
}

absl::StatusOr<RegionMeta> DecodeRegionMeta(std::string_view bytes) {
  Decoder decoder(bytes);
  uint8_t version = 0;
  if (!decoder.Fixed(&version) || version == 0) return Malformed();
  if (version > kVersion) {
    return UnimplementedError("a region's record has version {}; this program reads up to {}",
                              version, kVersion);
  }
  RegionMeta region;
  std::string_view start;
  std::string_view end;
  if (!decoder.Varint(&region.id) || !decoder.Varint(&region.epoch.version) ||
      !decoder.Varint(&region.epoch.conf_version) || !decoder.LengthPrefixed(&start) ||
      !decoder.LengthPrefixed(&end) || !DecodePeers(decoder, region.peers) || !decoder.done()) {
    return Malformed();
  }
  region.start = start;
  region.end = end;
  if (const absl::Status status = Validate(region); !status.ok()) {
    return DataLossError("a region's record says: {}", StdView(status.message()));
  }
  return region;
}

uint64_t HashOf(const RegionMeta& region) {
  std::string bytes;
  for (const uint64_t number : {region.id, region.epoch.version, region.epoch.conf_version}) {
    PutFixed(bytes, number);
  }
  for (const std::string* bound : {&region.start, &region.end}) {
    PutFixed(bytes, static_cast<uint64_t>(bound->size()));
    bytes += *bound;
  }
  PutFixed(bytes, static_cast<uint64_t>(region.peers.size()));
  for (const Peer& peer : region.peers) {
    PutFixed(bytes, peer.id);
    PutFixed(bytes, peer.store);
    PutFixed(bytes, static_cast<uint64_t>(peer.role));
  }
  uint64_t hash = 0xcbf29ce484222325;
  for (const char byte : bytes) {
    hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
  }
  return hash;
}

std::string ToString(const RegionMeta& region) {
  return fmt::format("region {} [{}, {}) epoch {}/{}", region.id, ShowBound(region.start),
                     ShowBound(region.end), region.epoch.version, region.epoch.conf_version);
}

std::string Describe(const RegionMeta& region) {
  std::string text = ToString(region);
  std::string_view separator = ", peers ";
  for (const Peer& peer : region.peers) {
    text += fmt::format("{}{}{} on store {}", separator,
                        peer.role == PeerRole::kLearner ? "learner " : "", peer.id, peer.store);
    separator = ", ";
  }
  return text;
}

}  // namespace nokv::region
