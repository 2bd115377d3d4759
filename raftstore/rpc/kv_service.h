// The service Kv over gRPC: streams of batches for programs of the cluster, unary calls for
// everybody else, all of them commands to one handler.
//
// What a client can make this process hold is bounded: streams, calls, commands of a stream that
// are not answered, bytes of answers that a stream, and that all clients together, have not taken.
//
// Thread-safety: Start() once; then calls are served on the loop's thread, and the handler may
// answer on any.
#pragma once

#include "engine/base/clock.h"
#include "proto/net/completion_loop.h"
#include "raftstore/rpc/kv_handler.h"

#include <absl/time/time.h>

#include <cstddef>
#include <cstdint>
#include <memory>

namespace grpc {
class ServerCompletionQueue;
class Service;
}  // namespace grpc

namespace nokv::rpc {

// Of one message, as the contract has it.
inline constexpr size_t kBatchCommandsMax = 256;
inline constexpr size_t kBatchBytesMax = 8 << 20;

struct KvLimits {
  size_t streams_max = 1024;
  size_t host_streams_max = 256;  // Of one address, whatever its ports.
  size_t connection_streams_max = 16;
  // A stream that has said nothing for so long ends when more than half of streams_max are open.
  absl::Duration idle_time_max = absl::Minutes(10);
  size_t calls_max = 4096;     // Unary, under way.
  size_t commands_max = 4096;  // Of a stream: no more are read before some are answered.

  // Of a stream, and of all streams and calls. Past either reads are answered: busy.
  uint64_t answer_bytes_max = 64ull << 20;
  uint64_t all_answer_bytes_max = 256ull << 20;

  // A stream or call whose client takes nothing of a message for so long ends while more than half
  // of all_answer_bytes_max are held: otherwise a few such clients stop the reads of all.
  absl::Duration taking_time_max = absl::Seconds(30);
};

struct KvCore;

class KvService {
 public:
  KvService(KvHandler& handler, Clock& clock, const KvLimits& limits);
  ~KvService();

  // To be registered with the server.
  grpc::Service& service();

  // Once the server runs. It serves until the server is shut down, which must be before the loop
  // is stopped; this object stays until then.
  void Start(std::shared_ptr<net::CompletionLoop> loop, grpc::ServerCompletionQueue* queue);

 private:
  const std::shared_ptr<KvCore> core_;
};

}  // namespace nokv::rpc
