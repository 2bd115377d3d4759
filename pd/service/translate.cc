#include "pd/service/translate.h"

#include <string>
#include <utility>
#include <variant>

namespace nokv::pd {
namespace {

constexpr size_t kFixedBytesOfPeer = 64;  // In a route: ids, role and state, and its store's.

// A role that the model refuses; a number of the wire may be cut to one that it knows.
constexpr PeerRole kNoRole{0};

PeerRole RoleFrom(meta::v1::PeerRole proto) {
  switch (proto) {
    case meta::v1::PEER_ROLE_VOTER:
      return PeerRole::kVoter;
    case meta::v1::PEER_ROLE_LEARNER:
      return PeerRole::kLearner;
    case meta::v1::PEER_ROLE_INCOMING_VOTER:
      return PeerRole::kIncomingVoter;
    case meta::v1::PEER_ROLE_DEMOTING_VOTER:
      return PeerRole::kDemotingVoter;
    default:
      return kNoRole;
  }
}

meta::v1::PeerRole ProtoOf(PeerRole role) {
  switch (role) {
    case PeerRole::kVoter:
      return meta::v1::PEER_ROLE_VOTER;
    case PeerRole::kLearner:
      return meta::v1::PEER_ROLE_LEARNER;
    case PeerRole::kIncomingVoter:
      return meta::v1::PEER_ROLE_INCOMING_VOTER;
    case PeerRole::kDemotingVoter:
      return meta::v1::PEER_ROLE_DEMOTING_VOTER;
  }
  return meta::v1::PEER_ROLE_UNSPECIFIED;
}

meta::v1::StoreState ProtoOf(StoreState state) {
  switch (state) {
    case StoreState::kUp:
      return meta::v1::STORE_STATE_UP;
    case StoreState::kDisconnected:
      return meta::v1::STORE_STATE_DISCONNECTED;
    case StoreState::kDown:
      return meta::v1::STORE_STATE_DOWN;
    case StoreState::kDraining:
      return meta::v1::STORE_STATE_DRAINING;
    case StoreState::kTombstone:
      return meta::v1::STORE_STATE_TOMBSTONE;
  }
  return meta::v1::STORE_STATE_UNSPECIFIED;
}

void Fill(const Peer& peer, meta::v1::Peer* proto) {
  proto->set_id(Number(peer.id));
  proto->set_store_id(Number(peer.store));
  proto->set_role(ProtoOf(peer.role));
}

std::vector<PeerId> PeerIdsFrom(const google::protobuf::RepeatedField<uint64_t>& ids) {
  std::vector<PeerId> peers;
  peers.reserve(static_cast<size_t>(ids.size()));
  for (const uint64_t id : ids) peers.push_back(PeerId{id});
  return peers;
}

void Fill(const StoreRefused& refused, v1::StoreRefusal* proto) {
  proto->set_message(refused.message);
  if (const auto* other = std::get_if<StoreRefused::OtherIdentity>(&refused.reason)) {
    proto->mutable_other_identity()->set_known_identity(other->known_identity);
  } else if (const auto* taken = std::get_if<StoreRefused::AddressTaken>(&refused.reason)) {
    proto->mutable_address_taken()->set_store_id(Number(taken->by));
  } else {
    proto->mutable_tombstone();
  }
}

uint64_t AgeMs(const Operator& op, uint64_t now_ms) {
  return now_ms > op.created_ms ? now_ms - op.created_ms : 0;
}

}  // namespace

Region RegionFrom(const meta::v1::Region& proto) {
  Region region{
      .id = RegionId{proto.id()},
      .start_key = proto.start_key(),
      .end_key = proto.end_key(),
      .epoch = {.version = proto.epoch().version(), .conf_version = proto.epoch().conf_version()},
      .peers = {}};
  region.peers.reserve(static_cast<size_t>(proto.peers_size()));
  for (const meta::v1::Peer& peer : proto.peers()) {
    region.peers.push_back({.id = PeerId{peer.id()},
                            .store = StoreId{peer.store_id()},
                            .role = RoleFrom(peer.role())});
  }
  return region;
}

StoreReport StoreReportFrom(const v1::StoreHeartbeatRequest& proto) {
  return {.id = StoreId{proto.store_id()},
          .identity = proto.identity(),
          .address = proto.address(),
          .stats = {.capacity_bytes = proto.stats().capacity_bytes(),
                    .available_bytes = proto.stats().available_bytes(),
                    .is_busy = proto.stats().is_busy()}};
}

RegionReport RegionReportFrom(const v1::RegionReport& proto) {
  return {.region = RegionFrom(proto.region()),
          .leader = PeerId{proto.leader_peer_id()},
          .term = proto.term(),
          .stats = {.size_bytes = proto.stats().size_bytes(),
                    .key_count = proto.stats().key_count(),
                    .written_bytes = proto.stats().written_bytes(),
                    .read_bytes = proto.stats().read_bytes()},
          .pending_peers = PeerIdsFrom(proto.pending_peer_ids()),
          .down_peers = PeerIdsFrom(proto.down_peer_ids())};
}

absl::StatusOr<StoreIntent> IntentFrom(v1::StoreIntent proto) {
  switch (proto) {
    case v1::STORE_INTENT_SERVING:
      return StoreIntent::kServing;
    case v1::STORE_INTENT_DRAINING:
      return StoreIntent::kDraining;
    case v1::STORE_INTENT_TOMBSTONE:
      return StoreIntent::kTombstone;
    default:
      return InvalidArgumentError("{} is no intent for a store", static_cast<int>(proto));
  }
}

void Fill(const Region& region, meta::v1::Region* proto) {
  proto->set_id(Number(region.id));
  proto->set_start_key(region.start_key);
  proto->set_end_key(region.end_key);
  proto->mutable_epoch()->set_version(region.epoch.version);
  proto->mutable_epoch()->set_conf_version(region.epoch.conf_version);
  for (const Peer& peer : region.peers) Fill(peer, proto->add_peers());
}

void Fill(const Route& route, v1::Route* proto) {
  Fill(route.region, proto->mutable_region());
  proto->set_leader_peer_id(Number(route.leader));
  for (const PeerAddress& peer : route.peers) {
    meta::v1::Store* const store = proto->add_stores();
    store->set_id(Number(peer.peer.store));
    store->set_address(peer.address);
    store->set_state(peer.address.empty() ? meta::v1::STORE_STATE_UNSPECIFIED
                                          : ProtoOf(peer.state));
  }
}

void Fill(const Operator& op, v1::Order* proto) {
  proto->set_id(op.id);
  proto->set_region_id(Number(op.region));
  proto->mutable_epoch()->set_version(op.epoch.version);
  proto->mutable_epoch()->set_conf_version(op.epoch.conf_version);
  Fill(Peer{.id = op.step.to, .store = op.step.to_store, .role = PeerRole::kVoter},
       proto->mutable_transfer_leader()->mutable_to());
}

void Fill(const StoreHeartbeatReply& reply, v1::StoreHeartbeatResponse* proto) {
  proto->set_cluster_id(reply.cluster_id);
  if (reply.refusal.has_value()) {
    Fill(*reply.refusal, proto->mutable_refusal());
    return;
  }
  proto->set_state(ProtoOf(reply.state));
  for (const Operator& order : reply.orders) Fill(order, proto->add_orders());
}

void Fill(RegionId id, const RegionOutcome& outcome, v1::RegionOutcome* proto) {
  proto->set_region_id(Number(id));
  if (const auto* stale = std::get_if<Stale>(&outcome)) {
    v1::RegionStale* const answer = proto->mutable_stale();
    for (const Region& region : stale->current) Fill(region, answer->add_current_regions());
  } else if (const auto* refused = std::get_if<Refused>(&outcome)) {
    proto->mutable_refused()->set_message(std::string(StdView(refused->reason.message())));
  } else {
    proto->mutable_applied();
  }
}

void Fill(const Diagnosis& diagnosis, v1::DiagnoseResponse* proto) {
  proto->set_is_paused(diagnosis.is_paused);
  proto->set_explanation(diagnosis.balance.Explain());
  for (const StoreVerdict& verdict : diagnosis.balance.stores) {
    v1::StoreDiagnosis* const store = proto->add_stores();
    store->mutable_store()->set_id(Number(verdict.store));
    store->mutable_store()->set_state(ProtoOf(verdict.state));
    const auto address = diagnosis.addresses.find(verdict.store);
    if (address != diagnosis.addresses.end()) store->mutable_store()->set_address(address->second);
    store->set_leaders(verdict.leaders);
    store->set_score(verdict.score);
    store->set_role(std::string(ToString(verdict.role)));
  }
  for (const Operator& op : diagnosis.running) {
    v1::OperatorStatus* const status = proto->add_operators();
    Fill(op, status->mutable_order());
    status->set_age_ms(AgeMs(op, diagnosis.now_ms));
  }
  for (auto ended = diagnosis.ended.rbegin(); ended != diagnosis.ended.rend(); ++ended) {
    v1::OperatorStatus* const status = proto->add_operators();
    Fill(ended->op, status->mutable_order());
    status->set_age_ms(AgeMs(ended->op, diagnosis.now_ms));
    status->set_end(std::string(ToString(ended->end)));
  }
}

size_t SizeOf(const Route& route) {
  size_t bytes = kFixedBytesOfPeer + route.region.start_key.size() + route.region.end_key.size();
  for (const PeerAddress& peer : route.peers) bytes += kFixedBytesOfPeer + peer.address.size();
  return bytes;
}

}  // namespace nokv::pd
