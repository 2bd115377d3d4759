// A store's face to the network: the services Kv and RaftTransport on one port, with health and
// reflection.
//
// The process's poller serves all of it; what it hands on (commands, messages of raft) is posted to
// the store's loop and never waited for.
//
// Thread-safety: safe. The destructor cuts off what is still under way.
#pragma once

#include "engine/base/clock.h"
#include "engine/base/status.h"
#include "proto/net/channel.h"
#include "proto/net/poller.h"
#include "raftstore/rpc/kv_handler.h"
#include "raftstore/rpc/kv_service.h"
#include "raftstore/transport/network.h"

#include <absl/time/time.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace nokv::rpc {

struct ServerOptions {
  std::string address = {};  // HOST:PORT; port 0 takes a free one.
  KvLimits kv = {};
  std::optional<net::Tls> tls = {};
};

struct ServerSeams {
  KvHandler& handler;
  Clock& clock;
  std::shared_ptr<transport::Acceptor> acceptor;  // Of streams that other stores open.
};

class Server {
 public:
  virtual ~Server() = default;

  // Serves as soon as it returns, on `poller`, which is that of a server and has no other.
  // AlreadyExists if the address can't be listened on.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const ServerOptions& options,
                                                       const ServerSeams& seams,
                                                       std::shared_ptr<net::Poller> poller);

  virtual uint16_t port() const = 0;

  // What the health service says. True at first.
  virtual void SetServing(bool is_serving) = 0;

  // Takes no new calls and gives those under way so long to end; then cuts them off. Blocks.
  virtual void Drain(absl::Duration time) = 0;
};

}  // namespace nokv::rpc
