// Who does the commands that come over the network: the seam above the Kv service.
//
// Thread-safety: implementations are safe.
#pragma once

#include "engine/base/status.h"
#include "proto/kv.pb.h"

#include <functional>

namespace nokv::rpc {

// A response, or a status that is never OK: nobody knows whether the command was done.
using KvDone = std::function<void(absl::StatusOr<kv::v1::CommandResult>)>;

class KvHandler {
 public:
  virtual ~KvHandler() = default;

  // Never blocks. `done` is called once, on any thread, perhaps within the call, or never if the
  // handler ends before; it does not block either. Nobody has looked at the command yet.
  virtual void Submit(kv::v1::Command command, KvDone done) = 0;
};

}  // namespace nokv::rpc
