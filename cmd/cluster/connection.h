// A process's way into a cluster: the client library with everything that it is passed.
//
// Opening does not wait for the cluster: operations do, each for its own time.
//
// Thread-safety: safe. It has threads of its own; the destructor ends them and forgets what is
// under way.
#pragma once

#include "engine/base/executor.h"
#include "engine/base/status.h"
#include "percolator/client/client.h"
#include "percolator/client/tick_timer.h"

#include <atomic>
#include <memory>
#include <string>
#include <thread>

namespace nokv::cluster {

struct ConnectionOptions {
  std::string pd_address;
  mvcc::KeyOwner key_owner = mvcc::KeyOwner::kClient;
};

class Connection {
 public:
  // InvalidArgument if the address can't be one.
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const ConnectionOptions& options);
  ~Connection();

  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  client::Client& client() { return *client_; }

  // That of the client's callbacks.
  Executor& executor() { return *executor_; }

 private:
  Connection();

  void Tick();

  // Destroyed from the last to the first: who calls before who is called.
  const std::unique_ptr<Executor> executor_;
  client::TickTimer timer_;
  std::unique_ptr<client::KvNetwork> network_;
  std::unique_ptr<pd::PdClient> pd_;
  std::unique_ptr<client::Client> client_;
  std::atomic<bool> is_stopping_{false};
  std::thread ticker_;
};

}  // namespace nokv::cluster
