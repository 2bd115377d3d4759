// Ranks with the popularity of Zipf's law: rank r is drawn with a probability proportional to
// 1 / (r + 1)^theta (Gray et al., "Quickly generating billion-record synthetic databases", 1994).
//
// Thread-safety: Next() is const; the random source is the caller's.
#pragma once

#include "engine/base/random.h"

#include <cstdint>

namespace nokv::bench {

class Zipfian {
 public:
  static constexpr double kTheta = 0.99;

  // Ranks are in [0, items); items >= 2.
  explicit Zipfian(uint64_t items);

  uint64_t Next(Random& random) const;

  // The sum of 1 / i^theta for i in [1, items], exact to some 12 digits. For large `items` the
  // tail is summed by the Euler-Maclaurin formula.
  static double Zeta(uint64_t items);

 private:
  const uint64_t items_;
  const double zeta_;
  const double eta_;
};

}  // namespace nokv::bench
