// The loop of a store: what a round does, and with whom.
//
//   1. Tasks: syncs that completed, timestamps, replies of the placement driver. Then time.
//   2. Messages and commands, each to its peer.
//   3. Every peer that something happened to evaluates, proposes, asks to read; one call draws the
//      timestamps of all.
//   4. What Raft wants: messages that may leave, one write to the log, and its sync is asked for.
//   5. What is committed is applied, and those who waited for it are answered.
//
// Invariant: rounds complete in the order in which they were written, and what a round promises
// leaves when it and all before it are durable.
//
// Thread-safety: Open, Bootstrap and Start before the first round, on one thread; then rounds only,
// which the mailbox calls one at a time.
#pragma once

#include "engine/db.h"
#include "pd/client/pd_client.h"
#include "raftstore/log_store/log_store.h"
#include "raftstore/store/applier.h"
#include "raftstore/store/heartbeats.h"
#include "raftstore/store/mailbox.h"
#include "raftstore/store/peer.h"
#include "raftstore/store/report.h"
#include "raftstore/store/seams.h"
#include "raftstore/store/timers.h"

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace nokv::store {

class Loop {
 public:
  // As Store::Open.
  static absl::StatusOr<std::unique_ptr<Loop>> Open(const Options& options, const Seams& seams,
                                                    std::shared_ptr<Mailbox> mailbox);

  // As Store::Bootstrap.
  absl::Status Bootstrap(const region::RegionMeta& region);

  // True if another round should follow at once.
  bool Round(Inputs inputs);

  Report MakeReport();

  const Ident& ident() const { return shared_.ident; }

 private:
  using Peers = std::map<region::RegionId, std::unique_ptr<Peer>>;

  struct Taken {
    Peer* peer = nullptr;
    raft::Ready ready;
  };

  // An order that was begun, and when.
  struct TriedOrder {
    uint64_t id = 0;
    uint64_t nanos = 0;
  };

  // What was the case when timestamps were asked for.
  struct Asked {
    size_t count = 0;
    uint64_t nanos = 0;
    uint64_t above = 0;  // Known to be drawn.
  };

  // A round that was written, and is not known to be durable.
  struct Written {
    uint64_t number = 0;
    bool is_durable = false;
    uint64_t bytes = 0;
    std::vector<Taken> readies;  // What is left of them.
  };

  Loop(const Options& options, const Seams& seams, std::shared_ptr<Mailbox> mailbox,
       const Ident& ident, const Families& families, std::unique_ptr<log_store::LogStore> logs);

  // recovery.cc
  absl::Status Recover();
  absl::Status OpenPeer(const region::RegionMeta& region);
  absl::Status BeginLog(const region::RegionMeta& region);

  // loop.cc
  void ReadClock();
  void WakeDue();
  void Touch(Peer& peer);
  Peer* FindPeer(region::RegionId region);
  void StepAll(std::vector<Received> received);
  void SubmitAll(std::vector<std::unique_ptr<Pending>> commands);
  void DrawTimestamps();
  void LearnTime();
  void AskForTimestamps(size_t count, std::function<void(std::optional<uint64_t>)> take);
  std::optional<uint64_t> LearnFrom(const absl::StatusOr<pd::v1::TsoResponse>& reply,
                                    const Asked& asked);
  void Stamp(const std::vector<TimestampWish>& wishes, std::optional<uint64_t> first);
  void LookAround();
  void Admit();
  void CarryOut(const pd::v1::Order& order);
  bool EndRound();
  void Fail(const absl::Status& why);

  // loop_write.cc
  void TakeReadies();
  void WriteRound();
  size_t CountForOneWrite() const;
  void HoldBack();
  void FinishWrite(const log_store::WrittenRound& written, std::vector<Taken> readies);
  void TakeSynced(uint64_t number, const absl::Status& status);
  void CompleteRounds();
  void Apply();
  void CompactLogs();
  void CompactUnderPressure();
  void Post(const Peer& peer, std::vector<raft::Message> messages);
  void SendAll();

  const Seams seams_;
  const std::shared_ptr<Mailbox> mailbox_;
  const Families families_;
  Shared shared_;
  const std::unique_ptr<log_store::LogStore> logs_;
  Applier applier_;
  Heartbeats heartbeats_;
  absl::Status failure_;

  Peers peers_;
  Timers timers_;
  std::vector<Peer*> touched_;  // In this round, each once.
  std::vector<Peer*> watched_;  // May have commands that wait, each once.

  uint64_t ticked_nanos_ = 0;          // Up to which the clock has been turned into ticks.
  uint64_t look_around_at_nanos_ = 0;  // At once: a new store waits to be admitted.
  uint64_t looked_at_disk_nanos_ = 0;
  bool is_asking_time_ = false;
  std::map<region::RegionId, TriedOrder> tried_orders_;  // The latest of each region.

  std::vector<Taken> taken_;     // Not written yet: of this round, or held: the disk was full.
  std::deque<Written> written_;  // Oldest first.
  uint64_t rounds_written_ = 0;
  std::map<transport::StoreId, std::vector<transport::Envelope>> outbox_;
};

}  // namespace nokv::store
