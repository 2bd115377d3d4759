// The small HTTP server of a daemon: /metrics, /debug/vars, /healthz, /readyz.
//
// Thread-safety: the functions are called from its own threads, until the destructor returns.
#pragma once

#include "engine/base/status.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace nokv::daemon {

struct AdminPages {
  std::function<std::string()> metrics;     // Prometheus text.
  std::function<std::string()> variables;   // JSON.
  std::function<absl::Status()> readiness;  // Not OK: 503 with the message.
};

class AdminServer {
 public:
  virtual ~AdminServer() = default;

  // AlreadyExists if somebody listens there. Port 0 takes a free one.
  static absl::StatusOr<std::unique_ptr<AdminServer>> Start(const std::string& host, uint16_t port,
                                                            AdminPages pages);

  virtual uint16_t port() const = 0;
};

}  // namespace nokv::daemon
