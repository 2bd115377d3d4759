// One store: the peers of many regions, served by one loop.
//
// A shard of a cluster as an actor. Whatever comes from outside (commands, messages, timestamps,
// completed syncs, ticks) goes into a bounded mailbox; the loop takes all of it, steps every region
// that is concerned, writes what they have to remember as one batch, and goes on without waiting
// for the disk. README.md tells a round and the rules of evaluation.
//
// What an answer means:
//   a response               the outcome, as kv.proto has it. A refusal (region error, key error)
//                            promises that the command changed nothing and never will. A region
//                            error without a reason says that no store will serve the command as it
//                            is: it is malformed, or not served yet.
//   a status (never OK)      nobody here knows whether the command was done. Asking again with the
//                            same start_ts finds out.
//
// Life: Open, Bootstrap of what is new, Start; then everything else. A new store takes part when
// the placement driver has admitted it. The loop belongs to the owner of the executor; Tick() must
// be called every 10 ms or so.
//
// Thread-safety: Open, Bootstrap and Start are of one thread; then all is safe. The destructor may
// run on any thread but within a callback of the store; it waits for the round that runs, and what
// was not answered is forgotten.
#pragma once

#include "engine/base/status.h"
#include "proto/kv.pb.h"
#include "raftstore/region/region_meta.h"
#include "raftstore/store/ident.h"
#include "raftstore/store/options.h"
#include "raftstore/store/pending.h"
#include "raftstore/store/report.h"
#include "raftstore/store/seams.h"
#include "raftstore/transport/seams.h"

#include <functional>
#include <memory>
#include <vector>

namespace nokv::store {

class Loop;
class Mailbox;

class Store final : public transport::Inbox {
 public:
  // Opens or makes the store in a database: its families and its ident. FailedPrecondition, with
  // both numbers, for another cluster's or another store's directory, or a database that is no
  // store's; InvalidArgument for options; DataLoss for a state that no crash leaves. Waits for the
  // disk, once: no two runs share an incarnation.
  static absl::StatusOr<std::unique_ptr<Store>> Open(const Options& options, const Seams& seams);

  ~Store() override;

  // Makes this store's peer of a new region. The same region again is OK and changes nothing;
  // AlreadyExists for another one of that id, or one whose keys another region has;
  // InvalidArgument for a region that cannot be, or has no peer here. After a crash there is the
  // region, or nothing: then whoever bootstraps does it again.
  absl::Status Bootstrap(const region::RegionMeta& region);

  // From here on the loop runs.
  void Start();

  // Does a command and answers once: on the loop, or within the call if there is no room for it
  // (ServerIsBusy). The answer has the command's id. `done` must not block.
  void Submit(kv::v1::Command command, Done done);

  void OnMessages(transport::StoreId from, std::vector<transport::Envelope> messages) override;
  void OnUndelivered(transport::StoreId to,
                     std::vector<transport::Undelivered> undelivered) override;

  // Lets time pass, by the clock. Cheap while nothing is due.
  void Tick();

  // Calls `done` on the loop.
  void Inspect(std::function<void(const Report&)> done);

  // Who this is, as it was opened; `incarnation` is new with each Open. For the transport's
  // handshake.
  const Ident& ident() const;

 private:
  Store(const Options& options, std::shared_ptr<Mailbox> mailbox, std::unique_ptr<Loop> loop);

  const Options options_;
  const std::shared_ptr<Mailbox> mailbox_;
  const std::unique_ptr<Loop> loop_;
};

// The regions of a database that a store left, for tools. It need not be a store's: then there are
// none.
absl::StatusOr<std::vector<region::RegionMeta>> ListRegions(DB& db);

}  // namespace nokv::store
