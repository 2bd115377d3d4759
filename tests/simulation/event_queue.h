// Virtual time: what will happen, when, and in which order. The root of every simulated world.
//
// Everything that decides draws from random(), and everything that happens is an event here, so
// that one seed gives one history. trace() is a hash of it: two runs that differ anywhere differ
// there.
//
// Invariants: time never goes back; events of one instant happen in the order in which they were
// made; what belongs to a host does not happen once the host was killed.
//
// Thread-safety: none; a world has one thread.
#pragma once

#include "engine/base/random.h"

#include <absl/time/time.h>

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

namespace nokv::simulation {

using HostId = uint64_t;  // 0: the world itself.

inline constexpr HostId kWorld = 0;

class EventQueue {
 public:
  using Action = std::function<void()>;

  explicit EventQueue(uint64_t seed) : random_(seed) {}

  // Calls `action` after `delay`, unless `host` is killed before.
  void After(HostId host, absl::Duration delay, Action action);

  // Forgets what waits for the host. It may go on at once, as a new process.
  void Kill(HostId host) {
    ++lives_[host];
    paused_until_.erase(host);
  }

  // The host stands still: what should happen to it meanwhile happens afterwards, in its order.
  // Clocks go on.
  void Pause(HostId host, absl::Duration duration);

  // False if nothing is left to happen.
  bool RunOne();

  // Whatever happens in the time to come, and what follows from it in that time.
  void RunFor(absl::Duration duration);

  // Time passes and nobody runs; what should have happened meanwhile happens late.
  void Pass(absl::Duration duration) { now_nanos_ += Nanos(duration); }

  uint64_t now_nanos() const { return now_nanos_; }

  Random& random() { return random_; }

  // Uniform in [min, max].
  absl::Duration Between(absl::Duration min, absl::Duration max);

  bool Happens(uint32_t per_mille) { return per_mille > 0 && random_.Uniform(1000) < per_mille; }

  // Adds what has happened to the hash, with the time.
  void Trace(uint64_t value);

  uint64_t trace() const { return trace_; }

  uint64_t events() const { return events_; }

 private:
  struct Event {
    uint64_t at_nanos = 0;
    uint64_t order = 0;
    HostId host = kWorld;
    uint64_t life = 0;
    Action action = {};
  };

  static bool IsLater(const Event& a, const Event& b) {  // The heap has the first in front.
    return a.at_nanos != b.at_nanos ? a.at_nanos > b.at_nanos : a.order > b.order;
  }

  static uint64_t Nanos(absl::Duration duration) {
    return static_cast<uint64_t>(absl::ToInt64Nanoseconds(duration));
  }

  Random random_;
  uint64_t now_nanos_ = 0;
  uint64_t order_ = 0;
  uint64_t events_ = 0;
  uint64_t trace_ = 0;
  std::vector<Event> heap_;
  std::map<HostId, uint64_t> lives_;
  std::map<HostId, uint64_t> paused_until_;
};

}  // namespace nokv::simulation
