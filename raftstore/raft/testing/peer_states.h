// The distinct states of single peers, and what inputs turn them into; each computed once.
//
// Thread-safety: none.
#pragma once

#include "raftstore/raft/testing/explorer.h"
#include "raftstore/raft/testing/node.h"

#include <absl/container/flat_hash_map.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace nokv::raft::testing {

using StateId = uint32_t;
using MessageId = uint32_t;

struct LogEntry {
  Term term = 0;
  uint64_t digest = 0;
  bool is_config_change = false;

  friend bool operator==(const LogEntry&, const LogEntry&) = default;
};

// What the invariants look at.
struct PeerFacts {
  PeerId id = kNobody;
  Term term = 0;
  Term durable_term = 0;
  Role role = Role::kFollower;
  Index commit = 0;
  Index applied = 0;
  Index first = 0;  // Of `log`.
  std::vector<LogEntry> log;
  Index durable_first = 0;  // Of `durable`.
  std::vector<Term> durable;
  Configuration configuration;
  size_t pending_writes = 0;
};

struct Input {
  enum class Kind : uint8_t { kDeliver, kCompleteWrite, kCrash, kCampaign, kPropose, kChange };

  Kind kind = Kind::kDeliver;
  uint32_t argument = 0;  // A message; completed writes; a number to propose; a change.
};

struct Outcome {
  StateId state = 0;
  std::vector<MessageId> sent = {};  // Ascending.
  std::string error = {};            // If the peer could not even start again.
  bool is_done = false;              // False: refused, and nothing changed.
};

class PeerStates {
 public:
  explicit PeerStates(const ExplorerOptions& options) : options_(options) {}

  // A first peer of the group, or a newcomer.
  StateId Start(PeerId id, const Configuration& configuration);

  // What the input does to a peer in this state. Valid until the next call.
  const Outcome& Do(StateId state, const Input& input);

  const PeerFacts& facts(StateId state) const { return *facts_[state]; }

  const Message& message(MessageId id) const { return messages_[id]; }

  std::string Describe(StateId state, const Input& input) const;

  size_t states() const { return nodes_.size(); }

  size_t messages() const { return messages_.size(); }

 private:
  StateId Keep(std::unique_ptr<Node> node);
  MessageId Keep(Message message);
  Outcome Compute(StateId state, const Input& input);
  void Settle(Node& node, Effects& effects);

  const ExplorerOptions options_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<std::unique_ptr<PeerFacts>> facts_;
  absl::flat_hash_map<std::string, StateId> ids_;
  std::vector<Message> messages_;
  absl::flat_hash_map<std::string, MessageId> message_ids_;
  absl::flat_hash_map<std::pair<StateId, uint64_t>, std::unique_ptr<Outcome>> outcomes_;
};

}  // namespace nokv::raft::testing
