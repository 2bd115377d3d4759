#include "raftstore/raft/testing/world.h"

#include "engine/base/check.h"

#include <algorithm>
#include <utility>

namespace nokv::raft::testing {
namespace {

constexpr uint64_t kSlowSyncUs = 3'000'000;

// Puts a value away in a slot that is free.
template <typename T>
uint64_t Keep(std::vector<T>& slots, std::vector<uint64_t>& free, T value) {
  if (free.empty()) {
    slots.push_back(std::move(value));
    return slots.size() - 1;
  }
  const uint64_t slot = free.back();
  free.pop_back();
  slots[slot] = std::move(value);
  return slot;
}

template <typename T>
T Take(std::vector<T>& slots, std::vector<uint64_t>& free, uint64_t slot) {
  free.push_back(slot);
  return std::exchange(slots[slot], T());
}

}  // namespace

World::World(uint64_t seed, const NetworkOptions& network)
    : random_(seed),
      network_(network, seed + 1),
      invariants_([this](PeerId id) -> const MemoryDisk* {
        Host* const host = Find(id);
        if (host == nullptr) return nullptr;
        return host->is_up() ? &host->node->disk() : &host->disk;
      }) {}

void World::Violate(std::string text) {
  if (result_.violation.empty()) {
    result_.violation = fmt::format("at {:.6f} s: {}", static_cast<double>(now_us_) / 1e6, text);
  }
}

void World::Trace(uint64_t value) {
  result_.trace = (result_.trace ^ value) * 0x9e3779b97f4a7c15ull;
  result_.trace ^= result_.trace >> 29;
}

std::string World::Describe() {
  std::string text;
  for (auto& [id, host] : hosts_) {
    if (!host.is_up()) {
      text += fmt::format("\n  {} is down", id);
      continue;
    }
    const Raft& raft = host.raft();
    text += fmt::format(
        "\n  {} role={} term={} leader={} last={} persisted={} committed={} applied={} {}", id,
        static_cast<int>(raft.role()), raft.term(), raft.leader(), raft.last_index(),
        raft.log().persisted(), raft.committed(), raft.applied(), ToString(raft.configuration()));
    for (const Progress& peer : raft.progress()) {
      text += fmt::format("\n    {} {} match={} next={} inflight={}", peer.id, ToString(peer.state),
                          peer.match, peer.next, peer.inflights.count());
    }
  }
  return text;
}

Host& World::AddHost(const Options& options, const Configuration& configuration) {
  Host& host = hosts_[options.id];
  host.options = options;
  if (!configuration.voters.empty()) host.disk = MemoryDisk(configuration);
  Restart(host);
  return host;
}

Host* World::Find(PeerId id) {
  const auto at = hosts_.find(id);
  return at == hosts_.end() ? nullptr : &at->second;
}

Host* World::Leader() {
  Host* leader = nullptr;
  for (auto& [id, host] : hosts_) {
    if (!host.is_up() || !host.raft().is_leader()) continue;
    if (leader == nullptr || host.raft().term() > leader->raft().term()) leader = &host;
  }
  return leader;
}

void World::Schedule(uint64_t delay_us, Kind kind, PeerId host, uint64_t argument) {
  heap_.push_back({now_us_ + delay_us, ++order_, kind, host, argument});
  std::push_heap(heap_.begin(), heap_.end());
}

void World::After(uint64_t delay_us, std::function<void()> action) {
  Schedule(delay_us, Kind::kAction, kNobody, Keep(actions_, free_actions_, std::move(action)));
}

void World::RunUntil(uint64_t end_us) {
  while (!heap_.empty() && heap_.front().at_us <= end_us && violation().empty()) {
    const Event event = heap_.front();
    std::pop_heap(heap_.begin(), heap_.end());
    heap_.pop_back();
    now_us_ = event.at_us;
    ++result_.events;
    Trace(now_us_ * 4 + static_cast<uint64_t>(event.kind));
    Happen(event);
  }
  if (violation().empty()) now_us_ = end_us;
}

void World::Happen(const Event& event) {
  Host* const host = event.host == kNobody ? nullptr : Find(event.host);
  switch (event.kind) {
    case Kind::kAction:
      Take(actions_, free_actions_, event.argument)();
      return;
    case Kind::kMessage:
      Deliver(host, Take(messages_, free_messages_, event.argument));
      return;
    case Kind::kWake:
      if (host == nullptr || !host->is_up() || host->wake_us != event.at_us) return;
      host->wake_us = 0;
      CatchUp(*host);
      AfterInput(*host);
      return;
    case Kind::kWritten:
      if (host == nullptr || !host->is_up() || host->incarnation != event.argument) return;
      CatchUp(*host);
      while (host->node->pending_writes() > 0 && host->node->oldest_write() <= host->writing) {
        host->node->CompleteWrite(effects_);
      }
      host->writing = 0;
      AfterInput(*host);
      return;
  }
}

void World::Deliver(Host* host, Message message) {
  Trace(static_cast<uint64_t>(message.type) + (message.from << 8) + (message.to << 16) +
        (message.term << 24) + (message.log_index << 40));
  if (host == nullptr || !host->is_up()) return;
  ++result_.messages;
  if (message.type == MessageType::kSnapshot) {
    After(1000, [this, from = message.from, to = message.to] {
      Host* const sender = Find(from);
      if (sender == nullptr || !sender->is_up()) return;
      Do(*sender, [to](Raft& raft) {
        raft.ReportSnapshot(to, SnapshotOutcome::kDelivered);
        return 0;
      });
    });
  }
  // What is refused is refused: old, too late, or from a stranger.
  const absl::Status stepped = Do(*host, [&](Raft& raft) { return raft.Step(std::move(message)); });
  if (stepped.code() == absl::StatusCode::kInvalidArgument) {
    Violate(fmt::format("an honest message was found impossible: {}", StdView(stepped.message())));
  }
}

void World::CatchUp(Host& host) {
  const uint64_t ticks = (now_us_ - host.started_us) / host.tick_us;
  if (ticks == host.ticks) return;
  host.raft().Tick(ticks - std::exchange(host.ticks, ticks));
}

void World::AfterInput(Host& host) {
  host.node->Drain(effects_);
  invariants_.AfterStep(*host.node, effects_);
  if (!invariants_.violation().empty()) Violate(invariants_.violation());
  if (!host.raft().status().ok()) Violate(std::string(StdView(host.raft().status().message())));
  Apply(host);
  SendAll(effects_.messages);
  effects_.Clear();
  StartWrite(host);
  MaybeFlush(host);
  const uint64_t due_us =
      host.started_us + (host.ticks + host.raft().ticks_until_action()) * host.tick_us;
  // A wake that comes too early looks again; one that would come too late is replaced.
  if (host.wake_us == 0 || host.wake_us > due_us) {
    host.wake_us = due_us;
    Schedule(due_us - now_us_, Kind::kWake, host.options.id, 0);
  }
}

void World::Apply(Host& host) {
  size_t installed = 0;
  for (size_t i = 0; i <= effects_.applied.size(); ++i) {
    for (; installed < effects_.installed.size() && effects_.installed[installed].position == i;
         ++installed) {
      host.registers = Registers::Decode(effects_.installed[installed].snapshot->data);
      host.flushed_registers = host.registers;
      ++result_.snapshots;
    }
    if (i == effects_.applied.size()) break;
    const Entry& entry = effects_.applied[i];
    ++host.applied_since_flush;
    if (entry.kind == EntryKind::kData && !entry.data.empty()) {
      const Write write = Write::Decode(entry.data);
      uint64_t& number = host.registers.numbers[write.key];
      if (number != write.seen) {
        Violate(
            fmt::format("write {} at {} was evaluated when register {} held {}, and it holds {}",
                        write.number, entry.index, write.key, write.seen, number));
      }
      number = write.number;
    }
    if (observer_ != nullptr) observer_->OnApplied(host, entry);
  }
  if (observer_ == nullptr) return;
  for (const ReadState& read : effects_.reads) observer_->OnRead(host, read);
  for (const uint64_t context : effects_.dropped_reads) observer_->OnDroppedRead(context);
}

void World::SendAll(std::vector<Message>& messages) {
  for (Message& message : messages) {
    const PeerId from = message.from;
    const PeerId to = message.to;
    const auto delays = network_.Delays(from, to);
    if (delays.empty() && (message.type == MessageType::kSnapshot || random_.OneIn(8))) {
      After(1000, [this, from, to, type = message.type] {
        Host* const sender = Find(from);
        if (sender == nullptr || !sender->is_up()) return;
        Do(*sender, [to, type](Raft& raft) {
          if (type == MessageType::kSnapshot) raft.ReportSnapshot(to, SnapshotOutcome::kFailed);
          raft.ReportUnreachable(to);
          return 0;
        });
      });
    }
    for (size_t i = 0; i < delays.size(); ++i) {
      Message copy = i + 1 < delays.size() ? message : std::move(message);
      Schedule(delays[i], Kind::kMessage, to, Keep(messages_, free_messages_, std::move(copy)));
    }
  }
}

void World::StartWrite(Host& host) {
  if (host.writing > 0 || host.node->pending_writes() == 0) return;
  host.writing = host.node->newest_write();
  const uint64_t max = now_us_ < host.slow_until_us ? kSlowSyncUs : host.sync_us_max;
  Schedule(100 + random_.Uniform(max), Kind::kWritten, host.options.id, host.incarnation);
}

void World::MaybeFlush(Host& host) {
  if (host.node->disk().TakeSnapshotWanted()) {
    host.node->Compact(host.node->disk().first_index() - 1, host.registers.Encode());
  }
  if (host.applied_since_flush < 20 || !random_.OneIn(20)) return;
  host.applied_since_flush = 0;
  host.node->Flush();
  host.flushed_registers = host.registers;
  const Index applied = host.raft().applied();
  const Index kept = random_.Uniform(30);
  if (applied > kept + host.node->disk().first_index()) {
    host.node->Compact(applied - kept, host.registers.Encode());
  }
}

void World::Crash(Host& host, size_t completed) {
  if (!host.is_up()) return;
  ++result_.crashes;
  // A snapshot that had reached the disk replaced the state machine too.
  host.disk = host.node->DiskAfterCrash(completed);
  const std::shared_ptr<const Snapshot> snapshot = host.disk.snapshot();
  if (host.disk.applied() > host.node->disk().applied() && snapshot != nullptr) {
    host.flushed_registers = Registers::Decode(snapshot->data);
  }
  host.node = nullptr;
}

void World::Restart(Host& host) {
  if (host.is_up()) return;
  ++host.incarnation;
  host.options.seed = random_.Next();
  host.node = std::make_unique<Node>(host.options, host.disk);
  if (!host.node->status().ok()) {
    Violate(fmt::format("{} cannot start: {}", host.options.id,
                        StdView(host.node->status().message())));
    host.node = nullptr;
    return;
  }
  host.registers = host.flushed_registers;
  host.applied_since_flush = 0;
  host.started_us = now_us_;
  host.ticks = 0;
  host.wake_us = 0;
  host.writing = 0;
  invariants_.AfterRestart(*host.node);
  AfterInput(host);
}

}  // namespace nokv::raft::testing
