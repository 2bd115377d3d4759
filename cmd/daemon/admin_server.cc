#include "cmd/daemon/admin_server.h"

#include <httplib.h>

#include <sys/socket.h>
#include <thread>
#include <utility>

namespace nokv::daemon {
namespace {

constexpr size_t kThreads = 2;
constexpr size_t kRequestBytesMax = 64 << 10;
constexpr int kTimeoutSeconds = 5;

class HttplibServer final : public AdminServer {
 public:
  explicit HttplibServer(AdminPages pages) : pages_(std::move(pages)) {}

  ~HttplibServer() override {
    server_.stop();
    if (thread_.joinable()) thread_.join();
  }

  absl::Status Listen(const std::string& host, uint16_t port) {
    server_.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
    server_.set_payload_max_length(kRequestBytesMax);
    server_.set_read_timeout(kTimeoutSeconds);
    server_.set_write_timeout(kTimeoutSeconds);
    server_.set_keep_alive_max_count(100);
    // The library's own choice, SO_REUSEPORT, lets a second daemon take the same address in
    // silence, and scrapes then go to either.
    server_.set_socket_options([](socket_t socket) {
      const int one = 1;
      setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    });
    AddPages();
    port_ = port;
    if (port == 0) {
      const int bound = server_.bind_to_any_port(host.c_str());
      if (bound <= 0) return CannotListen(host, port);
      port_ = static_cast<uint16_t>(bound);
    } else if (!server_.bind_to_port(host.c_str(), port)) {
      return CannotListen(host, port);
    }
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    // stop() before the loop runs would be forgotten.
    while (!server_.is_running()) std::this_thread::yield();
    return absl::OkStatus();
  }

  uint16_t port() const override { return port_; }

 private:
  static absl::Status CannotListen(const std::string& host, uint16_t port) {
    return AlreadyExistsError(
        "cannot listen on {}:{} for metrics: another program does, or the address is not this "
        "machine's, or this user may not take ports below 1024; choose another --metrics-addr",
        host, port);
  }

  void AddPages() {
    server_.Get("/metrics", [this](const httplib::Request&, httplib::Response& response) {
      response.set_content(pages_.metrics(), "text/plain; version=0.0.4; charset=utf-8");
    });
    server_.Get("/debug/vars", [this](const httplib::Request&, httplib::Response& response) {
      response.set_content(pages_.variables(), "application/json");
    });
    server_.Get("/healthz", [](const httplib::Request&, httplib::Response& response) {
      response.set_content("ok\n", "text/plain");
    });
    server_.Get("/readyz", [this](const httplib::Request&, httplib::Response& response) {
      const absl::Status status = pages_.readiness();
      if (!status.ok()) response.status = 503;
      response.set_content(status.ok() ? "ok\n" : std::string(StdView(status.message())) + "\n",
                           "text/plain");
    });
  }

  const AdminPages pages_;
  httplib::Server server_;
  std::thread thread_;
  uint16_t port_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<AdminServer>> AdminServer::Start(const std::string& host,
                                                                uint16_t port, AdminPages pages) {
  auto server = std::make_unique<HttplibServer>(std::move(pages));
  RETURN_IF_ERROR(server->Listen(host, port));
  return server;
}

}  // namespace nokv::daemon
