// The Redis keyspace in a cluster: every command is a transaction of its own.
//
// The commands of a round run side by side, except that those of one client take effect in their
// order: neighbouring reads are fetched together, at one timestamp, and everything else waits for
// what came before it. Execute() runs all commands on the thread that calls it and waits there;
// only fetching and writing are the cluster's.
//
// Thread-safety: as Backend.
#pragma once

#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/base/mutex.h"
#include "gateway/backend/arena.h"
#include "gateway/backend/backend.h"
#include "gateway/cluster/command_keyspace.h"
#include "percolator/client/client.h"

#include <absl/time/time.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace nokv::cluster {

struct ClusterOptions {
  // Of a round. A command that is not done by then fails; a write may then be undetermined.
  absl::Duration command_timeout = absl::Seconds(5);
  int conflicts_max = 100;       // After so many a command that others outrun gives up.
  size_t reads_ahead_max = 256;  // Of one client, fetched together.
  // An expiry is reckoned from a timestamp no older than this.
  absl::Duration time_age_max = absl::Seconds(10);
  // Reads that get no timestamp by then are fetched one after the other, and so are all that come
  // within the pause, which do not ask.
  absl::Duration snapshot_patience = absl::Milliseconds(300);
  absl::Duration snapshot_pause = absl::Seconds(1);
};

class ClusterBackend final : public backend::Backend {
 public:
  // All must outlive the backend. `client` is one of the system (mvcc::KeyOwner::kSystem), and
  // `executor` that of its callbacks.
  ClusterBackend(client::Client& client, Executor& executor, Clock& clock,
                 const ClusterOptions& options)
      : client_(client), executor_(executor), clock_(clock), options_(options) {}

  void Execute(backend::Round& round, std::function<void()> done) override;

  // Nobody counts the keys of a cluster yet.
  backend::KeyCounts Counts(int /*database*/) const override { return {}; }

  uint64_t expired_keys() const override { return 0; }

 private:
  // A command on its way.
  struct Command {
    Command(size_t command_index, bool command_may_write, backend::Arena& arena,
            std::optional<uint64_t> now_ms)
        : index(command_index), may_write(command_may_write), keyspace(arena, now_ms) {}

    const size_t index;
    const bool may_write;
    bool is_fetching = false;  // The cluster was asked, and has not answered.
    bool is_written = false;   // It has run, and its change is made.
    int conflicts = 0;
    absl::Status failure = absl::OkStatus();
    CommandKeyspace keyspace;
  };

  // The commands of one client in this round: those from `next` on have not begun.
  struct Lane {
    std::vector<size_t> indices = {};
    size_t next = 0;
    std::deque<Command> begun = {};  // In order; only the first runs. Addresses stay.
    bool has_failed = false;         // The cluster did not do a command in time.
  };

  using Answer = std::function<void()>;

  void Advance(Lane& lane);
  void BeginRun(Lane& lane);
  bool MayJoin(const Lane& lane) const;
  void BeginNext(Lane& lane);
  bool RunOnce(Lane& lane, Command& command);
  void Fulfil(Lane& lane, Command& command);
  void DrawSnapshot(Lane& lane, Command& command);
  void DrawForRun(Lane& lane);
  void Read(Lane& lane, Command& command);
  void Add(Lane& lane, Command& command);
  void Write(Lane& lane, Command& command);
  absl::Status MayAsk(const Lane& lane, const Command& command) const;
  absl::Duration TimeLeft() const;

  // A callback for the client: `take` runs on the thread of Execute(), then the lane goes on.
  // `take` gets the answer if it is not a failure.
  template <typename T, typename Take>
  client::Done<T> Then(Lane& lane, Command& command, Take take);

  // Takes what is to be done on the thread of Execute(). From any thread.
  void Post(Answer answer);

  // Waits until there are answers.
  std::vector<Answer> TakeAnswers();

  client::Client& client_;
  Executor& executor_;
  Clock& clock_;
  const ClusterOptions options_;
  uint64_t snapshots_from_nanos_ = 0;  // Until then the driver is taken to be away.

  // Of the round.
  backend::Round* round_ = nullptr;
  uint64_t deadline_nanos_ = 0;
  backend::Arena arena_;
  std::vector<backend::KeyUse> uses_;
  size_t unfinished_ = 0;  // Commands.

  Mutex mutex_;
  CondVar has_answers_;
  std::vector<Answer> answers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nokv::cluster
