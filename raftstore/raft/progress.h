// One peer as its leader sees it: how far its log is known to agree, and how to send it more.
//
//             rejection, unreachable            acknowledged past the start of our log
//   replicate ───────────────────────► probe ◄──────────────────────────────── snapshot
//       ▲                               │  │                                      ▲
//       └────────── acknowledged ───────┘  └────── what it needs is compacted ────┘
//
// probe      one message at a time, until an acknowledgement shows where the logs agree.
// replicate  a pipeline: `next` runs ahead of `match`, within the inflight limits.
// snapshot   nothing is sent until the snapshot is reported, or turns out not to be needed.
//
// Invariant: match < next. `match` never falls while this leader's term lasts.
//
// Thread-safety: none.
#pragma once

#include "raftstore/raft/entry.h"
#include "raftstore/raft/inflights.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace nokv::raft {

enum class ProgressState : uint8_t { kProbe, kReplicate, kSnapshot };

std::string_view ToString(ProgressState state);

struct Progress {
  explicit Progress(PeerId peer, Index next_index, uint64_t now)
      : id(peer), next(next_index), contact_tick(now) {}

  PeerId id;
  Index match = 0;             // Persisted there, as it has acknowledged.
  Index next;                  // The first entry of the next append.
  Index sent_commit = 0;       // The highest commit index told to it; may have been lost.
  Index pending_snapshot = 0;  // In kSnapshot: the index of the snapshot on its way.
  uint64_t contact_tick;       // When it was last heard.
  uint64_t lease_tick = 0;     // When the newest heartbeat that it answered was sent.
  uint64_t read_round = 0;     // The newest round of reads that it confirmed.
  ProgressState state = ProgressState::kProbe;
  bool is_paused = false;     // In kProbe: a probe is on its way. A heartbeat's answer frees it.
  bool wants_append = false;  // Send an append even without news: its answer tells what was lost.
  Inflights inflights;

  void BecomeProbe();
  void BecomeReplicate();
  void BecomeSnapshot(Index snapshot);

  // True if nothing may be sent now.
  bool IsPaused(const Inflights::Limits& limits) const;

  // An acknowledgement up to and with `index`. True if it told something new.
  bool Acknowledge(Index index);

  // A rejection of the append behind `rejected`; `hint` is the last index at which the logs may
  // agree. False if it is out of date, as by a duplicate or a later acknowledgement.
  bool Reject(Index rejected, Index hint);

  void AppendStateTo(std::string& out, uint64_t now) const;
};

}  // namespace nokv::raft
