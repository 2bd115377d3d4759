#include "raftstore/store/loop.h"

#include "raftstore/store/records.h"

#include <algorithm>
#include <utility>

namespace nokv::store {
namespace {

constexpr absl::Duration kLookAroundInterval = absl::Milliseconds(100);
constexpr absl::Duration kLookAtDiskInterval = absl::Seconds(1);
constexpr absl::Duration kTimeAgeMax = absl::Seconds(1);

// The driver repeats an order until it sees it done, or gives it up.
constexpr absl::Duration kOrderRepeatedAfter = absl::Seconds(10);

uint64_t Nanos(absl::Duration duration) {
  return static_cast<uint64_t>(absl::ToInt64Nanoseconds(duration));
}

}  // namespace

bool Loop::Round(Inputs inputs) {
  if (!failure_.ok()) return false;  // What came is forgotten: this process is about to end.
  ++shared_.statistics.rounds;
  ReadClock();
  for (const std::function<void()>& task : inputs.tasks) task();
  if (!failure_.ok()) return false;
  WakeDue();
  StepAll(std::move(inputs.received));
  for (const transport::Undelivered& lost : inputs.undelivered) {
    Peer* const peer = FindPeer(lost.region);
    if (peer == nullptr) continue;
    Touch(*peer);
    peer->Return(lost);
  }
  SubmitAll(std::move(inputs.commands));
  LookAround();

  shared_.budget.Begin();
  for (size_t i = 0; i < touched_.size(); ++i) touched_[i]->Work();
  DrawTimestamps();
  TakeReadies();
  WriteRound();
  Apply();
  SendAll();
  return EndRound();
}

// Who has more to do goes on in the next round, and whoever had of the budgets goes behind those
// who still wait for one: no region keeps others from their turn.
bool Loop::EndRound() {
  std::vector<Peer*> served;
  for (Peer* const peer : std::exchange(touched_, {})) {
    peer->is_touched = false;
    timers_.Set(peer->region().id, shared_.ticks + peer->raft().ticks_until_action());
    if (peer->TakeNewLeadership()) heartbeats_.ReportSoon(peer->region().id);
    const bool had_turn = peer->TakeTurn();
    if (!peer->has_work()) continue;
    if (had_turn) {
      served.push_back(peer);
    } else {
      Touch(*peer);
    }
  }
  for (Peer* const peer : served) Touch(*peer);
  if (!failure_.ok() || !taken_.empty()) return false;
  return !touched_.empty() || applier_.has_work();
}

// After what came was taken: what a pause of the process let come meets the ticks of the pause.
// More than two timeouts of it make no difference.
void Loop::ReadClock() {
  shared_.now_nanos = seams_.clock.MonotonicNanos();
  const uint64_t tick = Nanos(shared_.options.tick);
  const uint64_t passed = (shared_.now_nanos - std::min(ticked_nanos_, shared_.now_nanos)) / tick;
  ticked_nanos_ += passed * tick;
  if (!shared_.is_admitted) return;
  shared_.ticks += std::min<uint64_t>(passed, 2 * shared_.options.election_ticks);
}

void Loop::WakeDue() {
  std::vector<region::RegionId> due;
  timers_.TakeDue(shared_.ticks, due);
  for (const region::RegionId region : due) Touch(*peers_.at(region));
}

// Everything that happens to a peer in a round happens at the round's time.
void Loop::Touch(Peer& peer) {
  peer.AdvanceTicks();
  if (!std::exchange(peer.is_touched, true)) touched_.push_back(&peer);
}

Peer* Loop::FindPeer(region::RegionId region) {
  const auto peer = peers_.find(region);
  return peer == peers_.end() ? nullptr : peer->second.get();
}

void Loop::StepAll(std::vector<Received> received) {
  for (auto& [from, messages] : received) {
    if (!shared_.is_admitted) {
      shared_.statistics.messages_dropped += messages.size();
      continue;
    }
    for (transport::Envelope& envelope : messages) {
      Peer* const peer = FindPeer(envelope.region);
      if (peer == nullptr) {
        ++shared_.statistics.messages_dropped;
        continue;
      }
      Touch(*peer);
      peer->Step(from, std::move(envelope));
    }
  }
}

void Loop::SubmitAll(std::vector<std::unique_ptr<Pending>> commands) {
  for (std::unique_ptr<Pending>& pending : commands) {
    const kv::v1::Context* const context = ContextOf(pending->command);
    if (context == nullptr) {
      pending->Answer(Refuse(pending->command, NotServed("nothing is asked")));
      continue;
    }
    if (Refusal refusal = CheckStore(*context, shared_.ident)) {
      pending->Answer(Refuse(pending->command, *std::move(refusal)));
      continue;
    }
    Peer* const peer = FindPeer(context->region_id());
    if (peer == nullptr) {
      pending->Answer(Refuse(pending->command, RegionNotFound(context->region_id())));
      continue;
    }
    const absl::Duration timeout =
        context->timeout_ms() == 0
            ? shared_.options.timeout_default
            : std::min(absl::Milliseconds(context->timeout_ms()), shared_.options.timeout_max);
    pending->deadline_nanos = shared_.now_nanos + Nanos(timeout);
    Touch(*peer);
    if (!std::exchange(peer->is_watched, true)) watched_.push_back(peer);
    peer->Submit(std::move(pending));
  }
}

// One call for all writes that hold their keys. So each timestamp is drawn after its keys were
// latched.
void Loop::DrawTimestamps() {
  if (shared_.wishes.empty()) return;
  ++shared_.statistics.timestamp_calls;
  const auto wishes =
      std::make_shared<const std::vector<TimestampWish>>(std::exchange(shared_.wishes, {}));
  AskForTimestamps(wishes->size(),
                   [this, wishes](std::optional<uint64_t> first) { Stamp(*wishes, first); });
}

// `take` gets the first of `count` timestamps; nothing if there are none.
void Loop::AskForTimestamps(size_t count, std::function<void(std::optional<uint64_t>)> take) {
  pd::v1::TsoRequest request;
  request.set_cluster_id(shared_.ident.cluster_id);
  request.set_count(static_cast<uint32_t>(count));
  const Asked asked{.count = count, .nanos = shared_.now_nanos, .above = shared_.last_timestamp};
  seams_.pd.Tso(std::move(request), [this, mailbox = mailbox_, asked, take = std::move(take)](
                                        absl::StatusOr<pd::v1::TsoResponse> reply) {
    mailbox->Post([this, asked, take, reply = std::move(reply)] { take(LearnFrom(reply, asked)); });
  });
}

// The first timestamp; nothing if the reply does not give what was asked for, or goes back.
std::optional<uint64_t> Loop::LearnFrom(const absl::StatusOr<pd::v1::TsoResponse>& reply,
                                        const Asked& asked) {
  if (!reply.ok() || reply->count() != asked.count) return std::nullopt;
  const uint64_t first = reply->first_timestamp();
  if (first <= asked.above || first >= UINT64_MAX - asked.count) return std::nullopt;
  shared_.last_timestamp = std::max(shared_.last_timestamp, first + asked.count - 1);
  shared_.driver_clock.Learn(first, asked.nanos, shared_.now_nanos);
  return first;
}

void Loop::Stamp(const std::vector<TimestampWish>& wishes, std::optional<uint64_t> first) {
  for (size_t i = 0; i < wishes.size(); ++i) {
    Peer* const peer = FindPeer(wishes[i].region);
    if (peer == nullptr) continue;
    Touch(*peer);
    if (first.has_value()) {
      peer->Stamp(wishes[i].write, mvcc::Timestamp(*first + i));
    } else {
      peer->Stamp(wishes[i].write, UnavailableError("no timestamps"));
    }
  }
}

// Reads of the newest versions need the driver's time, also of a store that draws no timestamps for
// writes; and how old the start of a write is can be told only by what was drawn.
void Loop::LearnTime() {
  if (!shared_.is_admitted || is_asking_time_) return;
  if (shared_.driver_clock.IsFresh(kTimeAgeMax, shared_.now_nanos)) return;
  is_asking_time_ = true;
  AskForTimestamps(1, [this](std::optional<uint64_t>) { is_asking_time_ = false; });
}

// What needs no more precision than the interval.
void Loop::LookAround() {
  if (shared_.now_nanos < look_around_at_nanos_) return;
  look_around_at_nanos_ = shared_.now_nanos + Nanos(kLookAroundInterval);
  for (Peer* const peer : std::exchange(watched_, {})) {
    peer->Expire();
    Touch(*peer);  // That may have freed keys for others.
    peer->is_watched = peer->has_waiting();
    if (peer->is_watched) watched_.push_back(peer);
  }
  heartbeats_.Run(peers_);
  LearnTime();
  if (shared_.now_nanos - looked_at_disk_nanos_ < Nanos(kLookAtDiskInterval)) return;
  looked_at_disk_nanos_ = shared_.now_nanos;
  if (seams_.disk != nullptr) shared_.disk = seams_.disk();
  CompactUnderPressure();
}

// From here on the store takes part. It remembers, so that it can start again without the driver.
void Loop::Admit() {
  if (shared_.is_admitted) return;
  Ident ident = shared_.ident;
  ident.is_admitted = true;
  WriteBatch batch;
  batch.Set(IdentKey(), Encode(ident), families_.meta);
  const absl::Status status = seams_.db.Write(batch, {.durability = Durability::kPower});
  if (absl::IsResourceExhausted(status)) return;  // The next heartbeat is answered as well.
  if (!status.ok()) return Fail(status);
  shared_.is_admitted = true;
}

void Loop::CarryOut(const pd::v1::Order& order) {
  Peer* const peer = FindPeer(order.region_id());
  if (peer == nullptr || !order.has_transfer_leader()) return;
  const region::RegionEpoch epoch{.conf_version = order.epoch().conf_version(),
                                  .version = order.epoch().version()};
  if (epoch != peer->region().epoch) return;
  Touch(*peer);
  const auto tried = tried_orders_.find(order.region_id());
  if (tried != tried_orders_.end() && tried->second.id == order.id() &&
      shared_.now_nanos - tried->second.nanos < Nanos(kOrderRepeatedAfter)) {
    return;
  }
  // Refused, the driver finds that nothing has changed.
  const raft::PeerId to = order.transfer_leader().to().id();
  if (!peer->CanTakeOver(to) || !peer->raft().TransferLeadership(to).ok()) return;
  tried_orders_[order.region_id()] = {.id = order.id(), .nanos = shared_.now_nanos};
}

void Loop::Fail(const absl::Status& why) {
  if (!failure_.ok()) return;
  failure_ = why;
  if (seams_.on_failure != nullptr) seams_.on_failure(why);
}

Report Loop::MakeReport() {
  Report report;
  report.is_admitted = shared_.is_admitted;
  report.why_not_ready = shared_.alarms.WhyNotReady(shared_.now_nanos);
  report.statistics = shared_.statistics;
  report.statistics.messages_dropped += mailbox_->messages_dropped();
  report.statistics.commands_waiting = mailbox_->admission().count();
  report.statistics.unsynced_bytes = shared_.unsynced_bytes;
  for (const auto& [region, peer] : peers_) report.peers.push_back(peer->status());
  return report;
}

}  // namespace nokv::store
