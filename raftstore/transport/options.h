// The transport's bounds and times.
//
// Thread-safety: values.
#pragma once

#include "engine/base/status.h"
#include "raftstore/transport/batch.h"

#include <absl/time/time.h>

#include <cstdint>

namespace nokv::transport {

struct Options {
  // Of one lane to one store: messages that wait, and those of the frame on its way.
  size_t queue_messages_max = 16'384;
  uint64_t queue_bytes_max = 64 << 20;

  size_t batch_messages_max = kBatchMessagesMax;
  uint64_t batch_bytes_max = kBatchBytesMax;

  absl::Duration backoff_min = absl::Milliseconds(100);
  absl::Duration backoff_max = absl::Seconds(5);

  // From the wish for a connection to the welcome, and from the call to its hello.
  absl::Duration handshake_time_max = absl::Seconds(3);

  // For the network to take one frame. A store that takes this long is as good as gone.
  absl::Duration send_time_max = absl::Seconds(10);

  size_t stores_max = 4'096;   // That may call.
  size_t strangers_max = 256;  // Accepted streams that have not said hello yet.
};

// InvalidArgument that names the option.
absl::Status Validate(const Options& options);

}  // namespace nokv::transport
