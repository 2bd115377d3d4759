// The only source of randomness. Always seeded, so that one seed repeats a run.
//
// The generator is xoshiro256** seeded through splitmix64 (Blackman and Vigna, 2018).
// Thread-safety: none; give each user its own.
#pragma once

#include <cstdint>

namespace nokv {

class Random {
 public:
  explicit Random(uint64_t seed);

  uint64_t Next();

  // Uniform in [0, bound); bound > 0.
  uint64_t Uniform(uint64_t bound);

  // True once in `n` draws on average; n > 0.
  bool OneIn(uint64_t n) { return Uniform(n) == 0; }

  // Uniform in [0, 1).
  double NextDouble() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }

 private:
  uint64_t state_[4];
};

// 64 bits that no earlier process has seen, from the operating system. For seeds and ids only.
uint64_t EntropySeed();

}  // namespace nokv
