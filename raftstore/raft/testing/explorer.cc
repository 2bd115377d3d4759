#include "raftstore/raft/testing/explorer.h"

#include "engine/base/check.h"
#include "engine/base/random.h"
#include "raftstore/raft/testing/peer_states.h"

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <absl/container/inlined_vector.h>
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace nokv::raft::testing {
namespace {

constexpr size_t kPeersMax = 4;
constexpr size_t kTermsMax = 12;

// What a random path does next, of 24.
constexpr uint64_t kDelivers = 11;
constexpr uint64_t kCompletes = 6;
constexpr uint64_t kProposes = 2;
constexpr uint64_t kCampaigns = 2;
constexpr uint64_t kChanges = 1;
constexpr uint64_t kCrashes = 2;

Input::Kind DrawKind(Random& random) {
  uint64_t at =
      random.Uniform(kDelivers + kCompletes + kProposes + kCampaigns + kChanges + kCrashes);
  for (const auto& [kind, weight] : {std::pair(Input::Kind::kDeliver, kDelivers),
                                     {Input::Kind::kCompleteWrite, kCompletes},
                                     {Input::Kind::kPropose, kProposes},
                                     {Input::Kind::kCampaign, kCampaigns},
                                     {Input::Kind::kChange, kChanges}}) {
    if (at < weight) return kind;
    at -= weight;
  }
  return Input::Kind::kCrash;
}

// An entry that some peer knew to be committed, and the lowest term in which one did.
struct CommittedEntry {
  LogEntry entry;
  Term in_term = 0;
};

struct GroupState {
  std::array<StateId, kPeersMax> peers = {};
  std::array<uint8_t, kTermsMax> leaders = {};  // By term; 0: none so far.
  uint8_t elections = 0;
  uint8_t proposals = 0;
  uint8_t changes = 0;
  uint8_t crashes = 0;
  std::vector<CommittedEntry> committed;  // By index.
  std::vector<MessageId> messages;        // Ascending.
  // How it was reached.
  uint32_t parent = 0;
  uint8_t peer = 0;
  Input input;
};

uint64_t Mix(uint64_t digest, uint64_t value) {
  digest = (digest ^ value) * 0x9e3779b97f4a7c15ull;
  return digest ^ (digest >> 32);
}

class Explorer {
 public:
  explicit Explorer(const ExplorerOptions& options)
      : options_(options), peers_(options), random_(options.seed) {}

  ExplorerResult Run() {
    Visit(Initial());
    if (options_.seed == 0) {
      BreadthFirst();
    } else {
      RandomPaths();
    }
    result_.states = seen_.size();
    result_.peer_states = peers_.states();
    result_.messages = peers_.messages();
    return result_;
  }

 private:
  GroupState Initial() {
    GroupState state;
    const Configuration group = MakeConfiguration(options_.voters);
    for (const PeerId id : options_.voters) state.peers[peer_count_++] = peers_.Start(id, group);
    if (options_.newcomer != kNobody) {
      state.peers[peer_count_++] = peers_.Start(options_.newcomer, {});
    }
    NOKV_CHECK(peer_count_ <= kPeersMax);
    state.committed.resize(kBootstrapIndex + 1);
    return state;
  }

  void BreadthFirst() {
    // States that were expanded are kept to tell the path; their messages are not.
    for (size_t at = 0; at < states_.size(); ++at) {
      if (states_.size() >= options_.states_max) return;
      GroupState state = std::move(states_[at]);
      for (const auto& [peer, input] : InputsOf(state)) {
        GroupState next;
        if (!Step(state, static_cast<uint32_t>(at), peer, input, next)) continue;
        if (!result_.violation.empty()) return Explain(next);
        Visit(std::move(next));
      }
      std::vector<MessageId>().swap(state.messages);
      std::vector<CommittedEntry>().swap(state.committed);
      states_[at] = std::move(state);
    }
    result_.is_complete = true;
  }

  void RandomPaths() {
    const GroupState start = states_[0];
    while (seen_.size() < options_.states_max && ++result_.paths <= options_.states_max) {
      states_.assign(1, start);
      for (uint32_t length = 0; length < options_.path_length_max; ++length) {
        GroupState next;
        if (!RandomStep(next)) break;
        if (!result_.violation.empty()) return Explain(next);
        seen_.insert(DigestOf(next));
        states_.push_back(std::move(next));
      }
    }
  }

  // A step that changes something: first of what kind, and then which. So the many messages do not
  // crowd out the rest, and an old one is as likely as a new one.
  bool RandomStep(GroupState& next) {
    const GroupState& state = states_.back();
    const Inputs inputs = InputsOf(state);
    const auto from = static_cast<uint32_t>(states_.size() - 1);
    for (int attempt = 0; attempt < 64 && !inputs.empty(); ++attempt) {
      const Input::Kind wanted = DrawKind(random_);
      const auto& [peer, input] = inputs[random_.Uniform(inputs.size())];
      if (input.kind != wanted) continue;
      if (Step(state, from, peer, input, next)) return true;
    }
    return false;
  }

  void Visit(GroupState state) {
    if (seen_.insert(DigestOf(state)).second) states_.push_back(std::move(state));
  }

  std::pair<uint64_t, uint64_t> DigestOf(const GroupState& state) const {
    uint64_t a = 1;
    uint64_t b = 2;
    const auto add = [&](uint64_t value) {
      a = Mix(a, value);
      b = Mix(b, value + 0x1234567);
    };
    for (const StateId peer : state.peers) add(peer);
    for (const uint8_t leader : state.leaders) add(leader);
    add(state.elections | state.proposals << 8 | state.changes << 16 | state.crashes << 24);
    for (const CommittedEntry& committed : state.committed) {
      add(committed.entry.term);
      add(committed.entry.digest);
      add(committed.in_term);
    }
    for (const MessageId message : state.messages) add(message);
    return {a, b};
  }

  using Inputs = std::vector<std::pair<uint8_t, Input>>;

  Inputs InputsOf(const GroupState& state) const {
    Inputs inputs;
    const auto add = [&inputs](size_t peer, Input::Kind kind, size_t argument) {
      inputs.emplace_back(static_cast<uint8_t>(peer), Input{kind, static_cast<uint32_t>(argument)});
    };
    for (const MessageId id : state.messages) {
      for (size_t peer = 0; peer < peer_count_; ++peer) {
        if (peers_.facts(state.peers[peer]).id == peers_.message(id).to) {
          add(peer, Input::Kind::kDeliver, id);
        }
      }
    }
    for (size_t peer = 0; peer < peer_count_; ++peer) {
      const PeerFacts& facts = peers_.facts(state.peers[peer]);
      if (facts.pending_writes > 0) add(peer, Input::Kind::kCompleteWrite, 0);
      if (state.crashes < options_.crashes_max) {
        for (size_t done = 0; done <= facts.pending_writes; ++done) {
          add(peer, Input::Kind::kCrash, done);
        }
      }
      if (facts.role == Role::kLeader) {
        if (state.proposals < options_.proposals_max) {
          add(peer, Input::Kind::kPropose, state.proposals);
        }
        if (state.changes < options_.changes.size()) {
          add(peer, Input::Kind::kChange, state.changes);
        }
      } else if (state.elections < options_.elections_max) {
        add(peer, Input::Kind::kCampaign, 0);
      }
    }
    return inputs;
  }

  // The state after the input. False if it was refused or is the same.
  bool Step(const GroupState& state, uint32_t parent, uint8_t peer, const Input& input,
            GroupState& next) {
    const Outcome& outcome = peers_.Do(state.peers[peer], input);
    ++result_.transitions;
    if (!outcome.is_done) return false;
    const bool is_spent = input.kind != Input::Kind::kDeliver;
    if (!is_spent && outcome.state == state.peers[peer] &&
        std::includes(state.messages.begin(), state.messages.end(), outcome.sent.begin(),
                      outcome.sent.end())) {
      return false;
    }
    next = state;
    next.parent = parent;
    next.peer = peer;
    next.input = input;
    next.peers[peer] = outcome.state;
    next.elections += input.kind == Input::Kind::kCampaign;
    next.proposals += input.kind == Input::Kind::kPropose;
    next.changes += input.kind == Input::Kind::kChange;
    next.crashes += input.kind == Input::Kind::kCrash;
    if (!outcome.error.empty()) Violate("a peer cannot start: " + outcome.error);
    AddMessages(state, outcome.sent, next);
    Check(state, peer, next);
    return true;
  }

  // The messages of a state: what was sent and can still matter. What is older than the term that
  // its receiver has on disk will be refused for ever.
  void AddMessages(const GroupState& state, const std::vector<MessageId>& sent, GroupState& next) {
    for (const MessageId id : sent) {
      const Message& message = peers_.message(id);
      if (message.type != MessageType::kVoteReply || message.reject) continue;
      for (const MessageId other : state.messages) {
        const Message& earlier = peers_.message(other);
        if (earlier.type == MessageType::kVoteReply && !earlier.reject &&
            earlier.from == message.from && earlier.term == message.term &&
            earlier.to != message.to) {
          Violate(fmt::format("one vote: {} granted {} and {} in term {}", message.from, earlier.to,
                              message.to, message.term));
        }
      }
    }
    std::vector<MessageId> all;
    std::set_union(state.messages.begin(), state.messages.end(), sent.begin(), sent.end(),
                   std::back_inserter(all));
    next.messages.clear();
    for (const MessageId id : all) {
      const Message& message = peers_.message(id);
      const bool is_there = std::any_of(
          next.peers.begin(), next.peers.begin() + static_cast<std::ptrdiff_t>(peer_count_),
          [&](StateId peer) {
            const PeerFacts& facts = peers_.facts(peer);
            return facts.id == message.to && facts.durable_term <= message.term;
          });
      if (is_there) next.messages.push_back(id);
    }
  }

  void Violate(std::string text) {
    if (result_.violation.empty()) result_.violation = std::move(text);
  }

  void Check(const GroupState& before, uint8_t peer, GroupState& after) {
    const PeerFacts& old = peers_.facts(before.peers[peer]);
    const PeerFacts& now = peers_.facts(after.peers[peer]);
    if (now.role == Role::kLeader && (old.role != Role::kLeader || old.term != now.term)) {
      CheckNewLeader(now, after);
    }
    if (now.role == Role::kLeader) CheckChanges(old, now);
    if (now.commit > old.commit || now.first != old.first) CheckCommit(old, now, after);
    if (now.log != old.log) {
      for (size_t other = 0; other < peer_count_; ++other) {
        if (other != peer) CheckMatching(now, peers_.facts(after.peers[other]));
      }
    }
  }

  void CheckNewLeader(const PeerFacts& leader, GroupState& after) {
    NOKV_CHECK(leader.term < kTermsMax);
    uint8_t& known = after.leaders[leader.term];
    if (known != 0 && known != leader.id) {
      Violate(
          fmt::format("election safety: {} and {} lead in term {}", known, leader.id, leader.term));
    }
    known = static_cast<uint8_t>(leader.id);
    for (Index index = kBootstrapIndex + 1; index < after.committed.size(); ++index) {
      const CommittedEntry& committed = after.committed[index];
      if (committed.in_term >= leader.term || index < leader.first) continue;
      const size_t at = index - leader.first;
      if (at >= leader.log.size() || leader.log[at] != committed.entry) {
        Violate(fmt::format("leader completeness: {} leads in term {} without entry {} of term {}",
                            leader.id, leader.term, index, committed.entry.term));
      }
    }
  }

  void CheckChanges(const PeerFacts& old, const PeerFacts& now) {
    if (now.log.size() <= old.log.size() || !now.log.back().is_config_change ||
        now.log.back().term != now.term) {
      return;
    }
    for (Index index = now.applied + 1; index < now.first + now.log.size() - 1; ++index) {
      if (now.log[index - now.first].is_config_change) {
        Violate(fmt::format("one change at a time: {} proposed one with {} not applied", now.id,
                            index));
      }
    }
  }

  void CheckCommit(const PeerFacts& old, const PeerFacts& now, GroupState& after) {
    for (Index index = std::max(now.first, kBootstrapIndex + 1); index <= now.commit; ++index) {
      const LogEntry& entry = now.log[index - now.first];
      if (after.committed.size() <= index) {
        after.committed.push_back({entry, now.term});
        // With a change applied in the same step, either configuration may have been asked.
        if (!IsDurable(index, entry.term, old.configuration, after) &&
            !IsDurable(index, entry.term, now.configuration, after)) {
          Violate(fmt::format("durability: {} committed {} of term {} without a quorum of disks",
                              now.id, index, entry.term));
        }
      }
      CommittedEntry& committed = after.committed[index];
      if (committed.entry != entry) {
        Violate(fmt::format("state machine safety: {} committed {} of term {}, others of term {}",
                            now.id, index, entry.term, committed.entry.term));
      }
      committed.in_term = std::min(committed.in_term, now.term);
    }
  }

  bool IsDurable(Index index, Term term, const Configuration& group, const GroupState& state) {
    return IsOnMajority(index, term, group.voters, state) &&
           IsOnMajority(index, term, group.voters_outgoing, state);
  }

  bool IsOnMajority(Index index, Term term, const std::vector<PeerId>& voters,
                    const GroupState& state) {
    size_t copies = 0;
    for (size_t peer = 0; peer < peer_count_; ++peer) {
      const PeerFacts& facts = peers_.facts(state.peers[peer]);
      const size_t at = index - facts.durable_first;
      copies +=
          std::binary_search(voters.begin(), voters.end(), facts.id) &&
          (index < facts.durable_first || (at < facts.durable.size() && facts.durable[at] == term));
    }
    return voters.empty() || copies > voters.size() / 2;
  }

  void CheckMatching(const PeerFacts& a, const PeerFacts& b) {
    const Index first = std::max(a.first, b.first);
    const Index last = std::min(a.first + a.log.size(), b.first + b.log.size()) - 1;
    bool must_match = false;
    for (Index index = last; index >= first; --index) {
      const LogEntry& x = a.log[index - a.first];
      const LogEntry& y = b.log[index - b.first];
      must_match = must_match || x.term == y.term;
      if (must_match && x != y) {
        Violate(fmt::format("log matching: {} and {} differ at {}", a.id, b.id, index));
      }
    }
  }

  void Explain(const GroupState& last) {
    std::vector<const GroupState*> path = {&last};
    while (path.back()->parent != 0) path.push_back(&states_[path.back()->parent]);
    for (auto state = path.rbegin(); state != path.rend(); ++state) {
      const StateId before = states_[(*state)->parent].peers[(*state)->peer];
      result_.path.push_back(peers_.Describe(before, (*state)->input));
    }
  }

  const ExplorerOptions options_;
  PeerStates peers_;
  Random random_;
  size_t peer_count_ = 0;
  std::vector<GroupState> states_;
  absl::flat_hash_set<std::pair<uint64_t, uint64_t>> seen_;
  ExplorerResult result_;
};

}  // namespace

ExplorerResult Explore(const ExplorerOptions& options) { return Explorer(options).Run(); }

std::string ToString(const ExplorerResult& r) {
  return fmt::format("{} states of the group, {} of peers, {} messages, {} transitions, {}",
                     r.states, r.peer_states, r.messages, r.transitions,
                     r.is_complete ? "complete" : "bounded");
}

}  // namespace nokv::raft::testing
