// The client as ordinary functions, for programs that may wait. Not for the executor's own threads.
//
// Thread-safety: safe.
#pragma once

#include "engine/base/mutex.h"
#include "percolator/client/client.h"

#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace nokv::client {

// Starts an operation with a callback and waits for it. Where nobody else does the work, as in a
// world of one thread, it is done here.
template <typename T, typename Start>
absl::StatusOr<T> Await(Executor& executor, Start&& start) {
  struct Mailbox {
    Mutex mutex;
    CondVar is_there;
    std::optional<absl::StatusOr<T>> answer ABSL_GUARDED_BY(mutex);
  };

  const auto mailbox = std::make_shared<Mailbox>();
  start([mailbox](absl::StatusOr<T> answer) {
    MutexLock lock(mailbox->mutex);
    mailbox->answer = std::move(answer);
    mailbox->is_there.SignalOne();
  });
  while (true) {
    {
      MutexLock lock(mailbox->mutex);
      if (mailbox->answer) return *std::move(mailbox->answer);
    }
    if (executor.HelpOnce()) continue;
    MutexLock lock(mailbox->mutex);
    while (!mailbox->answer) mailbox->is_there.Wait(mailbox->mutex);
  }
}

class BlockingClient {
 public:
  // Both must outlive the object; `executor` is that of the client's callbacks.
  BlockingClient(Client& client, Executor& executor) : client_(client), executor_(executor) {}

  absl::StatusOr<std::optional<Value>> Get(GetRequest request) {
    return Await<std::optional<Value>>(
        executor_, [&](auto done) { client_.Get(std::move(request), std::move(done)); });
  }

  absl::StatusOr<std::vector<std::optional<Value>>> BatchGet(BatchGetRequest request) {
    return Await<std::vector<std::optional<Value>>>(
        executor_, [&](auto done) { client_.BatchGet(std::move(request), std::move(done)); });
  }

  absl::StatusOr<ScanPage> Scan(ScanRequest request) {
    return Await<ScanPage>(executor_,
                           [&](auto done) { client_.Scan(std::move(request), std::move(done)); });
  }

  absl::StatusOr<WriteOutcome> Write(WriteRequest request) {
    return Await<WriteOutcome>(
        executor_, [&](auto done) { client_.Write(std::move(request), std::move(done)); });
  }

  absl::StatusOr<AddOutcome> Add(AddRequest request) {
    return Await<AddOutcome>(executor_,
                             [&](auto done) { client_.Add(std::move(request), std::move(done)); });
  }

  absl::StatusOr<mvcc::Timestamp> DrawTimestamp(absl::Duration timeout = kDefaultTimeout) {
    return Await<mvcc::Timestamp>(
        executor_, [&](auto done) { client_.DrawTimestamp(timeout, std::move(done)); });
  }

 private:
  Client& client_;
  Executor& executor_;
};

}  // namespace nokv::client
