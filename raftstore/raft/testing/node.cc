#include "raftstore/raft/testing/node.h"

#include "engine/base/check.h"
#include "engine/base/codec.h"

namespace nokv::raft::testing {

void Effects::Clear() {
  messages.clear();
  applied.clear();
  reads.clear();
  dropped_reads.clear();
  installed.clear();
}

Node::Node(const Options& options, const MemoryDisk& disk)
    : options_(options), disk_(std::make_unique<MemoryDisk>(disk)) {
  absl::StatusOr<std::unique_ptr<Raft>> raft =
      Raft::Create(options_, *disk_, disk_->initial_state());
  status_ = raft.status();
  if (raft.ok()) raft_ = *std::move(raft);
}

Node::Node(const Node& other)
    : options_(other.options_),
      disk_(std::make_unique<MemoryDisk>(*other.disk_)),
      status_(other.status_),
      raft_(other.raft_->Clone(*disk_)),
      pending_(other.pending_) {}

void Node::Apply(const Entry& entry) {
  if (entry.kind == EntryKind::kConfigChange) {
    const absl::StatusOr<ConfigChange> change = DecodeConfigChange(entry.data.view());
    // A change that cannot be read or done is the same on every peer, and changes nothing.
    if (change.ok()) static_cast<void>(raft_->ApplyConfigChange(*change).status());
  }
  raft_->Applied(entry.index);
}

void Node::Drain(Effects& effects) {
  while (raft_->HasReady()) {
    Ready ready = raft_->TakeReady();
    for (Message& message : ready.messages_now) effects.messages.push_back(std::move(message));
    ready.messages_now.clear();
    effects.reads.insert(effects.reads.end(), ready.reads.begin(), ready.reads.end());
    effects.dropped_reads.insert(effects.dropped_reads.end(), ready.dropped_reads.begin(),
                                 ready.dropped_reads.end());
    for (Entry& entry : ready.committed) {
      Apply(entry);
      effects.applied.push_back(std::move(entry));
    }
    ready.committed.clear();
    if (ready.has_write() || !pending_.empty()) {
      pending_.push_back({std::move(ready)});
    } else {
      Finish(ready, effects);
    }
  }
}

void Node::Finish(Ready& ready, Effects& effects) {
  disk_->Write(ready);
  if (ready.snapshot != nullptr) {
    effects.installed.push_back({effects.applied.size(), ready.snapshot});
  }
  for (Message& message : ready.messages_after_persist) {
    effects.messages.push_back(std::move(message));
  }
  raft_->Persisted(ready.number);
}

void Node::CompleteWrite(Effects& effects) {
  NOKV_CHECK(!pending_.empty());
  Ready ready = std::move(pending_.front().ready);
  pending_.erase(pending_.begin());
  Finish(ready, effects);
  // What follows without a write of its own was only waiting for its turn.
  while (!pending_.empty() && !pending_.front().ready.has_write()) {
    ready = std::move(pending_.front().ready);
    pending_.erase(pending_.begin());
    Finish(ready, effects);
  }
  Drain(effects);
}

void Node::Compact(Index index, Payload data) {
  const Index applied = raft_->applied();
  const std::optional<Term> term = disk_->TermAt(applied);
  if (!term.has_value() || index > disk_->applied()) return;
  disk_->Compact(index, std::make_shared<Snapshot>(
                            Snapshot{applied, *term, raft_->configuration(), std::move(data)}));
}

MemoryDisk Node::DiskAfterCrash(size_t completed) const {
  MemoryDisk disk = *disk_;
  for (size_t i = 0; i < completed && i < pending_.size(); ++i) disk.Write(pending_[i].ready);
  return disk;
}

std::string Node::StateText() const {
  std::string out = raft_->StateText();
  disk_->AppendStateTo(out);
  PutVarint(out, pending_.size());
  for (const Pending& pending : pending_) {
    const Ready& ready = pending.ready;
    out.push_back(static_cast<char>(ready.hard_state.has_value()));
    if (ready.hard_state) {
      PutVarint(out, ready.hard_state->term);
      PutVarint(out, ready.hard_state->vote);
      PutVarint(out, ready.hard_state->commit);
    }
    PutVarint(out, ready.entries.size());
    for (const Entry& entry : ready.entries) {
      PutVarint(out, entry.index);
      PutVarint(out, entry.term);
      PutLengthPrefixed(out, entry.data.view());
    }
    PutVarint(out, ready.snapshot == nullptr ? 0 : ready.snapshot->index);
    PutVarint(out, ready.messages_after_persist.size());
    for (const Message& message : ready.messages_after_persist) {
      PutLengthPrefixed(out, ToString(message));
    }
  }
  return out;
}

}  // namespace nokv::raft::testing
