#include "raftstore/raft/testing/invariants.h"

#include <algorithm>
#include <functional>

namespace nokv::raft::testing {
namespace {

uint64_t Digest(const Entry& entry) {
  return std::hash<std::string_view>()(entry.data.view()) * 2 + static_cast<uint64_t>(entry.kind);
}

}  // namespace

void Invariants::Violate(std::string text) {
  if (violation_.empty()) violation_ = std::move(text);
}

void Invariants::AfterStep(const Node& node, const Effects& effects) {
  Seen& seen = seen_[node.raft().id()];
  for (const Message& message : effects.messages) {
    if (message.type != MessageType::kVoteReply || message.reject) continue;
    const auto [vote, is_new] = votes_.try_emplace({message.from, message.term}, message.to);
    if (!is_new && vote->second != message.to) {
      Violate(fmt::format("one vote: {} granted {} and {} in term {}", message.from, vote->second,
                          message.to, message.term));
    }
  }
  CheckApplied(node, effects, seen);
  CheckRole(node, seen);
  CheckLog(node, seen);
  CheckCommit(node, effects, seen);
  seen.term = node.raft().term();
  seen.role = node.raft().role();
  seen.commit = node.raft().committed();
}

void Invariants::AfterRestart(const Node& node) {
  Seen fresh;
  fresh.applied = node.raft().applied();
  fresh.commit = node.raft().committed();
  seen_[node.raft().id()] = fresh;
  AfterStep(node, Effects());
}

void Invariants::CheckRole(const Node& node, const Seen& seen) {
  const Raft& raft = node.raft();
  if (raft.term() < seen.term) {
    Violate(fmt::format("monotony: the term of {} fell from {} to {}", raft.id(), seen.term,
                        raft.term()));
  }
  if (!raft.is_leader() || (seen.role == Role::kLeader && seen.term == raft.term())) return;
  const auto [leader, is_new] = leaders_.try_emplace(raft.term(), raft.id());
  if (!is_new && leader->second != raft.id()) {
    Violate(fmt::format("election safety: {} and {} lead in term {}", leader->second, raft.id(),
                        raft.term()));
  }
  Index index = committed();
  while (index > kBootstrapIndex &&
         (committed_[index].term == 0 || committed_[index].in_term >= raft.term())) {
    --index;
  }
  if (index <= kBootstrapIndex || index < raft.log().first_index()) return;
  if (raft.log().TermAt(index) != committed_[index].term) {
    Violate(fmt::format("leader completeness: {} leads in term {} without entry {} of term {}",
                        raft.id(), raft.term(), index, committed_[index].term));
  }
}

// Compares the log with how it was, from the end back to where both are the same.
void Invariants::CheckLog(const Node& node, Seen& seen) {
  const Raft& raft = node.raft();
  const Index first = raft.log().first_index();
  const Index last = raft.log().last_index();
  const Index seen_last = seen.first + seen.terms.size() - 1;
  if (seen.terms.empty() || first > seen_last + 1 || first < seen.first) {
    seen.first = first;
    seen.terms.clear();
  }
  Index same = std::min(last, seen.first + seen.terms.size() - 1);
  while (same >= std::max(first, seen.first) &&
         raft.log().TermAt(same) != seen.terms[same - seen.first]) {
    --same;
  }
  const bool led = seen.role == Role::kLeader && seen.term == raft.term();
  if (led && !seen.terms.empty() && same < seen_last) {
    Violate(fmt::format("leader append-only: {} leads in term {} and changed entry {}", raft.id(),
                        raft.term(), same + 1));
  }
  if (same == last && same == seen_last) return;
  seen.terms.resize(same + 1 - seen.first);
  while (!seen.config_changes.empty() && seen.config_changes.back() > same) {
    seen.config_changes.pop_back();
  }
  Term previous = raft.log().TermAt(same).value_or(0);
  for (Index next = std::max(same + 1, first); next <= last;) {
    const absl::StatusOr<std::vector<Entry>> entries = raft.log().Read(next, 1 << 20);
    if (!entries.ok()) return Violate(std::string(StdView(entries.status().message())));
    for (const Entry& entry : *entries) {
      CheckEntry(node, entry, previous, seen);
      previous = entry.term;
      seen.terms.push_back(entry.term);
    }
    next = entries->back().index + 1;
  }
}

void Invariants::CheckEntry(const Node& node, const Entry& entry, Term previous_term, Seen& seen) {
  const Raft& raft = node.raft();
  if (known_.size() <= entry.index) known_.resize(entry.index + 1);
  auto& known = known_[entry.index];
  const auto same_term = std::find_if(known.begin(), known.end(),
                                      [&](const Known& k) { return k.term == entry.term; });
  if (same_term == known.end()) {
    known.push_back({entry.term, previous_term, Digest(entry)});
  } else if (same_term->digest != Digest(entry) || same_term->previous_term != previous_term) {
    Violate(fmt::format("log matching: {} has another entry {} of term {}", raft.id(), entry.index,
                        entry.term));
  }
  if (entry.kind != EntryKind::kConfigChange) return;
  const bool is_proposer = raft.is_leader() && entry.term == raft.term();
  if (is_proposer && !seen.config_changes.empty() && seen.config_changes.back() > raft.applied()) {
    Violate(fmt::format("one change at a time: {} proposed {} with {} not applied at {}", raft.id(),
                        entry.index, seen.config_changes.back(), raft.applied()));
  }
  seen.config_changes.push_back(entry.index);
}

void Invariants::CheckCommit(const Node& node, const Effects& effects, const Seen& seen) {
  const Raft& raft = node.raft();
  const Index commit = raft.committed();
  if (commit < seen.commit) {
    Violate(fmt::format("monotony: the commit of {} fell from {} to {}", raft.id(), seen.commit,
                        commit));
  }
  if (commit == seen.commit) return;
  if (commit >= committed_.size()) {
    // The first to know it is its leader.
    const Term term = raft.log().TermAt(commit).value_or(0);
    const Configuration& group = raft.configuration();
    const bool has_changed =
        std::any_of(effects.applied.begin(), effects.applied.end(),
                    [](const Entry& entry) { return entry.kind == EntryKind::kConfigChange; });
    if (!has_changed && (!IsDurable(commit, term, group.voters) ||
                         !IsDurable(commit, term, group.voters_outgoing))) {
      Violate(fmt::format("durability: {} committed {} of term {} without a quorum of disks",
                          raft.id(), commit, term));
    }
  }
  // Entries behind the start of a log are known from whoever had them.
  for (Index index = std::max(seen.commit + 1, raft.log().first_index()); index <= commit;
       ++index) {
    if (committed_.size() <= index) committed_.resize(index + 1);
    Committed& entry = committed_[index];
    const Term term = raft.log().TermAt(index).value_or(0);
    if (entry.term == 0) {
      const auto& known = known_[index];
      const auto it = std::find_if(known.begin(), known.end(),
                                   [term](const Known& k) { return k.term == term; });
      if (it != known.end()) entry = {term, it->digest, raft.term()};
    } else if (entry.term != term) {
      Violate(fmt::format("state machine safety: {} committed {} of term {}, others of term {}",
                          raft.id(), index, term, entry.term));
    }
    entry.in_term = std::min(entry.in_term, raft.term());
  }
}

bool Invariants::IsDurable(Index index, Term term, const std::vector<PeerId>& voters) const {
  size_t copies = 0;
  for (const PeerId voter : voters) {
    const MemoryDisk* const disk = disk_of_(voter);
    if (disk == nullptr) continue;
    copies += index < disk->first_index() || disk->TermAt(index) == term;
  }
  return voters.empty() || copies > voters.size() / 2;
}

void Invariants::CheckApplied(const Node& node, const Effects& effects, Seen& seen) {
  const PeerId id = node.raft().id();
  size_t installed = 0;
  for (size_t i = 0; i <= effects.applied.size(); ++i) {
    for (; installed < effects.installed.size() && effects.installed[installed].position == i;
         ++installed) {
      seen.applied = effects.installed[installed].snapshot->index;
    }
    if (i == effects.applied.size()) break;
    const Entry& entry = effects.applied[i];
    if (entry.index != ++seen.applied) {
      Violate(fmt::format("state machine safety: {} applied {} where {} is next", id, entry.index,
                          seen.applied));
    }
    if (entry.index < committed_.size() && committed_[entry.index].term != 0 &&
        (committed_[entry.index].term != entry.term ||
         committed_[entry.index].digest != Digest(entry))) {
      Violate(fmt::format("state machine safety: {} applied {} of term {}, others of term {}", id,
                          entry.index, entry.term, committed_[entry.index].term));
    }
  }
}

}  // namespace nokv::raft::testing
