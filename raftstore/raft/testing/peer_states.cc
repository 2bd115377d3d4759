#include "raftstore/raft/testing/peer_states.h"

#include "engine/base/check.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace nokv::raft::testing {
namespace {

std::unique_ptr<PeerFacts> FactsOf(const Node& node) {
  const Raft& raft = node.raft();
  auto facts = std::make_unique<PeerFacts>();
  facts->id = raft.id();
  facts->term = raft.term();
  facts->durable_term = node.disk().initial_state().hard_state.term;
  facts->role = raft.role();
  facts->commit = raft.committed();
  facts->applied = raft.applied();
  facts->first = raft.log().first_index();
  facts->configuration = raft.configuration();
  facts->pending_writes = node.pending_writes();
  const absl::StatusOr<std::vector<Entry>> entries = raft.log().Read(facts->first, 1 << 30);
  NOKV_CHECK(entries.ok());
  for (const Entry& entry : *entries) {
    facts->log.push_back({entry.term, std::hash<std::string_view>()(entry.data.view()),
                          entry.kind == EntryKind::kConfigChange});
  }
  facts->durable_first = node.disk().first_index();
  for (const Entry& entry : node.disk().entries()) facts->durable.push_back(entry.term);
  return facts;
}

// All of a message: ToString() leaves the payloads out.
std::string KeyOf(const Message& message) {
  std::string key = ToString(message);
  for (const Entry& entry : message.entries) {
    key.push_back(static_cast<char>(entry.kind));
    key.append(entry.data.view());
    key.push_back('\0');
  }
  return key;
}

}  // namespace

StateId PeerStates::Start(PeerId id, const Configuration& configuration) {
  Options peer;
  peer.id = id;
  peer.seed = id;
  peer.pre_vote = options_.pre_vote;
  peer.check_quorum = false;
  peer.message_bytes_max = options_.message_bytes_max;
  const MemoryDisk disk = configuration.voters.empty() ? MemoryDisk() : MemoryDisk(configuration);
  auto node = std::make_unique<Node>(peer, disk);
  NOKV_CHECK(node->status().ok());
  Effects effects;
  Settle(*node, effects);
  return Keep(std::move(node));
}

void PeerStates::Settle(Node& node, Effects& effects) {
  node.Drain(effects);
  while (!options_.has_slow_disks && node.pending_writes() > 0) node.CompleteWrite(effects);
  node.Flush();
  if (node.disk().TakeSnapshotWanted()) {
    node.Compact(node.disk().first_index() - 1, Payload());
  }
}

StateId PeerStates::Keep(std::unique_ptr<Node> node) {
  std::string text(1, static_cast<char>(node->raft().id()));
  text += node->StateText();
  const auto [at, is_new] = ids_.try_emplace(std::move(text), nodes_.size());
  if (is_new) {
    facts_.push_back(FactsOf(*node));
    nodes_.push_back(std::move(node));
  }
  return at->second;
}

MessageId PeerStates::Keep(Message message) {
  message.sent_tick = 0;  // There is no time.
  const auto [at, is_new] = message_ids_.try_emplace(KeyOf(message), messages_.size());
  if (is_new) messages_.push_back(std::move(message));
  return at->second;
}

const Outcome& PeerStates::Do(StateId state, const Input& input) {
  const uint64_t code = static_cast<uint64_t>(input.kind) << 32 | input.argument;
  std::unique_ptr<Outcome>& outcome = outcomes_[{state, code}];
  if (outcome == nullptr) {
    auto computed = std::make_unique<Outcome>(Compute(state, input));
    outcomes_[{state, code}] = std::move(computed);
    return *outcomes_[{state, code}];
  }
  return *outcome;
}

Outcome PeerStates::Compute(StateId state, const Input& input) {
  std::unique_ptr<Node> node;
  Effects effects;
  bool is_done = true;
  if (input.kind == Input::Kind::kCrash) {
    node = std::make_unique<Node>(nodes_[state]->options(),
                                  nodes_[state]->DiskAfterCrash(input.argument));
    if (!node->status().ok()) {
      return {
          .state = state, .error = std::string(StdView(node->status().message())), .is_done = true};
    }
  } else {
    node = std::make_unique<Node>(*nodes_[state]);
  }
  Raft& raft = node->raft();
  switch (input.kind) {
    case Input::Kind::kCrash:
      break;
    case Input::Kind::kDeliver:
      // Also what is refused may be answered.
      static_cast<void>(raft.Step(messages_[input.argument]));
      break;
    case Input::Kind::kCompleteWrite:
      node->CompleteWrite(effects);
      break;
    case Input::Kind::kCampaign:
      is_done = raft.Campaign().ok();
      break;
    case Input::Kind::kPropose:
      is_done = raft.Propose({Payload(std::to_string(input.argument))}, raft.term()).ok();
      break;
    case Input::Kind::kChange:
      is_done = raft.ProposeConfigChange(options_.changes[input.argument], raft.term()).ok();
      break;
  }
  if (!is_done) return {.state = state};
  Settle(*node, effects);
  Outcome outcome{.is_done = true};
  for (Message& message : effects.messages) outcome.sent.push_back(Keep(std::move(message)));
  std::sort(outcome.sent.begin(), outcome.sent.end());
  outcome.sent.erase(std::unique(outcome.sent.begin(), outcome.sent.end()), outcome.sent.end());
  outcome.state = Keep(std::move(node));
  return outcome;
}

std::string PeerStates::Describe(StateId state, const Input& input) const {
  const PeerId peer = facts(state).id;
  switch (input.kind) {
    case Input::Kind::kDeliver:
      return "deliver " + ToString(messages_[input.argument]);
    case Input::Kind::kCompleteWrite:
      return fmt::format("a write of {} completes", peer);
    case Input::Kind::kCrash:
      return fmt::format("{} crashes with {} of {} writes done", peer, input.argument,
                         facts(state).pending_writes);
    case Input::Kind::kCampaign:
      return fmt::format("{} campaigns", peer);
    case Input::Kind::kPropose:
      return fmt::format("{} proposes {}", peer, input.argument);
    case Input::Kind::kChange:
      return fmt::format("{} proposes change {}", peer, input.argument);
  }
  return "";
}

}  // namespace nokv::raft::testing
