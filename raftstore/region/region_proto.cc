#include "raftstore/region/region_proto.h"

#include <algorithm>

namespace nokv::region {

meta::v1::Peer ToProto(const Peer& peer) {
  meta::v1::Peer proto;
  proto.set_id(peer.id);
  proto.set_store_id(peer.store);
  proto.set_role(peer.role == PeerRole::kVoter ? meta::v1::PEER_ROLE_VOTER
                                               : meta::v1::PEER_ROLE_LEARNER);
  return proto;
}

meta::v1::Region ToProto(const RegionMeta& region) {
  meta::v1::Region proto;
  proto.set_id(region.id);
  proto.set_start_key(region.start);
  proto.set_end_key(region.end);
  proto.mutable_epoch()->set_version(region.epoch.version);
  proto.mutable_epoch()->set_conf_version(region.epoch.conf_version);
  for (const Peer& peer : region.peers) *proto.add_peers() = ToProto(peer);
  return proto;
}

absl::StatusOr<RegionMeta> FromProto(const meta::v1::Region& proto) {
  RegionMeta region{
      .id = proto.id(),
      .start = proto.start_key(),
      .end = proto.end_key(),
      .epoch = {.conf_version = proto.epoch().conf_version(), .version = proto.epoch().version()}};
  for (const meta::v1::Peer& peer : proto.peers()) {
    if (peer.role() != meta::v1::PEER_ROLE_VOTER && peer.role() != meta::v1::PEER_ROLE_LEARNER) {
      return InvalidArgumentError("region {}: peer {} has role {}, neither voter nor learner",
                                  proto.id(), peer.id(), static_cast<int>(peer.role()));
    }
    const bool is_voter = peer.role() == meta::v1::PEER_ROLE_VOTER;
    region.peers.push_back({.id = peer.id(),
                            .store = peer.store_id(),
                            .role = is_voter ? PeerRole::kVoter : PeerRole::kLearner});
  }
  std::sort(region.peers.begin(), region.peers.end(),
            [](const Peer& a, const Peer& b) { return a.id < b.id; });
  RETURN_IF_ERROR(Validate(region));
  return region;
}

}  // namespace nokv::region
