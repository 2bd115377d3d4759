#include "gateway/cluster/cluster_backend.h"

#include "gateway/cluster/stored_object.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace nokv::cluster {
namespace {

backend::AddOutcome ToOutcome(const client::AddOutcome& outcome) {
  if (const auto* sum = std::get_if<client::Sum>(&outcome)) return sum->value;
  switch (std::get<client::CannotAdd>(outcome)) {
    case client::CannotAdd::kOtherHeader:
      return backend::AddRefusal::kWrongType;
    case client::CannotAdd::kNotAnInteger:
      return backend::AddRefusal::kNotAnInteger;
    case client::CannotAdd::kOutOfRange:
      break;
  }
  return backend::AddRefusal::kOverflow;
}

}  // namespace

void ClusterBackend::Execute(backend::Round& round, std::function<void()> done) {
  round_ = &round;
  deadline_nanos_ = clock_.MonotonicNanos() +
                    static_cast<uint64_t>(absl::ToInt64Nanoseconds(options_.command_timeout));
  arena_.Clear();
  unfinished_ = round.size();
  std::unordered_map<uint64_t, Lane> lanes;
  std::vector<Lane*> in_order;
  for (size_t i = 0; i < round.size(); ++i) {
    const auto [found, is_new] = lanes.try_emplace(round.TraitsOf(i).client);
    if (is_new) in_order.push_back(&found->second);
    found->second.indices.push_back(i);
  }
  for (Lane* const lane : in_order) Advance(*lane);
  while (unfinished_ > 0) {
    for (const Answer& answer : TakeAnswers()) answer();
  }
  done();
}

void ClusterBackend::Advance(Lane& lane) {
  while (!lane.begun.empty() || lane.next < lane.indices.size()) {
    if (lane.begun.empty()) BeginRun(lane);
    Command& first = lane.begun.front();
    if (first.is_fetching || !RunOnce(lane, first)) return;
    lane.begun.pop_front();
    --unfinished_;
  }
}

// Begins the next command, and if it is a read those behind it. All are read at one timestamp: each
// at a moment of its own, a later one could show what was before an earlier one.
void ClusterBackend::BeginRun(Lane& lane) {
  BeginNext(lane);
  while (MayJoin(lane)) BeginNext(lane);
  Command& first = lane.begun.front();
  if (!first.keyspace.has_wishes() || TimeLeft() == absl::ZeroDuration()) return;
  const bool has_several = lane.begun.size() > 1 && lane.begun[1].keyspace.has_wishes();
  if (has_several && clock_.MonotonicNanos() >= snapshots_from_nanos_) return DrawForRun(lane);
  Fulfil(lane, first);
}

// What comes behind a command without keys has to wait for it: it may be one that changes what the
// others mean, such as SELECT.
bool ClusterBackend::MayJoin(const Lane& lane) const {
  if (lane.next == lane.indices.size() || lane.begun.size() >= options_.reads_ahead_max) {
    return false;
  }
  const Command& last = lane.begun.back();
  return !last.may_write && last.keyspace.has_wishes() &&
         !round_->TraitsOf(lane.indices[lane.next]).may_write;
}

// Notes the keys that a command which only reads has named; one that may write first tells what it
// wants.
void ClusterBackend::BeginNext(Lane& lane) {
  const size_t index = lane.indices[lane.next++];
  const bool may_write = round_->TraitsOf(index).may_write;
  // For what is only shown, the time may be one that was carried on for long.
  const absl::Duration age_max = may_write ? options_.time_age_max : absl::InfiniteDuration();
  Command& command =
      lane.begun.emplace_back(index, may_write, arena_, client_.DriverMillis(age_max));
  if (command.may_write) return;
  uses_.clear();
  round_->NameKeys(index, &uses_);
  for (const backend::KeyUse& use : uses_) command.keyspace.Want(use.database, use.key);
}

// True if the command is through. Otherwise the cluster was asked for something.
bool ClusterBackend::RunOnce(Lane& lane, Command& command) {
  if (command.is_written) return true;
  absl::Status status = command.failure;
  bool is_waiting = status.ok() && command.keyspace.has_wishes();
  if (status.ok() && !is_waiting) {
    command.keyspace.Begin();
    status = round_->Run(command.index, command.keyspace);
    is_waiting = absl::IsCancelled(status) && command.keyspace.has_wishes();
  }
  const bool is_asking = is_waiting || (status.ok() && command.keyspace.write());
  if (is_asking) status = MayAsk(lane, command);
  if (!status.ok()) {
    round_->Fail(command.index, status);
    return true;
  }
  if (!is_asking) return true;
  is_waiting ? Fulfil(lane, command) : Write(lane, command);
  return false;
}

// A refusal here is known to have done nothing. A lane whose command was not done would only wait
// for the same once more with its next write, and all other clients with it.
absl::Status ClusterBackend::MayAsk(const Lane& lane, const Command& command) const {
  if (command.may_write && lane.has_failed) {
    return UnavailableError("not begun: a command before it was not done in time");
  }
  if (TimeLeft() == absl::ZeroDuration()) {
    return UnavailableError("not begun: the commands before it took all of {}",
                            absl::FormatDuration(options_.command_timeout));
  }
  return absl::OkStatus();
}

void ClusterBackend::Fulfil(Lane& lane, Command& command) {
  const CommandKeyspace& keyspace = command.keyspace;
  const bool needs_snapshot =
      keyspace.wants_snapshot() || (keyspace.wants_reads() && !keyspace.snapshot() &&
                                    (command.may_write || keyspace.keys() > 1));
  if (needs_snapshot) return DrawSnapshot(lane, command);
  if (keyspace.wants_reads()) return Read(lane, command);
  Add(lane, command);
}

template <typename T, typename Take>
client::Done<T> ClusterBackend::Then(Lane& lane, Command& command, Take take) {
  command.is_fetching = true;
  return [this, &lane, &command, take = std::move(take)](absl::StatusOr<T> result) {
    auto answer = [this, &lane, &command, take, result = std::move(result)]() mutable {
      command.is_fetching = false;
      if (result.ok()) {
        take(*std::move(result));
      } else {
        command.failure = result.status();
        lane.has_failed |= absl::IsUnavailable(command.failure) || absl::IsUnknown(command.failure);
      }
      if (command.failure.ok() && command.keyspace.has_wishes()) {
        Fulfil(lane, command);
      } else {
        Advance(lane);
      }
    };
    Post(std::move(answer));
  };
}

void ClusterBackend::Post(Answer answer) {
  MutexLock lock(mutex_);
  answers_.push_back(std::move(answer));
  has_answers_.SignalOne();
}

void ClusterBackend::DrawSnapshot(Lane& lane, Command& command) {
  client_.DrawTimestamp(TimeLeft(),
                        Then<mvcc::Timestamp>(lane, command, [&command](mvcc::Timestamp snapshot) {
                          command.keyspace.SetSnapshot(snapshot);
                        }));
}

// While the placement driver is away reads still go on, each once the one before it is through. Who
// found it away is the last to wait for it for a while: the runs of a pipeline are many, and while
// they wait one after the other nobody else is served.
void ClusterBackend::DrawForRun(Lane& lane) {
  for (Command& command : lane.begun) command.is_fetching = command.keyspace.has_wishes();
  auto take = [this, &lane](const absl::StatusOr<mvcc::Timestamp>& snapshot) {
    if (!snapshot.ok()) {
      snapshots_from_nanos_ =
          clock_.MonotonicNanos() +
          static_cast<uint64_t>(absl::ToInt64Nanoseconds(options_.snapshot_pause));
    }
    for (Command& command : lane.begun) {
      if (!std::exchange(command.is_fetching, false) || !snapshot.ok()) continue;
      command.keyspace.SetSnapshot(*snapshot);
      Read(lane, command);
    }
    Advance(lane);
  };
  client_.DrawTimestamp(std::min(TimeLeft(), options_.snapshot_patience),
                        [this, take](const absl::StatusOr<mvcc::Timestamp>& snapshot) {
                          Post([take, snapshot] { take(snapshot); });
                        });
}

void ClusterBackend::Read(Lane& lane, Command& command) {
  using Values = std::vector<std::optional<client::Value>>;
  std::vector<std::string> keys = command.keyspace.KeysToRead();
  const std::optional<mvcc::Timestamp>& snapshot = command.keyspace.snapshot();
  if (keys.size() == 1) {
    auto take = [&command](std::optional<client::Value> value) {
      Values values;
      values.push_back(std::move(value));
      command.keyspace.TakeReads(std::move(values));
    };
    client_.Get({.key = std::move(keys[0]),
                 .at = snapshot.value_or(mvcc::Timestamp::Max()),
                 .timeout = TimeLeft()},
                Then<std::optional<client::Value>>(lane, command, take));
    return;
  }
  auto take = [&command](Values values) { command.keyspace.TakeReads(std::move(values)); };
  client_.BatchGet({.keys = std::move(keys), .at = *snapshot, .timeout = TimeLeft()},
                   Then<Values>(lane, command, take));
}

void ClusterBackend::Add(Lane& lane, Command& command) {
  const WantedAdd& wanted = *command.keyspace.wanted_add();
  client::AddRequest request{
      .key = wanted.key, .delta = wanted.delta, .header = CounterHeader(), .timeout = TimeLeft()};
  client_.Add(std::move(request), Then<client::AddOutcome>(
                                      lane, command, [&command](const client::AddOutcome& outcome) {
                                        command.keyspace.TakeSum(ToOutcome(outcome));
                                      }));
}

void ClusterBackend::Write(Lane& lane, Command& command) {
  client::WriteRequest request = *command.keyspace.write();
  request.timeout = TimeLeft();
  auto take = [this, &command](const client::WriteOutcome& outcome) {
    if (std::holds_alternative<client::Committed>(outcome)) {
      command.is_written = true;
    } else if (++command.conflicts <= options_.conflicts_max) {
      command.keyspace.WantSnapshot();
    } else {
      command.failure =
          UnavailableError("others wrote the key {} times in between", command.conflicts);
    }
  };
  client_.Write(std::move(request), Then<client::WriteOutcome>(lane, command, take));
}

absl::Duration ClusterBackend::TimeLeft() const {
  const uint64_t now_nanos = clock_.MonotonicNanos();
  if (now_nanos >= deadline_nanos_) return absl::ZeroDuration();
  return absl::Nanoseconds(static_cast<int64_t>(deadline_nanos_ - now_nanos));
}

std::vector<ClusterBackend::Answer> ClusterBackend::TakeAnswers() {
  while (true) {
    {
      MutexLock lock(mutex_);
      if (!answers_.empty()) return std::exchange(answers_, {});
    }
    if (executor_.HelpOnce()) continue;
    MutexLock lock(mutex_);
    while (answers_.empty()) has_answers_.Wait(mutex_);
  }
}

}  // namespace nokv::cluster
