// A unary call of the Kv service: one command, for clients that have no stream.
//
// Thread-safety: steps run on the loop's thread; the answer comes from anywhere.
#pragma once

#include "proto/net/completion_loop.h"
#include "raftstore/rpc/kv_core.h"

#include <memory>

namespace nokv::rpc {

// Waits for calls of every unary method.
void AcceptKvCalls(const std::shared_ptr<KvCore>& core);

}  // namespace nokv::rpc
