#include "raftstore/store/peer.h"

#include "raftstore/store/planted.h"

#include <utility>

namespace nokv::store {
namespace {

std::string EncodedBound(std::string_view bound) {
  return bound.empty() ? std::string() : mvcc::KeyPrefix(bound);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Peer>> Peer::Open(Shared& shared, const region::RegionMeta& region,
                                                 const log_store::RegionLog& log,
                                                 raft::Index applied, uint64_t seed) {
  const region::Peer* const self = region.PeerOn(shared.ident.store_id);
  if (self == nullptr) {
    return DataLossError("{} has no peer on store {}", region::ToString(region),
                         shared.ident.store_id);
  }
  absl::StatusOr<std::unique_ptr<raft::Raft>> raft =
      raft::Raft::Create(RaftOptions(shared.options, self->id, seed), log,
                         {.hard_state = log.hard_state(),
                          .applied = applied,
                          .configuration = region::ConfigurationOf(region)});
  if (!raft.ok()) {
    return absl::Status(
        raft.status().code(),
        AbslView(fmt::format("region {}: {}", region.id, StdView(raft.status().message()))));
  }
  return std::unique_ptr<Peer>(new Peer(shared, region, *std::move(raft), log));
}

Peer::Peer(Shared& shared, const region::RegionMeta& region, std::unique_ptr<raft::Raft> raft,
           const log_store::RegionLog& log)
    : shared_(shared),
      region_(region),
      region_hash_(region::HashOf(region)),
      encoded_start_(EncodedBound(region.start)),
      encoded_end_(EncodedBound(region.end)),
      raft_(std::move(raft)),
      log_(log),
      ticks_given_(shared.ticks) {}

void Peer::AdvanceTicks() {
  if (ticks_given_ == shared_.ticks) return;
  raft_->Tick(shared_.ticks - std::exchange(ticks_given_, shared_.ticks));
}

// The members are those of the region. So whoever writes from another store than the region says is
// not the peer that it says it is. And whoever has other bounds or other members must not be
// counted in a quorum: it would leave out what it holds to be another region's. Regions do not
// change yet, so there is no honest reason for a difference, whatever the epochs.
void Peer::Step(transport::StoreId from, transport::Envelope envelope) {
  if (envelope.region_hash != region_hash_ && !Planted(Bug::kRegionsNotCompared)) {
    ++shared_.statistics.messages_of_other_regions;
    return RaiseOtherRegion(from, envelope);
  }
  raft::Message& message = envelope.message;
  const region::Peer* const sender = region_.FindPeer(message.from);
  const bool is_lost = sender == nullptr || sender->store != from || message.to != raft_->id() ||
                       message.type == raft::MessageType::kSnapshot;
  const bool has_no_room =
      !message.entries.empty() && (shared_.has_disk_stalled() || shared_.is_disk_at_floor());
  if (is_lost || has_no_room) {
    ++shared_.statistics.messages_dropped;
    return;
  }
  heard_ticks_[message.from] = shared_.ticks;
  // A refusal is the sender's affair; a failure of ours is in raft_->status().
  static_cast<void>(raft_->Step(std::move(message)));
}

void Peer::RaiseOtherRegion(transport::StoreId from, const transport::Envelope& envelope) {
  const AlarmTopic topic{
      .kind = AlarmTopic::Kind::kOtherRegion, .region = region_.id, .store = from};
  shared_.alarms.Raise(topic, shared_.now_nanos, [&] {
    return fmt::format(
        "store {} has another region {} than store {}: its epoch is {}/{} and its hash {:016x}, "
        "and here is {}, with the hash {:016x}. One of the two was made from another topology "
        "file than the rest of the cluster. They don't work together on it; compare the files, and "
        "take the wrong store out",
        from, region_.id, shared_.ident.store_id, envelope.epoch.version,
        envelope.epoch.conf_version, envelope.region_hash, region::Describe(region_), region_hash_);
  });
}

void Peer::Return(const transport::Undelivered& undelivered) {
  if (undelivered.is_snapshot) {
    raft_->ReportSnapshot(undelivered.to, raft::SnapshotOutcome::kFailed);
  } else {
    raft_->ReportUnreachable(undelivered.to);
  }
}

bool Peer::HasHeard(raft::PeerId peer) const {
  const auto heard = heard_ticks_.find(peer);
  return heard != heard_ticks_.end() &&
         shared_.ticks - heard->second <= shared_.options.election_ticks;
}

bool Peer::CanTakeOver(raft::PeerId peer) const {
  const std::vector<raft::Progress>& all = raft_->progress();
  const auto found = std::find_if(all.begin(), all.end(), [peer](const raft::Progress& progress) {
    return progress.id == peer;
  });
  return found != all.end() && found->state == raft::ProgressState::kReplicate && HasHeard(peer);
}

RegionError Peer::Busy(std::string_view what) const {
  return ServerIsBusy(what, shared_.options.busy_wait);
}

void Peer::RefuseBusy(Pending& pending, std::string_view what) {
  ++shared_.statistics.refused_busy;
  pending.Answer(store::Refuse(pending.command, Busy(what)));
}

void Peer::Submit(std::unique_ptr<Pending> pending) {
  const Command& command = pending->command;
  if (!raft_->is_leader()) {
    pending->Answer(store::Refuse(command, NotLeaderNow()));
    return;
  }
  if (Refusal refusal = CheckRegion(*ContextOf(command), region_, raft_->id())) {
    pending->Answer(store::Refuse(command, *std::move(refusal)));
    return;
  }
  switch (command.request_case()) {
    case Command::kGet:
    case Command::kBatchGet:
    case Command::kScan:
      AddRead(std::move(pending));
      return;
    case Command::kPrewrite:
      AddWrite(std::move(pending));
      return;
    default:
      pending->Answer(store::Refuse(command, NotServed("this command is not served yet")));
  }
}

void Peer::Work() {
  UpdateLeadership();
  if (leading_ != 0) {
    if (raft_->may_evaluate() || Planted(Bug::kEvaluateBeforeOwnTerm)) EvaluateRunnable();
    ProposeStamped();
    MaybeProposeCompaction();
  }
  AskToRead();
}

raft::Ready Peer::TakeReady() {
  raft::Ready ready = raft_->TakeReady();
  UpdateLeadership();
  TakeReads(ready);
  return ready;
}

// The term counts too: leadership may be lost and won again between two looks.
void Peer::UpdateLeadership() {
  const raft::Term leading = raft_->is_leader() ? raft_->term() : 0;
  if (leading == leading_) return;
  if (leading_ != 0) LoseLeadership();
  leading_ = leading;
  is_new_leader_ = leading != 0;
}

// What was not proposed is refused. What was proposed may be in the log of the next leader, so
// nobody can say yet; those who wait are told soon that nobody knows. Nothing is evaluated here
// before all of it is resolved, so latches have nothing to protect any more.
void Peer::LoseLeadership() {
  if (!Planted(Bug::kStaleEvaluationAccepted)) {
    RefuseUnproposed();
    latches_.Clear();
  }
  const uint64_t known_until =
      shared_.now_nanos +
      static_cast<uint64_t>(absl::ToInt64Nanoseconds(shared_.options.unknown_outcome_wait));
  for (auto& [id, write] : writes_) {
    Pending& pending = *write.pending;
    pending.deadline_nanos = std::min(pending.deadline_nanos, known_until);
    if (Planted(Bug::kUnknownIsRefused))
      pending.Answer(store::Refuse(pending.command, NotLeaderNow()));
    if (write.state == WriteState::kProposed) ForgetBody(write);
  }
  RefuseAllReads();
}

void Peer::Applied(raft::Index index, raft::Term term, uint64_t bytes,
                   std::span<const bool> effects) {
  ++entries_since_compaction_;
  bytes_since_compaction_ += bytes;
  std::vector<Proposal> lost;
  const std::optional<Proposal> own = proposals_.Resolve(index, term, lost);
  for (const Proposal& proposal : lost) {
    for (const WriteId id : proposal.writes) Refuse(id, StaleCommand(region_));
  }
  if (!own.has_value()) return;
  for (size_t i = 0; i < own->writes.size(); ++i) {
    const bool had_effect = i >= effects.size() || effects[i];
    if (had_effect) {
      Succeed(own->writes[i]);
    } else {
      Refuse(own->writes[i], EpochNotMatch(region_));
    }
  }
}

// A leader knows what each peer has. It has all of them cut at an index that they have all passed,
// by an entry, so that any of them can go on as leader.
void Peer::MaybeProposeCompaction() {
  const Options& options = shared_.options;
  if (entries_since_compaction_ < options.log_entries &&
      bytes_since_compaction_ < options.log_bytes) {
    return;
  }
  if (!raft_->may_evaluate() || shared_.is_disk_at_floor()) return;
  entries_since_compaction_ = 0;
  bytes_since_compaction_ = 0;
  raft::Index index = raft_->applied();
  for (const raft::Progress& peer : raft_->progress()) {
    if (peer.id != raft_->id()) index = std::min(index, peer.match);
  }
  if (index < log_.first_index()) return;
  command::EntryBuilder builder;
  builder.AddCompact(region_.epoch.version, index);
  // Refused, it is tried again after as many entries.
  static_cast<void>(raft_->Propose({raft::Payload(builder.Take())}, raft_->term()));
}

void Peer::Expire() {
  const auto is_late = [this](const Pending& pending) {
    return pending.deadline_nanos <= shared_.now_nanos;
  };
  std::vector<WriteId> refused;
  for (auto& [id, write] : writes_) {
    Pending& pending = *write.pending;
    if (pending.is_answered() || !is_late(pending)) continue;
    if (write.state == WriteState::kProposed) {
      pending.Answer(absl::DeadlineExceededError(AbslView(fmt::format(
          "region {}: the write was proposed, and its outcome is not known in time", region_.id))));
      ForgetBody(write);
    } else {
      refused.push_back(id);
    }
  }
  for (const WriteId id : refused) Refuse(id, Busy("time"));

  const auto end_late = [&](auto& waiters) {
    for (Waiter& waiter : waiters) {
      if (is_late(*waiter.pending)) RefuseBusy(*waiter.pending, "time");
    }
    std::erase_if(waiters, [](const Waiter& waiter) { return waiter.pending->is_answered(); });
  };
  end_late(arrived_);
  end_late(ripe_);
  end_late(blocked_);
  for (auto& [context, waiters] : confirming_) end_late(waiters);
  for (Confirmed& confirmed : confirmed_) end_late(confirmed.waiters);
}

PeerStatus Peer::status() const {
  return {.region = region_,
          .peer = raft_->id(),
          .term = raft_->term(),
          .leader = raft_->leader(),
          .is_leader = raft_->is_leader(),
          .may_evaluate = raft_->may_evaluate(),
          .first = log_.first_index(),
          .last = raft_->last_index(),
          .committed = raft_->committed(),
          .applied = raft_->applied()};
}

}  // namespace nokv::store
