#include "benchmark/ycsb/zipfian.h"

#include <algorithm>
#include <cmath>

namespace nokv::bench {
namespace {

const double kFirstTwo = 1 + std::pow(0.5, Zipfian::kTheta);

}  // namespace

double Zipfian::Zeta(uint64_t items) {
  constexpr uint64_t kSummedOneByOne = 100'000;
  const uint64_t head = std::min(items, kSummedOneByOne);
  double sum = 0;
  for (uint64_t i = 1; i <= head; ++i) sum += std::pow(static_cast<double>(i), -kTheta);
  if (items == head) return sum;
  const auto from = static_cast<double>(head);
  const auto to = static_cast<double>(items);
  sum += (std::pow(to, 1 - kTheta) - std::pow(from, 1 - kTheta)) / (1 - kTheta);
  sum += (std::pow(to, -kTheta) - std::pow(from, -kTheta)) / 2;
  sum += kTheta * (std::pow(from, -kTheta - 1) - std::pow(to, -kTheta - 1)) / 12;
  return sum;
}

Zipfian::Zipfian(uint64_t items)
    : items_(items),
      zeta_(Zeta(items)),
      eta_((1 - std::pow(2.0 / static_cast<double>(items), 1 - kTheta)) / (1 - kFirstTwo / zeta_)) {
}

uint64_t Zipfian::Next(Random& random) const {
  const double draw = random.NextDouble();
  if (draw * zeta_ < 1) return 0;
  if (draw * zeta_ < kFirstTwo) return 1;
  const double rank =
      static_cast<double>(items_) * std::pow(eta_ * draw - eta_ + 1, 1 / (1 - kTheta));
  return std::min(static_cast<uint64_t>(rank), items_ - 1);
}

}  // namespace nokv::bench
