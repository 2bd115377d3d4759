// What comes to a store from other threads, until its loop takes it.
//
// The loop takes all of it at once, as a round. Commands are bounded by the admission that they
// passed, messages here; what else comes answers something that the loop has asked for, and is
// bounded by that.
//
// Invariant: at most one round runs at a time, and while something waits a round runs or is about
// to. A round that is told to begin within another one, because the engine runs tasks while it
// waits, begins after it.
//
// Thread-safety: safe.
#pragma once

#include "engine/base/executor.h"
#include "engine/base/mutex.h"
#include "raftstore/store/options.h"
#include "raftstore/store/pending.h"
#include "raftstore/transport/seams.h"

#include <functional>
#include <memory>
#include <vector>

namespace nokv::store {

struct Received {
  transport::StoreId from = 0;
  std::vector<transport::Envelope> messages;
};

struct Inputs {
  std::vector<std::function<void()>> tasks;  // Answers to what the loop has asked for.
  std::vector<Received> received;
  std::vector<transport::Undelivered> undelivered;
  std::vector<std::unique_ptr<Pending>> commands;

  bool empty() const {
    return tasks.empty() && received.empty() && undelivered.empty() && commands.empty();
  }
};

class Mailbox : public std::enable_shared_from_this<Mailbox> {
 public:
  // Does a round; true if another one should follow without anything new.
  using Round = std::function<bool(Inputs inputs)>;

  Mailbox(Executor& loop, const Options& options)
      : loop_(loop),
        options_(options),
        admission_(options.commands_max, options.command_bytes_max) {}

  // From here on rounds run.
  void Start(Round round);

  // Waits for the round that runs, and forgets what waits. None runs from then on.
  void Close();

  // Of the commands that were submitted and are held anywhere.
  Admission& admission() { return admission_; }

  void Submit(std::unique_ptr<Pending> command);

  // What there is no room for is dropped.
  void Receive(transport::StoreId from, std::vector<transport::Envelope> messages);
  void Return(std::vector<transport::Undelivered> undelivered);

  // Runs `task` at the beginning of a round, unless the mailbox is closed before.
  void Post(std::function<void()> task);

  // A round, even if nothing waits.
  void Wake();

  uint64_t messages_dropped();

 private:
  void WakeLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Run();

  Executor& loop_;
  const Options options_;
  Admission admission_;

  Mutex mutex_;
  CondVar changed_;
  Round round_ ABSL_GUARDED_BY(mutex_);
  Inputs waiting_ ABSL_GUARDED_BY(mutex_);
  size_t messages_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t message_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t messages_dropped_ ABSL_GUARDED_BY(mutex_) = 0;
  bool is_closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_scheduled_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_running_ ABSL_GUARDED_BY(mutex_) = false;
  bool runs_again_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace nokv::store
