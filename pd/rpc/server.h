// The placement driver's face to the network: the service Pd on one port, with health and
// reflection.
//
// The process's poller serves all of it, and never waits for the disk: the service does that
// elsewhere.
//
// Thread-safety: safe. The destructor cuts off what is still under way, and must come before the
// service's: a call ends only with its answer.
#pragma once

#include "engine/base/status.h"
#include "pd/service/service.h"
#include "proto/net/poller.h"

#include <absl/time/time.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace nokv::pd {

struct ServerLimits {
  size_t calls_max = 4096;  // Unary, under way; the answer to more is Unavailable.
  size_t streams_max = 16'384;
};

struct ServerOptions {
  std::string address = {};  // HOST:PORT; port 0 takes a free one.
  ServerLimits limits = {};
};

class Server {
 public:
  virtual ~Server() = default;

  // Serves as soon as it returns, on `poller`, which is that of a server and has no other.
  // AlreadyExists if the address can't be listened on.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const ServerOptions& options,
                                                       Service& service,
                                                       std::shared_ptr<net::Poller> poller);

  virtual uint16_t port() const = 0;

  // What the health service says. True at first.
  virtual void SetServing(bool is_serving) = 0;

  // Takes no new calls and gives those under way so long to end; then cuts them off. Blocks.
  virtual void Drain(absl::Duration time) = 0;
};

}  // namespace nokv::pd
