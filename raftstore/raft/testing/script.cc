#include "raftstore/raft/testing/script.h"

#include "engine/base/check.h"
#include "raftstore/raft/testing/script_group.h"

#include <fmt/format.h>

#include <charconv>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace nokv::raft::testing {
namespace {

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const size_t end = std::min(text.find(separator), text.size());
    if (end > 0) parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

uint64_t Number(std::string_view text) {
  uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::vector<PeerId> Peers(std::string_view text) {
  std::vector<PeerId> peers;
  for (const std::string_view part : Split(text, ',')) peers.push_back(Number(part));
  return peers;
}

// A command line: words, and among them "name=value".
struct Command {
  explicit Command(std::string_view line) {
    std::vector<std::string_view> all = Split(line, ' ');
    name = all.front();
    for (size_t i = 1; i < all.size(); ++i) {
      const size_t equals = all[i].find('=');
      if (equals == std::string_view::npos) {
        words.push_back(all[i]);
      } else {
        values[all[i].substr(0, equals)] = all[i].substr(equals + 1);
      }
    }
  }

  PeerId peer(size_t at) const { return at < words.size() ? Number(words[at]) : kNobody; }

  std::string_view value(std::string_view key) const {
    const auto at = values.find(key);
    return at == values.end() ? std::string_view() : at->second;
  }

  bool Has(std::string_view word) const {
    return std::find(words.begin(), words.end(), word) != words.end();
  }

  std::string_view name;
  std::vector<std::string_view> words;
  std::map<std::string_view, std::string_view> values;
};

GroupOptions GroupOptionsOf(const Command& command) {
  GroupOptions group;
  group.voters = Peers(command.value("voters"));
  group.learners = Peers(command.value("learners"));
  group.newcomers = Peers(command.value("newcomers"));
  group.has_slow_disks = command.value("slow-disks") == "on";
  Options& peer = group.peer;
  peer.pre_vote = command.value("pre-vote") != "off";
  peer.check_quorum = command.value("check-quorum") != "off";
  peer.lease_reads = command.value("lease") == "on";
  const auto set = [&command](std::string_view key, auto& option) {
    if (!command.value(key).empty()) option = Number(command.value(key));
  };
  set("uncommitted", peer.uncommitted_bytes_max);
  set("inflight", peer.inflight.messages);
  set("message-bytes", peer.message_bytes_max);
  set("applying", peer.applying_bytes_max);
  return group;
}

ConfigChange ChangeOf(const Command& command) {
  ConfigChange change;
  if (command.Has("joint")) change.transition = ConfigChange::Transition::kJoint;
  if (command.Has("explicit")) change.transition = ConfigChange::Transition::kJointExplicit;
  if (command.Has("leave")) change.transition = ConfigChange::Transition::kLeave;
  const auto add = [&](std::string_view key, ConfigChange::Op op) {
    for (const PeerId peer : Peers(command.value(key))) change.steps.push_back({op, peer});
  };
  add("add", ConfigChange::Op::kAddVoter);
  add("learner", ConfigChange::Op::kAddLearner);
  add("remove", ConfigChange::Op::kRemove);
  return change;
}

// "append 1>2": either part may be missing.
MessageFilter FilterOf(const Command& command) {
  MessageFilter filter;
  for (const std::string_view word : command.words) {
    const size_t arrow = word.find('>');
    if (arrow == std::string_view::npos) {
      filter.type = word;
    } else {
      filter.from = Number(word.substr(0, arrow));
      filter.to = Number(word.substr(arrow + 1));
    }
  }
  return filter;
}

class Runner {
 public:
  std::string Run(std::string_view line) {
    const Command command(line);
    if (command.name == "cluster") {
      group_.emplace(GroupOptionsOf(command));
      return group_->TakeOutput();
    }
    if (!group_.has_value()) return "no cluster yet\n";
    const auto at = kCommands.find(command.name);
    if (at == kCommands.end()) return fmt::format("unknown command {}\n", command.name);
    at->second(*group_, command);
    return group_->TakeOutput();
  }

 private:
  using Action = std::function<void(ScriptGroup&, const Command&)>;
  static const std::map<std::string_view, Action> kCommands;

  std::optional<ScriptGroup> group_;
};

const std::map<std::string_view, Runner::Action> Runner::kCommands = {
    {"campaign",
     [](ScriptGroup& g, const Command& c) {
       g.Do(c.peer(0), [](Raft& raft) { return raft.Campaign(); });
     }},
    {"elect",
     [](ScriptGroup& g, const Command& c) {
       g.Do(c.peer(0), [](Raft& raft) { return raft.Campaign(); });
       g.Settle(false);
     }},
    {"tick",
     [](ScriptGroup& g, const Command& c) {
       const uint64_t ticks = Number(c.words.back());
       for (const PeerId peer : g.Select(c.Has("all") ? kNobody : c.peer(0))) {
         g.Do(peer, [ticks](Raft& raft) {
           raft.Tick(ticks);
           return absl::OkStatus();
         });
       }
     }},
    {"propose",
     [](ScriptGroup& g, const Command& c) {
       std::vector<Payload> entries;
       for (size_t i = 1; i < c.words.size(); ++i) entries.push_back(Payload(c.words[i]));
       const Term term = Number(c.value("term"));
       g.Do(c.peer(0), [&](Raft& raft) {
         return raft.Propose(std::move(entries), term == 0 ? raft.term() : term).status();
       });
     }},
    {"change",
     [](ScriptGroup& g, const Command& c) {
       g.Do(c.peer(0), [&](Raft& raft) {
         return raft.ProposeConfigChange(ChangeOf(c), raft.term()).status();
       });
     }},
    {"transfer",
     [](ScriptGroup& g, const Command& c) {
       g.Do(c.peer(0), [&](Raft& raft) { return raft.TransferLeadership(c.peer(1)); });
     }},
    {"read",
     [](ScriptGroup& g, const Command& c) {
       g.Do(c.peer(0), [&](Raft& raft) { return raft.ReadIndex(c.peer(1)); });
     }},
    {"unreachable",
     [](ScriptGroup& g, const Command& c) {
       g.Do(c.peer(0), [&](Raft& raft) {
         raft.ReportUnreachable(c.peer(1));
         return absl::OkStatus();
       });
     }},
    {"snapshot",
     [](ScriptGroup& g, const Command& c) {
       g.Do(c.peer(0), [&](Raft& raft) {
         raft.ReportSnapshot(
             c.peer(1), c.Has("failed") ? SnapshotOutcome::kFailed : SnapshotOutcome::kDelivered);
         return absl::OkStatus();
       });
     }},
    {"deliver", [](ScriptGroup& g, const Command& c) { g.Deliver(FilterOf(c), false); }},
    {"repeat", [](ScriptGroup& g, const Command& c) { g.Deliver(FilterOf(c), true); }},
    {"drop", [](ScriptGroup& g, const Command& c) { g.Drop(FilterOf(c)); }},
    {"settle", [](ScriptGroup& g, const Command& c) { g.Settle(c.Has("trace")); }},
    {"sync", [](ScriptGroup& g, const Command& c) { g.Sync(c.peer(0)); }},
    {"crash", [](ScriptGroup& g, const Command& c) { g.Crash(c.peer(0), c.peer(1)); }},
    {"restart", [](ScriptGroup& g, const Command& c) { g.Restart(c.peer(0)); }},
    {"heal", [](ScriptGroup& g, const Command&) { g.Heal(); }},
    {"cut",
     [](ScriptGroup& g, const Command& c) {
       for (const std::string_view word : c.words) {
         const size_t arrow = word.find('>');
         g.Cut(Number(word.substr(0, arrow)), Number(word.substr(arrow + 1)));
       }
     }},
    {"compact", [](ScriptGroup& g, const Command& c) { g.Compact(c.peer(0), c.peer(1)); }},
    {"state",
     [](ScriptGroup& g, const Command& c) {
       for (const PeerId peer : g.Select(kNobody)) {
         if (c.words.empty() || c.Has(std::to_string(peer))) g.PrintState(peer);
       }
     }},
    {"progress", [](ScriptGroup& g, const Command& c) { g.PrintProgress(c.peer(0)); }},
};

}  // namespace

std::string RunScript(std::string_view text) {
  Runner runner;
  std::string out;
  std::string produced;
  bool is_expected = false;  // Within what a block brought about.
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (is_expected) {
      if (!line.empty()) continue;  // What was expected before.
      is_expected = false;
    }
    if (line == "----") {
      out += "----\n" + (produced.empty() ? "nothing\n" : produced);
      produced.clear();
      is_expected = true;
      continue;
    }
    out.append(line);
    out.push_back('\n');
    if (!line.empty() && line.front() != '#') produced += runner.Run(line);
  }
  return out;
}

}  // namespace nokv::raft::testing
