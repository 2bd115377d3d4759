#include "raftstore/raft/read_index.h"

#include "engine/base/check.h"
#include "engine/base/codec.h"

namespace nokv::raft {
namespace {

// Few reads are kept room for, a burst is not.
void Free(std::vector<uint64_t>& contexts) {
  constexpr size_t kKept = 8;
  contexts.clear();
  if (contexts.capacity() > kKept) std::vector<uint64_t>().swap(contexts);
}

}  // namespace

void ReadQueue::StartRound(Index commit) {
  NOKV_CHECK(has_waiting() && !has_round());
  asked_.swap(waiting_);
  ++round_;
  index_ = commit;
}

void ReadQueue::Confirm(uint64_t round, std::vector<ReadState>& out) {
  if (!has_round() || round < round_) return;
  for (const uint64_t context : asked_) out.push_back({context, index_});
  Free(asked_);
}

void ReadQueue::Drop(std::vector<uint64_t>& out) {
  out.insert(out.end(), asked_.begin(), asked_.end());
  out.insert(out.end(), waiting_.begin(), waiting_.end());
  Free(asked_);
  Free(waiting_);
}

void ReadQueue::AppendStateTo(std::string& out) const {
  for (const auto* contexts : {&waiting_, &asked_}) {
    PutVarint(out, contexts->size());
    for (const uint64_t context : *contexts) PutVarint(out, context);
  }
  PutVarint(out, round_);
  PutVarint(out, index_);
}

}  // namespace nokv::raft
