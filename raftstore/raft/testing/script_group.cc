#include "raftstore/raft/testing/script_group.h"

#include <algorithm>

namespace nokv::raft::testing {
namespace {

std::string_view RoleName(Role role) {
  switch (role) {
    case Role::kFollower:
      return "follower";
    case Role::kPreCandidate:
      return "pre-candidate";
    case Role::kCandidate:
      return "candidate";
    case Role::kLeader:
      return "leader";
  }
  return "unknown";
}

}  // namespace

ScriptGroup::ScriptGroup(const GroupOptions& options)
    : options_(options), invariants_([this](PeerId id) -> const MemoryDisk* {
        const auto at = peers_.find(id);
        if (at == peers_.end()) return nullptr;
        return at->second.node != nullptr ? &at->second.node->disk() : &at->second.disk;
      }) {
  const Configuration group = MakeConfiguration(options.voters, options.learners);
  for (const auto* set : {&options.voters, &options.learners, &options.newcomers}) {
    for (const PeerId id : *set) {
      Peer& peer = peers_[id];
      peer.options = options.peer;
      peer.options.id = peer.options.seed = id;
      if (set != &options.newcomers) peer.disk = MemoryDisk(group);
      peer.configuration = set != &options.newcomers ? group : Configuration();
    }
  }
  for (auto& [id, peer] : peers_) Start(peer);
}

void ScriptGroup::Start(Peer& peer) {
  peer.node = std::make_unique<Node>(peer.options, peer.disk);
  if (!peer.node->status().ok()) {
    Print("{} cannot start: {}", peer.options.id, StdView(peer.node->status().message()));
    peer.node = nullptr;
    return;
  }
  peer.role = Role::kFollower;
  peer.term = peer.node->raft().term();
  invariants_.AfterRestart(*peer.node);
  After(peer);
}

std::vector<PeerId> ScriptGroup::Select(PeerId peer) const {
  if (peer != kNobody) return {peer};
  std::vector<PeerId> all;
  for (const auto& [id, p] : peers_) all.push_back(id);
  return all;
}

void ScriptGroup::Do(PeerId id, absl::FunctionRef<absl::Status(Raft&)> input) {
  const auto at = peers_.find(id);
  if (at == peers_.end() || at->second.node == nullptr) return Print("{} is not up", id);
  const absl::Status status = input(at->second.node->raft());
  if (!status.ok()) {
    Print("{} refuses: {}: {}", id, absl::StatusCodeToString(status.code()),
          StdView(status.message()));
  }
  After(at->second);
}

void ScriptGroup::After(Peer& peer) {
  Effects effects;
  peer.node->Drain(effects);
  while (!options_.has_slow_disks && peer.node->pending_writes() > 0) {
    peer.node->CompleteWrite(effects);
  }
  if (peer.node->disk().TakeSnapshotWanted()) Compact(peer.node->raft().id(), 0);
  Report(peer, effects);
}

void ScriptGroup::Report(Peer& peer, const Effects& effects) {
  const Raft& raft = peer.node->raft();
  const PeerId id = raft.id();
  invariants_.AfterStep(*peer.node, effects);
  if (!invariants_.violation().empty()) Print("VIOLATION: {}", invariants_.violation());
  if (raft.role() != peer.role || raft.term() != peer.term) {
    Print("{} is {} in term {}", id, RoleName(raft.role()), raft.term());
    peer.role = raft.role();
    peer.term = raft.term();
  }
  for (const auto& installed : effects.installed) {
    Print("{} installs a snapshot at {}/{}", id, installed.snapshot->index,
          installed.snapshot->term);
  }
  for (const Entry& entry : effects.applied) {
    if (entry.kind == EntryKind::kConfigChange) {
      Print("{} applies {} a change", id, entry.index);
    } else {
      Print("{} applies {} {}", id, entry.index, entry.data.empty() ? "-" : entry.data.view());
    }
  }
  if (raft.configuration() != peer.configuration) {
    peer.configuration = raft.configuration();
    Print("{} has {}", id, ToString(peer.configuration));
  }
  for (const ReadState& read : effects.reads) {
    Print("{} may answer read {} at {}", id, read.context, read.index);
  }
  for (const uint64_t context : effects.dropped_reads) Print("{} drops read {}", id, context);
  on_the_way_.insert(on_the_way_.end(), effects.messages.begin(), effects.messages.end());
}

bool ScriptGroup::Matches(const MessageFilter& filter, const Message& message) {
  return (filter.type.empty() || filter.type == ToString(message.type)) &&
         (filter.from == kNobody || filter.from == message.from) &&
         (filter.to == kNobody || filter.to == message.to);
}

// What comes too late is refused all the time, and told only where messages are shown.
void ScriptGroup::DeliverOne(Message message, bool has_trace) {
  const auto at = peers_.find(message.to);
  if (cuts_.contains({message.from, message.to}) || at == peers_.end() ||
      at->second.node == nullptr) {
    return;
  }
  const PeerId to = message.to;
  Do(to, [&message, has_trace](Raft& raft) {
    const absl::Status status = raft.Step(std::move(message));
    return has_trace || !absl::IsFailedPrecondition(status) ? status : absl::OkStatus();
  });
}

void ScriptGroup::Deliver(const MessageFilter& filter, bool repeats) {
  std::vector<Message> now;
  std::vector<Message> later;
  for (Message& message : std::exchange(on_the_way_, {})) {
    if (repeats || !Matches(filter, message)) later.push_back(message);
    if (Matches(filter, message)) now.push_back(std::move(message));
  }
  on_the_way_ = std::move(later);
  for (Message& message : now) {
    Print("{}", ToString(message));
    DeliverOne(std::move(message), true);
  }
}

void ScriptGroup::Drop(const MessageFilter& filter) {
  std::erase_if(on_the_way_, [&](const Message& message) { return Matches(filter, message); });
}

void ScriptGroup::Settle(bool has_trace) {
  for (int round = 0; round < 200; ++round) {
    bool is_quiet = on_the_way_.empty();
    for (auto& [id, peer] : peers_) {
      if (peer.node == nullptr || peer.node->pending_writes() == 0) continue;
      is_quiet = false;
      Sync(id);
    }
    if (is_quiet) return;
    for (Message& message : std::exchange(on_the_way_, {})) {
      if (has_trace) Print("{}", ToString(message));
      DeliverOne(std::move(message), has_trace);
    }
  }
  Print("does not settle");
}

void ScriptGroup::Sync(PeerId id) {
  Peer& peer = peers_.at(id);
  if (peer.node == nullptr || peer.node->pending_writes() == 0)
    return Print("{} writes nothing", id);
  Effects effects;
  peer.node->CompleteWrite(effects);
  Report(peer, effects);
}

void ScriptGroup::Crash(PeerId id, size_t completed) {
  Peer& peer = peers_.at(id);
  if (peer.node == nullptr) return Print("{} is not up", id);
  peer.disk = peer.node->DiskAfterCrash(completed);
  peer.node = nullptr;
}

void ScriptGroup::Restart(PeerId id) {
  Peer& peer = peers_.at(id);
  if (peer.node == nullptr) Start(peer);
}

void ScriptGroup::Compact(PeerId id, Index index) {
  Node& node = *peers_.at(id).node;
  node.Flush();
  node.Compact(std::max(index, node.disk().first_index() - 1), Payload());
}

void ScriptGroup::PrintState(PeerId id) {
  const Peer& peer = peers_.at(id);
  if (peer.node == nullptr) return Print("{}: down", id);
  const Raft& raft = peer.node->raft();
  Print("{}: {} term={} leader={} first={} last={}/{} persisted={} commit={} applied={}", id,
        RoleName(raft.role()), raft.term(), raft.leader(), raft.log().first_index(),
        raft.last_index(), raft.log().last_term(), raft.log().persisted(), raft.committed(),
        raft.applied());
}

void ScriptGroup::PrintProgress(PeerId id) {
  if (peers_.at(id).node == nullptr) return;
  for (const Progress& peer : peers_.at(id).node->raft().progress()) {
    Print("{}: {} match={} next={} inflight={}{}", peer.id, ToString(peer.state), peer.match,
          peer.next, peer.inflights.count(), peer.is_paused ? " paused" : "");
  }
}

}  // namespace nokv::raft::testing
