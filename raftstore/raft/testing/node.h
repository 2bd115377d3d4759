// A peer with a disk and a state machine: what a store is to the core, reduced to what tests need.
//
// A write stays pending until CompleteWrite(); meanwhile the peer goes on. A crash loses the
// pending writes, from any of them on. Committed entries are applied at once.
//
// Thread-safety: none. A copy goes on by itself.
#pragma once

#include "raftstore/raft/raft.h"
#include "raftstore/raft/testing/memory_disk.h"

#include <memory>
#include <string>
#include <vector>

namespace nokv::raft::testing {

// What came of an input, in order; callers add to it and take from it.
struct Effects {
  struct Installed {
    size_t position = 0;  // The snapshot came before applied[position].
    std::shared_ptr<const Snapshot> snapshot;
  };

  std::vector<Message> messages;
  std::vector<Entry> applied;
  std::vector<ReadState> reads;
  std::vector<uint64_t> dropped_reads;
  std::vector<Installed> installed;

  void Clear();
};

class Node {
 public:
  // Starts from what is on the disk. `status()` tells if that is not possible.
  Node(const Options& options, const MemoryDisk& disk);
  Node(const Node& other);
  Node& operator=(const Node&) = delete;

  const absl::Status& status() const { return status_; }

  Raft& raft() { return *raft_; }

  const Raft& raft() const { return *raft_; }

  const MemoryDisk& disk() const { return *disk_; }

  MemoryDisk& disk() { return *disk_; }

  const Options& options() const { return options_; }

  // Does what the core asks for. To be called after every input to raft().
  void Drain(Effects& effects);

  size_t pending_writes() const { return pending_.size(); }

  // The numbers of the Readies that wait; 0 if none does.
  uint64_t oldest_write() const { return pending_.empty() ? 0 : pending_.front().ready.number; }

  uint64_t newest_write() const { return pending_.empty() ? 0 : pending_.back().ready.number; }

  // The oldest pending write is durable.
  void CompleteWrite(Effects& effects);

  // The state machine is durable as it is now.
  void Flush() { disk_->Flush(raft_->applied(), raft_->configuration()); }

  // Cuts the log behind `index`, which is flushed. `data` is the state machine's.
  void Compact(Index index, Payload data);

  // What a crash leaves if `completed` of the pending writes had reached the disk, unnoticed.
  MemoryDisk DiskAfterCrash(size_t completed) const;

  // Everything that decides what the node will do, except for timeouts.
  std::string StateText() const;

 private:
  struct Pending {
    Ready ready;  // Without what was done at once.
  };

  void Finish(Ready& ready, Effects& effects);
  void Apply(const Entry& entry);

  Options options_;
  std::unique_ptr<MemoryDisk> disk_;
  absl::Status status_;
  std::unique_ptr<Raft> raft_;
  std::vector<Pending> pending_;
};

}  // namespace nokv::raft::testing
