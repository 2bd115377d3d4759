// The group of peers that a script talks to, and the text of what it does.
//
// Thread-safety: none.
#pragma once

#include "raftstore/raft/testing/invariants.h"
#include "raftstore/raft/testing/node.h"

#include <absl/functional/function_ref.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nokv::raft::testing {

struct GroupOptions {
  std::vector<PeerId> voters = {};
  std::vector<PeerId> learners = {};
  std::vector<PeerId> newcomers = {};
  bool has_slow_disks = false;  // Writes complete by sync() or Settle() only.
  Options peer = {};
};

struct MessageFilter {
  std::string_view type = {};  // All if empty,
  PeerId from = kNobody;       // and so for these.
  PeerId to = kNobody;
};

class ScriptGroup {
 public:
  explicit ScriptGroup(const GroupOptions& options);

  // An input for a peer that is up. A refusal is printed.
  void Do(PeerId peer, absl::FunctionRef<absl::Status(Raft&)> input);

  void Deliver(const MessageFilter& filter, bool repeats);
  void Drop(const MessageFilter& filter);
  void Settle(bool has_trace);
  void Sync(PeerId peer);
  void Crash(PeerId peer, size_t completed);
  void Restart(PeerId peer);

  void Cut(PeerId from, PeerId to) { cuts_.insert({from, to}); }

  void Heal() { cuts_.clear(); }

  void Compact(PeerId peer, Index index);

  void PrintState(PeerId peer);
  void PrintProgress(PeerId peer);

  // The peer, or all for kNobody.
  std::vector<PeerId> Select(PeerId peer) const;

  std::string TakeOutput() { return std::exchange(output_, {}); }

 private:
  struct Peer {
    Options options;
    std::unique_ptr<Node> node;  // Null while it is down.
    MemoryDisk disk;             // While it is down.
    Role role = Role::kFollower;
    Term term = 0;
    Configuration configuration = {};
  };

  template <typename... Args>
  void Print(fmt::format_string<Args...> format, Args&&... args) {
    output_ += fmt::format(format, std::forward<Args>(args)...);
    output_ += '\n';
  }

  void Start(Peer& peer);
  void DeliverOne(Message message, bool has_trace);
  void After(Peer& peer);
  void Report(Peer& peer, const Effects& effects);
  static bool Matches(const MessageFilter& filter, const Message& message);

  GroupOptions options_;
  std::map<PeerId, Peer> peers_;
  std::vector<Message> on_the_way_;
  std::set<std::pair<PeerId, PeerId>> cuts_;
  std::string output_;
  Invariants invariants_;
};

}  // namespace nokv::raft::testing
