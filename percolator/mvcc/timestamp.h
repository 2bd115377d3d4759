// A timestamp of the cluster's oracle: 46 bits of Unix milliseconds and 18 bits of counter. Unique
// and rising, so it orders transactions and also names them.
//
// Thread-safety: a value.
#pragma once

#include "engine/base/check.h"

#include <compare>
#include <cstdint>

namespace nokv::mvcc {

class Timestamp {
 public:
  static constexpr int kCounterBits = 18;
  static constexpr uint64_t kMillisMax = (uint64_t{1} << 46) - 1;
  static constexpr uint64_t kCounterMax = (uint64_t{1} << kCounterBits) - 1;

  // Before every timestamp that was ever drawn: no transaction has it.
  constexpr Timestamp() = default;

  constexpr explicit Timestamp(uint64_t bits) : bits_(bits) {}

  static constexpr Timestamp FromParts(uint64_t millis, uint64_t counter) {
    NOKV_CHECK(millis <= kMillisMax && counter <= kCounterMax);
    return Timestamp(millis << kCounterBits | counter);
  }

  // Above every timestamp that will be drawn: reads the newest of everything.
  static constexpr Timestamp Max() { return Timestamp(UINT64_MAX); }

  constexpr uint64_t bits() const { return bits_; }

  constexpr uint64_t millis() const { return bits_ >> kCounterBits; }

  constexpr uint64_t counter() const { return bits_ & kCounterMax; }

  constexpr bool is_drawn() const { return bits_ != 0 && bits_ != UINT64_MAX; }

  constexpr auto operator<=>(const Timestamp&) const = default;

 private:
  uint64_t bits_ = 0;
};

}  // namespace nokv::mvcc
