#include "raftstore/store/proposals.h"

#include "engine/base/check.h"
#include "raftstore/store/planted.h"

#include <utility>

namespace nokv::store {

void Proposals::Add(Proposal proposal) {
  NOKV_CHECK(waiting_.empty() || waiting_.back().term < proposal.term ||
             (waiting_.back().term == proposal.term && waiting_.back().index < proposal.index));
  waiting_.push_back(std::move(proposal));
}

std::optional<Proposal> Proposals::Resolve(raft::Index index, raft::Term term,
                                           std::vector<Proposal>& lost) {
  while (!waiting_.empty()) {
    Proposal& first = waiting_.front();
    const bool is_it =
        first.index == index && (first.term == term || Planted(Bug::kProposalKnownByIndexOnly));
    if (!is_it && first.term >= term) return std::nullopt;
    Proposal proposal = std::move(first);
    waiting_.pop_front();
    if (is_it) return proposal;
    lost.push_back(std::move(proposal));
  }
  return std::nullopt;
}

}  // namespace nokv::store
