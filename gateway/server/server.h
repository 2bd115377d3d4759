// The event loop: one thread that serves every client in rounds.
//
// A round reads each ready socket once, parses what came, gives all commands to the backend
// together, and sends each client's replies in one call. The backend may finish a round later:
// until then the loop goes on accepting and sending, but parses nothing, so the words of the
// commands stay in place. Sockets are registered once, edge-triggered for both directions; no round
// changes the registration.
//
// Thread-safety: Run() belongs to one thread. Stop() may be called from any, and from a signal
// handler.
#pragma once

#include "engine/base/status.h"
#include "gateway/backend/arena.h"
#include "gateway/backend/backend.h"
#include "gateway/command/host.h"
#include "gateway/server/client_round.h"
#include "gateway/server/connection.h"
#include "gateway/server/options.h"
#include "gateway/server/socket.h"

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace nokv::server {

class Server {
 public:
  using Log = std::function<void(const std::string& line)>;

  // Listens at once. `host` and `backend` must outlive the server.
  static absl::StatusOr<std::unique_ptr<Server>> Create(const HostAndPort& address,
                                                        const ServerOptions& options,
                                                        command::Host& host,
                                                        backend::Backend& backend, Log log);
  ~Server();

  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  uint16_t port() const;

  // Serves until Stop(); then finishes the round, sends what the clients take, and returns.
  absl::Status Run();

  void Stop();

 private:
  Server(const ServerOptions& options, command::Host& host, backend::Backend& backend, Log log);

  absl::Status Open(const HostAndPort& address);
  absl::Status Register(int descriptor, uint64_t id, uint32_t events);
  absl::Status Poll(int timeout_ms);
  void HandleEvent(uint64_t id, uint32_t events);
  void Accept();
  bool Admit(int descriptor);
  void StartRound();
  void Collect(Connection& connection);
  void FinishRound();
  void Settle(uint64_t id, Connection& connection);
  void Drop(uint64_t id, Connection& connection);
  bool HasUnsentOutput() const;
  void Wake();
  void Queue(uint64_t id, Connection& connection);
  int PollTimeoutMs() const;
  bool IsUpkeepDue() const;

  const ServerOptions options_;
  command::Host& host_;
  backend::Backend& backend_;
  const Log log_;

  int listener_ = -1;
  int poller_ = -1;
  int waker_ = -1;
  int spare_descriptor_ = -1;  // Given up to refuse a client when there are no others left.

  std::thread::id loop_thread_;
  uint64_t next_id_ = 1;
  std::unordered_map<uint64_t, std::unique_ptr<Connection>> connections_;

  // Clients with something to read or to parse. A client is in it at most once.
  std::vector<uint64_t> ready_;
  std::vector<uint64_t> in_round_;
  backend::Arena arena_;
  ClientRound round_;
  uint64_t round_started_nanos_ = 0;
  uint64_t last_upkeep_ms_ = 0;
  bool is_round_open_ = false;              // Given to the backend, and not finished here.
  std::atomic<bool> is_round_done_{false};  // By the backend.
  std::atomic<bool> is_stopping_{false};
};

}  // namespace nokv::server
