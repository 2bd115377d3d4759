// A server over loopback for tests of the Kv service, whose handler echoes.
//
// Thread-safety: none, but for what the handler and the clock do.
#pragma once

#include "engine/base/mutex.h"
#include "proto/kv.grpc.pb.h"
#include "proto/net/channel.h"
#include "raftstore/rpc/server.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <grpcpp/channel.h>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace nokv::rpc {

// Answers a get with its key. Some keys mean something else.
class Echo final : public KvHandler {
 public:
  void Submit(kv::v1::Command command, KvDone done) override {
    const std::string key = command.get().key();
    {
      MutexLock lock(mutex_);
      last_ = command;
    }
    if (key == "hold") {
      MutexLock lock(mutex_);
      held_.push_back(std::move(done));
      return;
    }
    if (key == "fail") return done(UnavailableError("who knows"));
    kv::v1::CommandResult result;
    result.set_id(99);  // Whatever it says: the id is the stream's business.
    result.mutable_get()->mutable_found()->set_key(key);
    result.mutable_get()->mutable_found()->set_value(key == "large" ? std::string(1 << 20, 'v')
                                                                    : key);
    done(std::move(result));
    MutexLock lock(mutex_);
    ++answered_;
  }

  // How many commands were answered at once.
  size_t answered() {
    MutexLock lock(mutex_);
    return answered_;
  }

  void Release() {
    std::vector<KvDone> held;
    {
      MutexLock lock(mutex_);
      held.swap(held_);
    }
    for (const KvDone& done : held) {
      kv::v1::CommandResult result;
      result.mutable_get()->mutable_not_found();
      done(std::move(result));
    }
  }

  size_t held() {
    MutexLock lock(mutex_);
    return held_.size();
  }

  kv::v1::Command last() {
    MutexLock lock(mutex_);
    return last_;
  }

 private:
  Mutex mutex_;
  std::vector<KvDone> held_ ABSL_GUARDED_BY(mutex_);
  kv::v1::Command last_ ABSL_GUARDED_BY(mutex_);
  size_t answered_ ABSL_GUARDED_BY(mutex_) = 0;
};

class NobodyCalls final : public transport::Acceptor {
 public:
  std::shared_ptr<transport::ConnectionEvents> Accept(
      std::shared_ptr<transport::Connection> connection) override {
    class Deaf final : public transport::ConnectionEvents {
      void OnWritable() override {}

      void OnReceived(transport::Pieces) override {}

      void OnClosed(const absl::Status&) override {}
    };

    connection->Close();
    return std::make_shared<Deaf>();
  }
};

struct World {
  explicit World(const KvLimits& limits = {}, Clock& clock = SystemClock()) {
    auto started = Server::Start(
        {.address = "127.0.0.1:0", .kv = limits},
        {.handler = echo, .clock = clock, .acceptor = std::make_shared<NobodyCalls>()},
        net::Poller::OfServer());
    REQUIRE(started.ok());
    server = *std::move(started);
    address = fmt::format("127.0.0.1:{}", server->port());
    channel = net::NewChannel(address, {});
    stub = kv::v1::Kv::NewStub(channel);
  }

  Echo echo;
  std::unique_ptr<Server> server;
  std::string address;
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<kv::v1::Kv::Stub> stub;
};

inline kv::v1::Command Get(uint64_t id, const std::string& key) {
  kv::v1::Command command;
  command.set_id(id);
  command.mutable_get()->set_key(key);
  return command;
}

}  // namespace nokv::rpc
