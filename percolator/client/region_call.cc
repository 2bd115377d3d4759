#include "percolator/client/region_call.h"

#include "percolator/client/commands.h"
#include "percolator/client/reactions.h"

#include <algorithm>
#include <utility>

namespace nokv::client {
namespace {

constexpr absl::Duration kPatienceWithDriver = absl::Milliseconds(300);
constexpr int kBusyInARowMax = 2;  // Then another peer is asked.

}  // namespace

using kv::v1::Command;
using kv::v1::CommandResult;

void RegionCall::Locate() {
  if (TimeLeft() == absl::ZeroDuration()) return TimeIsUp();
  const std::optional<Target> target =
      goal_.is_before ? core_.cache.FindBefore(goal_.key) : core_.cache.Find(goal_.key);
  const bool is_usable =
      target && core_.environment.cluster_id != 0 && (!target->is_doubtful || has_looked_up_);
  is_usable ? Send(*target) : LookUp(target);
}

// Asks the placement driver. A route that is only doubtful is used if there is no answer soon.
void RegionCall::LookUp(const std::optional<Target>& known) {
  std::string key = goal_.key;
  if (goal_.is_before) {
    key = known ? known->region->start_key() : core_.cache.KeyToLoadBefore(goal_.key);
  }
  uint64_t deadline_nanos = goal_.deadline_nanos;
  if (known) {
    deadline_nanos = std::min(deadline_nanos, core_.environment.DeadlineAfter(kPatienceWithDriver));
  }
  core_.routes.Load(std::move(key), deadline_nanos,
                    [self = shared_from_this(), wait = known ? Wait::kMoved : Wait::kDriver](
                        const absl::StatusOr<Loaded>& loaded) {
                      self->has_looked_up_ = true;
                      if (loaded.ok()) return self->Pause(Wait::kHint);
                      if (!absl::IsUnavailable(loaded.status())) {
                        return self->GiveUp(loaded.status());
                      }
                      if (self->attempts_ == 0) {
                        self->last_failure_ = StdView(loaded.status().message());
                      }
                      self->Pause(wait);
                    });
}

void RegionCall::Send(const Target& target) {
  Command command;
  Build(*target.region, &command);
  sent_ = command.request_case();
  const absl::Duration timeout = std::min(TimeLeft(), core_.environment.options.attempt_timeout);

  kv::v1::Context& context = ContextOf(command);
  context.set_cluster_id(core_.environment.cluster_id);
  context.set_region_id(target.region->id());
  *context.mutable_epoch() = target.region->epoch();
  *context.mutable_peer() = target.peer;
  context.set_timeout_ms(
      static_cast<uint32_t>(std::max<int64_t>(absl::ToInt64Milliseconds(timeout), 1)));
  context.set_may_use_system_keys(core_.environment.options.key_owner == mvcc::KeyOwner::kSystem);

  ++attempts_;
  has_looked_up_ = false;
  core_.environment.seams.network.Call(
      target.address, std::move(command), timeout,
      core_.environment.gate->Wrap<absl::StatusOr<CommandResult>>(
          [self = shared_from_this(), target](absl::StatusOr<CommandResult> reply) {
            self->TakeReply(target, std::move(reply));
          }));
}

void RegionCall::TakeReply(const Target& target, absl::StatusOr<CommandResult> reply) {
  if (!reply.ok()) {
    has_open_attempt_ |= goal_.is_write && !WasNotSent(reply.status());
    last_failure_ = fmt::format("store {} at {}: {}", target.peer.store_id(), target.address,
                                StdView(reply.status().message()));
    const Reaction reaction = ReactToSilence(target, core_.cache);
    return Pause(reaction.wait, reaction.wait_min);
  }
  core_.cache.NoteAnswer(target.peer.store_id());
  if (reply->has_unknown()) {
    has_open_attempt_ |= goal_.is_write;
    last_failure_ = fmt::format("store {} at {}: {}", target.peer.store_id(), target.address,
                                reply->unknown().message());
    return Pause(Wait::kMoved);
  }
  if (!IsAnswer(sent_, *reply)) {
    has_open_attempt_ |= goal_.is_write;
    return GiveUp(InternalError("{}: store {} at {} gave another kind of answer", Describe(),
                                target.peer.store_id(), target.address));
  }
  if (const errors::v1::RegionError* error = RegionErrorOf(*reply)) {
    last_failure_ = fmt::format("store {} at {}: {}", target.peer.store_id(), target.address,
                                client::Describe(*error));
    const Reaction reaction = ReactTo(*error, target, core_.cache);
    if (!reaction.failure.ok()) return GiveUp(reaction.failure);
    FollowBusy(*error, target);
    return Pause(reaction.wait, reaction.wait_min);
  }
  if (target.is_guess) core_.cache.Confirm(target.region->id());
  const std::optional<Wait> wait = Accept({.result = *reply, .region = *target.region});
  if (!wait) return;
  last_failure_ = "the key is locked by another transaction";
  Pause(*wait);
}

// A store that is busy for long may not lead the region any more, and say so to nobody.
void RegionCall::FollowBusy(const errors::v1::RegionError& error, const Target& target) {
  busy_in_a_row_ = error.has_server_is_busy() ? busy_in_a_row_ + 1 : 0;
  if (busy_in_a_row_ < kBusyInARowMax) return;
  busy_in_a_row_ = 0;
  core_.cache.TryNext(target.region->id(), target.peer.id());
}

void RegionCall::Pause(Wait wait, absl::Duration delay_min) {
  const absl::Duration delay = std::max(backoff_.Next(wait, core_.environment.random), delay_min);
  if (delay == absl::ZeroDuration()) return Locate();
  // Past the deadline there is nothing to wait for: say so then, not later.
  core_.environment.After(std::min(delay, TimeLeft()),
                          [self = shared_from_this()] { self->Locate(); });
}

void RegionCall::GiveUp(const absl::Status& status) {
  if (!has_open_attempt_) return Fail(status);
  last_failure_ = StdView(status.message());
  TimeIsUp();
}

void RegionCall::TimeIsUp() {
  if (has_open_attempt_) {
    const std::string text =
        fmt::format("{}: not known whether it was done; attempts: {}; the last: {}", Describe(),
                    attempts_, last_failure_);
    return Fail(absl::UnknownError(AbslView(text)));
  }
  Fail(UnavailableError("{}: gave up after {} attempts; the last: {}", Describe(), attempts_,
                        last_failure_));
}

absl::Duration RegionCall::TimeLeft() const {
  const uint64_t now_nanos = core_.environment.now_nanos();
  if (now_nanos >= goal_.deadline_nanos) return absl::ZeroDuration();
  return absl::Nanoseconds(static_cast<int64_t>(goal_.deadline_nanos - now_nanos));
}

}  // namespace nokv::client
