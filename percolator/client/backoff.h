// How long an operation waits before it tries again: a little at first, then longer, each cause by
// itself, half of it random so that those who failed together do not come back together.
//
// Thread-safety: none; one operation owns it.
#pragma once

#include "engine/base/random.h"

#include <absl/time/time.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace nokv::client {

// What is waited for.
enum class Wait : uint8_t {
  kHint,         // Nothing: somebody said who leads. But the second time it is as kMoved.
  kMoved,        // A region that nobody leads yet, or that is elsewhere.
  kUnreachable,  // A store that does not answer.
  kStale,        // The end of a change of leader.
  kBusy,         // A store that asked for time.
  kLocked,       // Another transaction.
  kDriver,       // The placement driver.
};

inline constexpr size_t kWaits = 7;

class Backoff {
 public:
  // Between half and all of: base, doubled with each call of the same kind, up to the cap.
  absl::Duration Next(Wait wait, Random& random);

  // What was waited for came.
  void Reset() { tries_ = {}; }

 private:
  std::array<uint8_t, kWaits> tries_{};
};

}  // namespace nokv::client
