// How the client library reaches stores: the seam, in the words of the contract.
//
// A stream of batches implements it in a process; in a simulation the stores' own handlers stand
// behind a simulated network. A call never blocks. It is answered once, by the command's result or
// by the status of what failed on the way: then whether the store did it is not known, unless the
// status says that it was not sent. `done` comes on the executor that the implementation was given,
// never inside the call. When an implementation is destroyed, what waits is forgotten.
//
// Thread-safety: implementations are safe.
#pragma once

#include "engine/base/status.h"
#include "proto/kv.pb.h"

#include <absl/time/time.h>

#include <functional>
#include <string>

namespace nokv::client {

// `status`, with the mark that the command never left: no store has it, or will.
absl::Status NotSent(absl::Status status);

// Whether it bears the mark.
bool WasNotSent(const absl::Status& status);

class KvNetwork {
 public:
  using Done = std::function<void(absl::StatusOr<kv::v1::CommandResult>)>;

  virtual ~KvNetwork() = default;

  // Sends `command`, whose id the implementation sets, to the store at `address`. Unavailable if
  // the store could not be reached or the stream broke, DeadlineExceeded after `timeout`.
  virtual void Call(const std::string& address, kv::v1::Command command, absl::Duration timeout,
                    Done done) = 0;
};

}  // namespace nokv::client
