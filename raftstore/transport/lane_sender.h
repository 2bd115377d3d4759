// One lane to one store: connects, sends batches one frame at a time, and starts over when it
// breaks.
//
//             a message            open, hello          welcome
//     idle ─────────────► connecting ─────► greeting ────────────► up
//      ▲                      │                │                   │
//      │   time is over       └──── failed, refused, too slow ─────┤
//      └───────────────── backing off ◄────────────────────────────┘
//
// While it backs off nothing waits: messages are dropped and reported, so that a dead store costs
// neither memory nor work. A frame is sent on one connection only and never again.
//
// Thread-safety: safe.
#pragma once

#include "engine/base/mutex.h"
#include "raftstore/transport/handshake.h"
#include "raftstore/transport/lane_queue.h"
#include "raftstore/transport/seams.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace nokv::transport {

enum class LaneState : uint8_t { kIdle, kConnecting, kGreeting, kUp, kBackingOff, kClosed };

std::string_view ToString(LaneState state);

struct LaneStatus {
  StoreId to = 0;
  Lane lane = Lane::kControl;
  LaneState state = LaneState::kIdle;
  uint64_t attempts = 0;
  uint64_t failures = 0;
  uint64_t frames = 0;    // Batches handed to the network,
  uint64_t messages = 0;  // and the messages in them.
  uint64_t dropped = 0;   // Never handed to it.
  size_t waiting_messages = 0;
  uint64_t waiting_bytes = 0;
  std::string last_error = {};
};

// The pause after this many failures in a row, from 1: doubles, and is drawn from its upper half,
// so that stores that lost each other together do not come back together.
absl::Duration Backoff(uint32_t failures, const Options& options, Random& random);

class LaneSender final : public std::enable_shared_from_this<LaneSender> {
 public:
  // The first frame will be the one after `sequence`.
  struct Route {
    StoreId to = 0;
    Lane lane = Lane::kControl;
    uint64_t sequence = 0;
    uint64_t seed = 0;
  };

  LaneSender(const Identity& self, const Route& route, const Options& options, const Seams& seams);

  void Send(std::vector<Envelope> envelopes);

  // Ends what takes too long.
  void Tick();

  // Ends all, for ever. Returns the sequence of the last frame.
  uint64_t Close();

  LaneStatus status();

 private:
  class Attempt;  // The events of one connection.

  struct Outgoing {
    std::shared_ptr<Connection> connection;
    FrameHeader header;
    std::vector<Envelope> batch;  // Empty: a hello.
  };

  void Connect(uint64_t attempt);
  void OnAddress(uint64_t attempt, const absl::StatusOr<std::string>& resolved);
  void OnWritable(uint64_t attempt);
  void OnReceived(uint64_t attempt, Pieces pieces);
  void Fail(uint64_t attempt, const absl::Status& why);

  absl::Time Now();
  void BeginAttemptLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::optional<Outgoing> TakeFrameLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsCurrentLocked(uint64_t attempt) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Perform(std::optional<Outgoing> outgoing);
  void Report(std::vector<Undelivered> undelivered);

  const Identity self_;
  const StoreId to_;
  const Lane lane_;
  const Options options_;
  const Seams seams_;

  Mutex mutex_;
  Random random_ ABSL_GUARDED_BY(mutex_);
  LaneQueue queue_ ABSL_GUARDED_BY(mutex_);
  LaneState state_ ABSL_GUARDED_BY(mutex_) = LaneState::kIdle;
  uint64_t attempt_ ABSL_GUARDED_BY(mutex_) = 0;  // Events of another are of the past.
  uint64_t sequence_ ABSL_GUARDED_BY(mutex_);     // Of the last frame, over all connections.
  std::shared_ptr<Connection> connection_ ABSL_GUARDED_BY(mutex_);
  bool is_writable_ ABSL_GUARDED_BY(mutex_) = false;  // No frame is on its way to the network.
  absl::Time deadline_ ABSL_GUARDED_BY(mutex_);  // Of the handshake, or of the frame on its way.
  absl::Time up_since_ ABSL_GUARDED_BY(mutex_);
  absl::Time retry_at_ ABSL_GUARDED_BY(mutex_);
  uint32_t failures_in_row_ ABSL_GUARDED_BY(mutex_) = 0;
  std::string known_address_ ABSL_GUARDED_BY(mutex_);
  LaneStatus status_ ABSL_GUARDED_BY(mutex_);  // The counters and the last error.
};

}  // namespace nokv::transport
