// One region on this store: its Raft peer, and the commands that wait for it.
//
//   Submit ─► reads:  arrived ─► confirming (read-index) ─► confirmed ─► [blocked by latches] ─►
//   answer
//          └► writes: latches ─► evaluated ─► timestamp ─► proposed ─► applied ─► answer
//                          └─ writes nothing ─► joins the reads with its answer
//
// Invariants: a write is refused only if it is certain that it will never be applied; what it holds
// is released when it is applied or lost, or all at once with leadership; a leader that may
// evaluate has no unresolved proposals of earlier terms.
//
// Thread-safety: the loop only.
#pragma once

#include "pd/client/driver_clock.h"
#include "percolator/mvcc/one_phase.h"
#include "raftstore/command/command.h"
#include "raftstore/log_store/region_log.h"
#include "raftstore/raft/raft.h"
#include "raftstore/region/region_meta.h"
#include "raftstore/store/alarms.h"
#include "raftstore/store/answers.h"
#include "raftstore/store/budget.h"
#include "raftstore/store/engine_snapshot.h"
#include "raftstore/store/ident.h"
#include "raftstore/store/latches.h"
#include "raftstore/store/pending.h"
#include "raftstore/store/proposals.h"
#include "raftstore/store/report.h"
#include "raftstore/store/request.h"
#include "raftstore/store/seams.h"
#include "raftstore/transport/lane_queue.h"

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace nokv::store {

// A write that holds its keys, and needs a timestamp to commit at.
struct TimestampWish {
  region::RegionId region = 0;
  WriteId write = 0;
};

// What the peers of a store share.
struct Shared {
  const Options options;
  const Ident ident;
  Clock& clock;
  DB& db;
  EngineSnapshot snapshot;

  Alarms alarms;

  // Of the round.
  Budget budget;
  uint64_t now_nanos = 0;
  uint64_t ticks = 0;
  DiskSpace disk = {.capacity_bytes = UINT64_MAX, .available_bytes = UINT64_MAX};
  uint64_t unsynced_bytes = 0;
  bool is_log_full = false;  // It took nothing when it was last asked, whatever `disk` says.

  // Until it is, no time passes for Raft and no message reaches it: nobody votes or leads.
  bool is_admitted = false;

  // When the database will have caught up with what was let in, as it says how far it is behind.
  uint64_t caught_up_nanos = 0;

  uint64_t last_id = 0;         // Of writes and reads.
  uint64_t last_timestamp = 0;  // The highest that was drawn in this run.
  pd::DriverClock driver_clock = {};
  std::vector<TimestampWish> wishes = {};
  Statistics statistics = {};

  bool has_disk_stalled() const { return unsynced_bytes > options.unsynced_bytes_max; }

  bool is_disk_full() const {
    return is_log_full || disk.available_bytes < options.disk_reserve_bytes;
  }

  bool is_disk_at_floor() const {
    return is_log_full || disk.available_bytes < options.disk_floor_bytes;
  }
};

class Peer {
 public:
  // `log` and `shared` outlive the peer. As raft::Raft::Create.
  static absl::StatusOr<std::unique_ptr<Peer>> Open(Shared& shared,
                                                    const region::RegionMeta& region,
                                                    const log_store::RegionLog& log,
                                                    raft::Index applied, uint64_t seed);

  const region::RegionMeta& region() const { return region_; }

  uint64_t region_hash() const { return region_hash_; }

  raft::Raft& raft() { return *raft_; }

  const raft::Raft& raft() const { return *raft_; }

  // Whether an encoded key of a change lies in the region.
  bool ContainsEncoded(std::string_view key) const {
    return key >= encoded_start_ && (encoded_end_.empty() || key < encoded_end_);
  }

  // --- Inputs. After them, Work().

  void AdvanceTicks();
  void Step(transport::StoreId from, transport::Envelope envelope);
  void Return(const transport::Undelivered& undelivered);
  void Submit(std::unique_ptr<Pending> pending);
  void Stamp(WriteId id, const absl::StatusOr<mvcc::Timestamp>& commit);

  // Evaluates as far as the round's budget goes, proposes and asks to read.
  void Work();

  // What Raft wants to be done, after taking note of what concerns those who wait.
  raft::Ready TakeReady();

  // The entry `index` of `term`, of `bytes`, is applied; of its commands those had an effect for
  // which `effects` says so. Then Settle().
  void Applied(raft::Index index, raft::Term term, uint64_t bytes, std::span<const bool> effects);

  // Answers reads that have what they wait for, as far as the round's budget goes.
  void Settle();

  // Ends what waits beyond its deadline.
  void Expire();

  // --- What is the case.

  // Whether a message of the peer has come within an election timeout.
  bool HasHeard(raft::PeerId peer) const;

  // Whether the peer could lead at once: it is there and takes entries. While leadership is handed
  // over nothing is proposed, which would be for nothing with any other.
  bool CanTakeOver(raft::PeerId peer) const;

  // Something to do at once, without anything new. Writes that wait for an entry of the term to be
  // applied have not.
  bool has_work() const {
    return has_writes_to_evaluate() || !arrived_.empty() || !ripe_.empty() || raft_->HasReady();
  }

  bool has_waiting() const {
    return !writes_.empty() || !arrived_.empty() || !confirming_.empty() || !confirmed_.empty() ||
           !ripe_.empty() || !blocked_.empty();
  }

  // At the end of a round: whether it had some of the budget for each kind of work that it still
  // has. To have written is no turn for who waits to read.
  bool TakeTurn() {
    const bool has_written = std::exchange(had_write_turn_, false);
    const bool has_read = std::exchange(had_read_turn_, false);
    return (has_written || !has_writes_to_evaluate()) && (has_read || ripe_.empty());
  }

  // True once after this peer became the leader.
  bool TakeNewLeadership() { return std::exchange(is_new_leader_, false); }

  PeerStatus status() const;

  // Up to where the log may be cut, as the entries say that were applied.
  raft::Index compact_index() const { return compact_index_; }

  void set_compact_index(raft::Index index) { compact_index_ = std::max(compact_index_, index); }

  // The loop's notes: in which of its lists the peer stands.
  bool is_touched = false;
  bool is_watched = false;
  bool is_held = false;  // Its Ready waits for room in the log.

 private:
  enum class WriteState : uint8_t { kLatching, kRunnable, kDrawing, kStamped, kProposed };

  struct Write {
    std::unique_ptr<Pending> pending;
    mvcc::OnePhase request;  // Points into the command. Empty once nothing will be evaluated.
    WriteState state = WriteState::kLatching;
    raft::Term term = 0;  // In which it was evaluated.
    mvcc::Clear clear = {};
    mvcc::Timestamp commit = {};
    std::vector<int64_t> sums = {};
  };

  // Who waits for a confirmation: a read, or an outcome that writes nothing.
  struct Waiter {
    std::unique_ptr<Pending> pending;
    std::optional<CommandResult> answer = {};  // Of such an outcome.
    Moment came = 0;
  };

  struct Confirmed {
    raft::Index index = 0;
    std::vector<Waiter> waiters;
  };

  Peer(Shared& shared, const region::RegionMeta& region, std::unique_ptr<raft::Raft> raft,
       const log_store::RegionLog& log);

  bool has_writes_to_evaluate() const { return !runnable_.empty() && raft_->may_evaluate(); }

  // peer.cc
  void UpdateLeadership();
  void LoseLeadership();
  void RaiseOtherRegion(transport::StoreId from, const transport::Envelope& envelope);

  RegionError NotLeaderNow() const { return NotLeader(region_, raft_->leader()); }

  RegionError Busy(std::string_view what) const;
  void RefuseBusy(Pending& pending, std::string_view what);
  void MaybeProposeCompaction();

  // peer_reads.cc
  void AddRead(std::unique_ptr<Pending> pending);
  void AskToRead();
  void TakeReads(const raft::Ready& ready);
  void RefuseRead(const Waiter& waiter);
  void RefuseReads(std::vector<Waiter>& waiters);
  void RefuseAllReads();
  void Serve(Waiter waiter, mvcc::MvccReader& reader);
  absl::StatusOr<CommandResult> Read(const Command& command, mvcc::MvccReader& reader);
  absl::StatusOr<CommandResult> Get(const kv::v1::GetRequest& request, mvcc::MvccReader& reader);
  absl::StatusOr<CommandResult> BatchGet(const Command& command, mvcc::MvccReader& reader);
  absl::StatusOr<CommandResult> Scan(const Command& command, mvcc::MvccReader& reader);
  mvcc::ReadView ViewOf(const Command& command);
  bool IsBlocked(const Waiter& waiter) const;

  // peer_writes.cc
  void AddWrite(std::unique_ptr<Pending> pending);
  Refusal CheckWritable(const kv::v1::PrewriteRequest& request) const;
  Refusal CheckThrottle(const Command& command);
  void EvaluateRunnable();
  bool IsTooOld(mvcc::Timestamp start) const;
  void Evaluate(WriteId id, Write& write);
  void ProposeStamped();
  std::optional<std::vector<mvcc::Change>> Changes(WriteId id, Write& write);
  void ProposeBatch(command::EntryBuilder& builder, std::vector<WriteId>& batch);
  void Succeed(WriteId id);
  void Refuse(WriteId id, RegionError error);
  void AnswerNothingWritten(WriteId id, CommandResult answer);
  void Finish(WriteId id);
  void RefuseUnproposed();
  void ForgetBody(Write& write);

  Shared& shared_;
  const region::RegionMeta region_;
  const uint64_t region_hash_;
  const std::string encoded_start_;
  const std::string encoded_end_;
  const std::unique_ptr<raft::Raft> raft_;
  const log_store::RegionLog& log_;
  uint64_t ticks_given_;
  std::map<raft::PeerId, uint64_t> heard_ticks_;  // When members were last heard.
  raft::Term leading_ = 0;                        // The term in which this peer leads, or 0.
  bool is_new_leader_ = false;

  Latches latches_;
  std::unordered_map<WriteId, Write> writes_;
  std::deque<WriteId> runnable_;  // Hold their keys and are to be evaluated.
  std::vector<WriteId> stamped_;  // Have a timestamp and are to be proposed.
  Proposals proposals_;

  std::vector<Waiter> arrived_;
  std::map<uint64_t, std::vector<Waiter>> confirming_;  // By the context of their read-index.
  std::deque<Confirmed> confirmed_;                     // By rising index.
  std::deque<Waiter> ripe_;                             // Confirmed, applied, and not served yet.
  std::vector<Waiter> blocked_;
  bool was_released_ = false;  // Keys were, since blocked reads were looked at.

  // Of the round: some of its budgets came to this peer.
  bool had_write_turn_ = false;
  bool had_read_turn_ = false;

  raft::Index compact_index_ = 0;
  uint64_t entries_since_compaction_ = 0;
  uint64_t bytes_since_compaction_ = 0;
};

}  // namespace nokv::store
