// The client library's way to stores over gRPC: one stream of batches to each address.
//
// Commands gather while a message is on its way, and all that have gathered are the next. A call
// costs no timer and no thread: one alarm looks for what has become too old, and
// answers of all stores come on the process's poller.
//
// A store that can't be reached, or whose stream breaks, is left alone for a while: calls to it
// fail at once, so that the caller can ask another.
//
// Thread-safety: safe. The destructor forgets what waits.
#pragma once

#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "percolator/client/kv_network.h"
#include "proto/net/channel.h"
#include "proto/net/poller.h"

#include <absl/time/time.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace nokv::client {

struct GrpcKvOptions {
  uint64_t seed = 1;  // Of the random part of pauses.

  absl::Duration connect_time_max = absl::Seconds(3);
  absl::Duration backoff_min = absl::Milliseconds(50);
  absl::Duration backoff_max = absl::Seconds(1);

  // Calls end at most so much after their time.
  absl::Duration timeout_grain = absl::Milliseconds(20);

  // Of one store. More calls are refused as Unavailable.
  size_t calls_max = 65'536;
  uint64_t waiting_bytes_max = 64 << 20;  // Not sent yet.

  size_t stores_max = 4'096;

  std::optional<net::Tls> tls = {};
};

// InvalidArgument that names the option.
absl::Status Validate(const GrpcKvOptions& options);

class GrpcKvNetwork final : public KvNetwork {
 public:
  // `executor` takes the answers. It and `clock` outlive the network. The options are valid.
  // `poller` is the process's.
  GrpcKvNetwork(const GrpcKvOptions& options, Executor& executor, Clock& clock,
                std::shared_ptr<net::Poller> poller);
  ~GrpcKvNetwork() override;

  void Call(const std::string& address, kv::v1::Command command, absl::Duration timeout,
            Done done) override;

 private:
  class Core;

  const std::shared_ptr<Core> core_;
};

}  // namespace nokv::client
