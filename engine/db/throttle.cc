#include "engine/db/throttle.h"

#include <algorithm>

namespace nokv {
namespace {

// 0 up to `slow`, rising to 1 at `full`.
double Slope(double value, double slow, double full) {
  if (value <= slow) return 0;
  return std::min(1.0, (value - slow) / (full - slow));
}

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
        std::max(pressure, Slope(static_cast<double>(debts.disk_bytes), target, 1.25 * target));
  }
  if (pressure <= 0) return absl::ZeroDuration();
  // Quadratic: the first waits are much shorter than the last.
  const double kib = static_cast<double>(bytes + 256) / 1024.0;
  return kDelayMaxPerKiB * (pressure * pressure * kib);
}

uint64_t LikelyLiveBytes(const ValueSpace& space) {
  const auto upper = static_cast<double>(space.upper_bytes);
  const auto unflushed = static_cast<double>(space.unflushed_bytes);
  const double likely = static_cast<double>(space.live_bytes) - space.drop_ratio * upper +
                        (1 - space.drop_ratio) * unflushed;
  return static_cast<uint64_t>(std::max(likely, 0.0));
}

SpaceBudget DivideSpace(double space_target) {
  const double overhead = space_target - 1.0;
  return {.dead_share_known = 0.40 * overhead,
          .upper_share_max = 0.25 * overhead,
          .log_share = 0.20 * overhead};
}

}  // namespace nokv
