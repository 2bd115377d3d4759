#include "cmd/daemon/signals.h"

#include <csignal>
#include <utility>

namespace nokv::daemon {
namespace {

// Set before the handler is installed and never changed after.
std::function<void()>& StopFunction() {
  static auto* const stop = new std::function<void()>;
  return *stop;
}

void HandleStop(int) {
  std::signal(SIGTERM, SIG_DFL);
  std::signal(SIGINT, SIG_DFL);
  StopFunction()();
}

}  // namespace

void SetUpSignals(std::function<void()> stop) {
  StopFunction() = std::move(stop);

  struct sigaction ignore {};

  ignore.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignore, nullptr);

  struct sigaction action {};

  action.sa_handler = HandleStop;
  action.sa_flags = SA_RESTART;
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
}

}  // namespace nokv::daemon
