// SIGTERM and SIGINT end a daemon in good order; SIGPIPE is an error of a write, not an end.
//
// Thread-safety: SetUpSignals() runs once, before any thread.
#pragma once

#include <functional>

namespace nokv::daemon {

// `stop` is called by the handler, in its context: it may only do what is async-signal-safe. A
// second signal ends the process at once.
void SetUpSignals(std::function<void()> stop);

}  // namespace nokv::daemon
