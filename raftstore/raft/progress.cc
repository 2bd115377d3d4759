#include "raftstore/raft/progress.h"

#include "engine/base/check.h"
#include "engine/base/codec.h"

#include <algorithm>

namespace nokv::raft {

std::string_view ToString(ProgressState state) {
  switch (state) {
    case ProgressState::kProbe:
      return "probe";
    case ProgressState::kReplicate:
      return "replicate";
    case ProgressState::kSnapshot:
      return "snapshot";
  }
  return "unknown";
}

void Progress::BecomeProbe() {
  // After a snapshot the peer has what the snapshot holds; otherwise all we know is `match`.
  next = std::max(match, state == ProgressState::kSnapshot ? pending_snapshot : 0) + 1;
  state = ProgressState::kProbe;
  is_paused = false;
  pending_snapshot = 0;
  inflights.Clear();
}

void Progress::BecomeReplicate() {
  state = ProgressState::kReplicate;
  is_paused = false;
  pending_snapshot = 0;
  next = match + 1;
  inflights.Clear();
}

void Progress::BecomeSnapshot(Index snapshot) {
  state = ProgressState::kSnapshot;
  is_paused = false;
  pending_snapshot = snapshot;
  inflights.Clear();
}

bool Progress::IsPaused(const Inflights::Limits& limits) const {
  switch (state) {
    case ProgressState::kProbe:
      return is_paused;
    case ProgressState::kReplicate:
      return inflights.IsFull(limits);
    case ProgressState::kSnapshot:
      return true;
  }
  return true;
}

bool Progress::Acknowledge(Index index) {
  const bool is_news = index > match;
  match = std::max(match, index);
  next = std::max(next, index + 1);
  if (state == ProgressState::kReplicate) inflights.FreeTo(index);
  NOKV_DCHECK(match < next);
  return is_news;
}

bool Progress::Reject(Index rejected, Index hint) {
  if (state == ProgressState::kReplicate) {
    if (rejected <= match) return false;
    BecomeProbe();
    return true;
  }
  if (state != ProgressState::kProbe || next - 1 != rejected) return false;
  next = std::max(std::min(rejected, hint + 1), match + 1);
  is_paused = false;
  return true;
}

void Progress::AppendStateTo(std::string& out, uint64_t now) const {
  for (const uint64_t value : {id, match, next, sent_commit, pending_snapshot, now - contact_tick,
                               read_round, static_cast<uint64_t>(state)}) {
    PutVarint(out, value);
  }
  out.push_back(static_cast<char>(is_paused | wants_append << 1));
  inflights.AppendStateTo(out);
}

}  // namespace nokv::raft
