// A placement driver of a test, served on a free port of this machine.
//
// Thread-safety: as the parts.
#pragma once

#include "engine/base/mutex.h"
#include "engine/vfs/mem_file_system.h"
#include "pd/client/grpc/grpc_pd_client.h"
#include "pd/rpc/server.h"

#include <catch2/catch.hpp>

#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace nokv::pd {

struct TestDriver {
  vfs::MemFileSystem files;
  Random random{EntropySeed()};
  std::unique_ptr<Executor> database_executor = NewThreadPool(1);
  std::unique_ptr<Executor> executor = NewThreadPool(2);
  std::unique_ptr<PlacementDriver> driver;
  std::unique_ptr<Service> service;
  std::unique_ptr<Server> server;
  uint16_t port = 0;

  TestDriver() { Start(); }

  void Start() {
    driver =
        *PlacementDriver::Open({.directory = "/pd"}, {.files = files,
                                                      .clock = SystemClock(),
                                                      .random = random,
                                                      .executor = *executor,
                                                      .database_executor = *database_executor});
    service = std::make_unique<Service>(*driver, *executor);
    auto started = Server::Start({.address = fmt::format("127.0.0.1:{}", port)}, *service,
                                 net::Poller::OfServer());
    INFO(started.status().ToString());
    REQUIRE(started.ok());
    server = *std::move(started);
    port = server->port();
  }

  void Stop() {
    server.reset();
    service.reset();
    driver.reset();
  }

  std::string address() const { return fmt::format("127.0.0.1:{}", port); }
};

// The answer to a call, once it has come.
template <typename Request, typename Response>
absl::StatusOr<Response> Await(PdClient& client, void (PdClient::*call)(Request, Done<Response>),
                               Request request) {
  struct Answer {
    Mutex mutex;
    CondVar changed;
    std::optional<absl::StatusOr<Response>> response;
  };

  const auto answer = std::make_shared<Answer>();
  (client.*call)(std::move(request), [answer](absl::StatusOr<Response> response) {
    MutexLock lock(answer->mutex);
    answer->response = std::move(response);
    answer->changed.SignalAll();
  });
  MutexLock lock(answer->mutex);
  while (!answer->response.has_value()) answer->changed.Wait(answer->mutex);
  return *std::move(answer->response);
}

}  // namespace nokv::pd
