#include "raftstore/store/heartbeats.h"

#include "raftstore/region/region_proto.h"

#include <utility>

namespace nokv::store {
namespace {

constexpr size_t kReportsMax = 4'096;  // Of a call, as the contract says.

// A peer that lacks more than this is too far behind to lead.
constexpr raft::Index kPendingEntries = 1'024;

uint64_t Nanos(absl::Duration duration) {
  return static_cast<uint64_t>(absl::ToInt64Nanoseconds(duration));
}

pd::v1::RegionReport ReportOf(const Peer& peer) {
  pd::v1::RegionReport report;
  *report.mutable_region() = region::ToProto(peer.region());
  report.set_leader_peer_id(peer.raft().id());
  report.set_term(peer.raft().term());
  for (const raft::Progress& progress : peer.raft().progress()) {
    if (progress.id != peer.raft().id() && !peer.HasHeard(progress.id)) {
      report.add_down_peer_ids(progress.id);
    }
    if (progress.id != peer.raft().id() &&
        progress.match + kPendingEntries < peer.raft().last_index()) {
      report.add_pending_peer_ids(progress.id);
    }
  }
  return report;
}

// An address is free again when its owner has moved or was silent for long enough. And a store that
// serves may be shown the driver of another cluster by a wrong name for a while; one that begins
// was more likely given the wrong directory.
bool MayPass(const pd::v1::StoreRefusal& refusal, bool has_been_welcome) {
  return refusal.has_address_taken() || (refusal.has_cluster_id_mismatch() && has_been_welcome);
}

}  // namespace

void Heartbeats::Run(const std::map<region::RegionId, std::unique_ptr<Peer>>& peers) {
  if (shared_.now_nanos >= store_due_nanos_ && !is_store_call_under_way_) ReportStore();
  if (shared_.now_nanos >= regions_due_nanos_) {
    regions_due_nanos_ = shared_.now_nanos + Nanos(shared_.options.region_heartbeat_interval);
    for (const auto& [region, peer] : peers) {
      if (peer->raft().is_leader()) soon_.insert(region);
    }
  }
  if (!soon_.empty() && !is_regions_call_under_way_) ReportRegions(peers);
}

void Heartbeats::ReportStore() {
  store_due_nanos_ = shared_.now_nanos + Nanos(shared_.options.store_heartbeat_interval);
  is_store_call_under_way_ = true;
  pd::v1::StoreHeartbeatRequest request;
  request.set_cluster_id(shared_.ident.cluster_id);
  request.set_store_id(shared_.ident.store_id);
  request.set_identity(shared_.ident.identity);
  request.set_address(shared_.options.address);
  request.mutable_stats()->set_capacity_bytes(shared_.disk.capacity_bytes);
  request.mutable_stats()->set_available_bytes(shared_.disk.available_bytes);
  request.mutable_stats()->set_is_busy(shared_.has_disk_stalled() || shared_.is_disk_full());
  pd_.StoreHeartbeat(std::move(request), [this, mailbox = mailbox_](
                                             absl::StatusOr<pd::v1::StoreHeartbeatResponse> reply) {
    mailbox->Post([this, reply = std::move(reply)] { TakeStoreReply(reply); });
  });
}

void Heartbeats::TakeStoreReply(const absl::StatusOr<pd::v1::StoreHeartbeatResponse>& reply) {
  is_store_call_under_way_ = false;
  if (absl::IsFailedPrecondition(reply.status())) {  // It is another cluster's.
    return has_been_welcome_ ? RaiseNotAdmitted(StdView(reply.status().message()))
                             : orders_.on_refusal(reply.status());
  }
  if (!reply.ok()) return;  // The next one tells the same.
  if (!reply->has_refusal()) {
    has_been_welcome_ = true;
    shared_.alarms.Clear({.kind = AlarmTopic::Kind::kNotAdmitted});
    orders_.on_admission();
    for (const pd::v1::Order& order : reply->orders()) orders_.on_order(order);
    return;
  }
  const pd::v1::StoreRefusal& refusal = reply->refusal();
  if (MayPass(refusal, has_been_welcome_)) return RaiseNotAdmitted(refusal.message());
  orders_.on_refusal(FailedPreconditionError("the placement driver does not admit store {}: {}",
                                             shared_.ident.store_id, refusal.message()));
}

// The store goes on as it did before, and asks again.
void Heartbeats::RaiseNotAdmitted(std::string_view why) {
  shared_.alarms.Raise({.kind = AlarmTopic::Kind::kNotAdmitted}, shared_.now_nanos, [&] {
    return fmt::format("the placement driver refuses store {}, which will ask again: {}",
                       shared_.ident.store_id, why);
  });
}

void Heartbeats::ReportRegions(const std::map<region::RegionId, std::unique_ptr<Peer>>& peers) {
  pd::v1::RegionHeartbeatRequest request;
  request.set_cluster_id(shared_.ident.cluster_id);
  request.set_store_id(shared_.ident.store_id);
  std::vector<region::RegionId> told;
  while (!soon_.empty() && told.size() < kReportsMax) {
    const region::RegionId region = *soon_.begin();
    soon_.erase(soon_.begin());
    const auto peer = peers.find(region);
    if (peer == peers.end() || !peer->second->raft().is_leader()) continue;
    *request.add_reports() = ReportOf(*peer->second);
    told.push_back(region);
  }
  if (told.empty()) return;
  is_regions_call_under_way_ = true;
  pd_.RegionHeartbeat(
      std::move(request), [this, mailbox = mailbox_, told = std::move(told)](
                              absl::StatusOr<pd::v1::RegionHeartbeatResponse> reply) {
        mailbox->Post([this, told, reply = std::move(reply)] { TakeRegionsReply(told, reply); });
      });
}

// What was refused or stale is not told again before its time: nothing has changed.
void Heartbeats::TakeRegionsReply(const std::vector<region::RegionId>& told,
                                  const absl::StatusOr<pd::v1::RegionHeartbeatResponse>& reply) {
  is_regions_call_under_way_ = false;
  if (!reply.ok()) {
    soon_.insert(told.begin(), told.end());
    return;
  }
  for (size_t i = 0; i < told.size() && i < static_cast<size_t>(reply->outcomes_size()); ++i) {
    const pd::v1::RegionOutcome& outcome = reply->outcomes(static_cast<int>(i));
    const AlarmTopic topic{.kind = AlarmTopic::Kind::kRefused, .region = told[i]};
    if (!outcome.has_refused()) {
      shared_.alarms.Clear(topic);
      continue;
    }
    shared_.alarms.Raise(topic, shared_.now_nanos, [&] {
      return fmt::format(
          "the placement driver refuses region {}, which is led by store {}: {}. This store and "
          "the driver were made from unlike topology files, and clients are not sent here",
          told[i], shared_.ident.store_id, outcome.refused().message());
    });
  }
}

}  // namespace nokv::store
