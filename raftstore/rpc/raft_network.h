// The transport's network over gRPC: the side that calls.
//
// Each stream has a connection of its own, so that a lane never waits for another, and each attempt
// a new one: the pauses between attempts are the transport's, and nobody else's.
//
// Thread-safety: safe. The destructor ends all streams; events may come until it returns.
#pragma once

#include "engine/base/mutex.h"
#include "proto/net/channel.h"
#include "proto/net/completion_loop.h"
#include "proto/net/poller.h"
#include "raftstore/transport/network.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace nokv::rpc {

class RaftNetwork final : public transport::Network {
 public:
  // `poller` is the process's.
  explicit RaftNetwork(std::shared_ptr<net::Poller> poller, std::optional<net::Tls> tls = {});
  ~RaftNetwork() override;

  std::shared_ptr<transport::Connection> Open(
      const std::string& address, transport::Lane lane,
      std::shared_ptr<transport::ConnectionEvents> events) override;

 private:
  class Stream;

  const net::ChannelOptions options_;

  Mutex mutex_;
  std::vector<std::weak_ptr<Stream>> streams_ ABSL_GUARDED_BY(mutex_);

  const std::shared_ptr<net::CompletionLoop> loop_;
};

}  // namespace nokv::rpc
