// How a store begins: whose database it is, and what each region needs after whatever happened.
#include "raftstore/store/loop.h"
#include "raftstore/store/records.h"

#include <optional>
#include <utility>

namespace nokv::store {
namespace {

// Who the store is in this run.
absl::StatusOr<Ident> NextIdent(const Options& options, DB& db, Random& random) {
  RETURN_IF_ERROR(CheckOwner(db, options.cluster_id, options.store_id));
  ASSIGN_OR_RETURN(std::optional<Ident> known, ReadIdent(db));
  if (!known.has_value()) {
    if (options.cluster_id == 0 || options.store_id == 0) {
      return FailedPreconditionError(
          "a new store needs a cluster id and a store id, and got {} and {}", options.cluster_id,
          options.store_id);
    }
    return Ident{.cluster_id = options.cluster_id,
                 .store_id = options.store_id,
                 .identity = random.Next() | 1,
                 .incarnation = 1};
  }
  ++known->incarnation;
  return *known;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Loop>> Loop::Open(const Options& options, const Seams& seams,
                                                 std::shared_ptr<Mailbox> mailbox) {
  ASSIGN_OR_RETURN(const Ident ident, NextIdent(options, seams.db, seams.random));
  ASSIGN_OR_RETURN(const Families families, OpenFamilies(seams.db));
  // Others forget what they heard of an earlier run: none of this one may be taken for it.
  WriteBatch batch;
  batch.Set(IdentKey(), Encode(ident), families.meta);
  RETURN_IF_ERROR(seams.db.Write(batch, {.durability = Durability::kPower}));
  ASSIGN_OR_RETURN(std::unique_ptr<log_store::LogStore> logs,
                   log_store::LogStore::Open(seams.db.groups(), nullptr));
  std::unique_ptr<Loop> loop(
      new Loop(options, seams, std::move(mailbox), ident, families, std::move(logs)));
  RETURN_IF_ERROR(loop->Recover());
  return loop;
}

Loop::Loop(const Options& options, const Seams& seams, std::shared_ptr<Mailbox> mailbox,
           const Ident& ident, const Families& families, std::unique_ptr<log_store::LogStore> logs)
    : seams_(seams),
      mailbox_(std::move(mailbox)),
      families_(families),
      shared_{.options = options,
              .ident = ident,
              .clock = seams.clock,
              .db = seams.db,
              .snapshot = EngineSnapshot(seams.db, families),
              .alarms = Alarms(seams.on_alarm),
              .budget = Budget(seams.clock, options.round_time, options.round_bytes),
              .now_nanos = seams.clock.MonotonicNanos(),
              .is_admitted = ident.is_admitted},
      logs_(std::move(logs)),
      applier_(seams.db, families, shared_),
      heartbeats_(seams.pd, mailbox_, shared_,
                  {.on_order = [this](const pd::v1::Order& order) { CarryOut(order); },
                   .on_admission = [this] { Admit(); },
                   .on_refusal = [this](const absl::Status& why) { Fail(why); }}),
      ticked_nanos_(shared_.now_nanos) {}

absl::Status Loop::Recover() {
  ASSIGN_OR_RETURN(const std::vector<region::RegionMeta> regions,
                   LoadRegions(seams_.db, families_.meta));
  for (const region::RegionMeta& region : regions) RETURN_IF_ERROR(OpenPeer(region));
  for (const region::RegionId region : logs_->Regions()) {
    if (FindPeer(region) == nullptr) {
      return DataLossError("there is a log of region {}, and no record of the region", region);
    }
  }
  return absl::OkStatus();
}

// The record of a region comes first, then its log, then its mark. Whichever is missing was cut off
// by a crash, and is made again.
absl::Status Loop::OpenPeer(const region::RegionMeta& region) {
  if (logs_->Find(region.id) == nullptr) RETURN_IF_ERROR(BeginLog(region));
  const log_store::RegionLog& log = *logs_->Find(region.id);
  if (const auto pending = log.pending_snapshot(); pending != nullptr) {
    if (pending->index != raft::kBootstrapIndex) {
      return UnimplementedError(
          "region {}: a snapshot at {} waits to be taken, which is not done yet", region.id,
          pending->index);
    }
    const GroupMark mark{region.id, pending->index};
    RETURN_IF_ERROR(seams_.db.Write({}, {.marks = std::span(&mark, 1)}));
  }
  ASSIGN_OR_RETURN(
      std::unique_ptr<Peer> peer,
      Peer::Open(shared_, region, log, seams_.db.groups().MarkOf(region.id), seams_.random.Next()));
  timers_.Set(region.id, shared_.ticks + peer->raft().ticks_until_action());
  peers_[region.id] = std::move(peer);
  return absl::OkStatus();
}

absl::Status Loop::BeginLog(const region::RegionMeta& region) {
  if (const uint64_t mark = seams_.db.groups().MarkOf(region.id); mark != 0) {
    return DataLossError("region {} is applied up to {}, and its log is gone", region.id, mark);
  }
  return logs_->Bootstrap(region.id, region::ConfigurationOf(region)).status();
}

absl::Status Loop::Bootstrap(const region::RegionMeta& region) {
  RETURN_IF_ERROR(region::Validate(region));
  if (region.PeerOn(shared_.ident.store_id) == nullptr) {
    return InvalidArgumentError("{} has no peer on store {}", region::ToString(region),
                                shared_.ident.store_id);
  }
  for (const auto& [id, peer] : peers_) {
    if (peer->region() == region) return absl::OkStatus();
    if (id == region.id) {
      return AlreadyExistsError("{} is here with other bounds, peers or epoch: {}",
                                region::ToString(region), region::ToString(peer->region()));
    }
    if (region::Overlap(peer->region(), region)) {
      return AlreadyExistsError("{} shares keys with {}", region::ToString(region),
                                region::ToString(peer->region()));
    }
  }
  WriteBatch batch;
  batch.Set(RegionKey(region.id), region::Encode(region), families_.meta);
  RETURN_IF_ERROR(seams_.db.Write(batch));
  return OpenPeer(region);
}

}  // namespace nokv::store
