#include "percolator/client/backoff.h"

#include <algorithm>

namespace nokv::client {
namespace {

struct Growth {
  int64_t base_us;
  int64_t cap_us;
};

constexpr std::array<Growth, kWaits> kGrowth = {{
    {.base_us = 0, .cap_us = 200'000},         // kHint
    {.base_us = 2'000, .cap_us = 200'000},     // kMoved
    {.base_us = 5'000, .cap_us = 500'000},     // kUnreachable
    {.base_us = 2'000, .cap_us = 100'000},     // kStale
    {.base_us = 20'000, .cap_us = 2'000'000},  // kBusy
    {.base_us = 5'000, .cap_us = 500'000},     // kLocked
    {.base_us = 20'000, .cap_us = 1'000'000},  // kDriver
}};

constexpr int64_t kSecondHintUs = 2'000;
constexpr uint8_t kDoublingsMax = 20;  // Past every cap.

}  // namespace

absl::Duration Backoff::Next(Wait wait, Random& random) {
  const auto index = static_cast<size_t>(wait);
  const Growth& growth = kGrowth[index];
  const uint8_t tries = tries_[index];
  tries_[index] = std::min<uint8_t>(tries + 1, kDoublingsMax);
  int64_t full_us = growth.base_us << tries;
  if (wait == Wait::kHint && tries > 0) full_us = kSecondHintUs << tries;
  full_us = std::min(full_us, growth.cap_us);
  if (full_us == 0) return absl::ZeroDuration();
  const auto half = static_cast<uint64_t>(full_us) / 2;
  return absl::Microseconds(static_cast<int64_t>(half + random.Uniform(half + 1)));
}

}  // namespace nokv::client
