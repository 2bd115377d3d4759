#include "engine/db/throttle.h"

#include <algorithm>

namespace nokv {
namespace {

// 0 up to `slow`, rising to 1 at `full`.
double Slope(double value, double slow, double full) {
  if (value <= slow) return 0;
  return std::min(1.0, (value - slow) / (full - slow));
}

// Of the overhead that the space target allows; the rest is for what background work has in hand.
constexpr double kThrottledFrom = 0.8;

constexpr absl::Duration kDelayMaxPerKiB = absl::Microseconds(200);

}  // namespace

absl::Duration ThrottleDelay(const Debts& debts, uint64_t bytes) {
  double pressure = 0;
  if (debts.immutable_memtables_max > 1) {
    const auto full = static_cast<double>(debts.immutable_memtables_max);
    pressure = Slope(static_cast<double>(debts.immutable_memtables), full / 2, full);
  }
  if (debts.level0_tables_slow > 0) {
    const auto slow = static_cast<double>(debts.level0_tables_slow);
    pressure = std::max(pressure, Slope(static_cast<double>(debts.level0_tables), slow, 3 * slow));
  }
  if (debts.disk_bytes_target > 0) {
    const auto target = static_cast<double>(debts.disk_bytes_target);
    pressure =
        std::max(pressure, Slope(static_cast<double>(debts.disk_bytes), target, 1.1 * target));
  }
  if (pressure <= 0) return absl::ZeroDuration();
  // Quadratic: the first waits are much shorter than the last.
  const double kib = static_cast<double>(bytes + 256) / 1024.0;
  return kDelayMaxPerKiB * (pressure * pressure * kib);
}

uint64_t LikelyLiveBytes(const ValueSpace& space) {
  const double likely = static_cast<double>(space.live_bytes) -
                        static_cast<double>(space.replaced_bytes) +
                        (1 - space.unflushed_share) * static_cast<double>(space.unflushed_bytes);
  return static_cast<uint64_t>(std::max(likely, 0.0));
}

uint64_t DiskTarget(double space_target, uint64_t live_bytes, uint64_t overshoot_bytes) {
  const auto live = static_cast<double>(live_bytes);
  const auto share = static_cast<uint64_t>(live * (1 + kThrottledFrom * (space_target - 1)));
  return std::max(share, live_bytes + overshoot_bytes);
}

SpaceBudget DivideSpace(double space_target) {
  const double overhead = space_target - 1.0;
  return {.dead_share_known = 0.30 * overhead,
          .upper_share_max = 0.20 * overhead,
          .log_share = 0.15 * overhead};
}

}  // namespace nokv
