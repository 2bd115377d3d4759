// Integers as the Redis protocol and Redis values write them: one spelling a number.
//
// "0", "-7" and "9223372036854775807" are integers; "", "+1", "01", "-0", " 1" and anything past
// 64 bits are not.
//
// Thread-safety: pure functions.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

namespace nokv::resp {

inline std::optional<int64_t> ParseInteger(std::string_view text) {
  if (text == "0") return 0;
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  constexpr size_t kDigitsMax = 19;
  if (text.empty() || text.size() > kDigitsMax || text[0] < '1') return std::nullopt;

  uint64_t magnitude = 0;  // 19 digits always fit.
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    magnitude = magnitude * 10 + static_cast<uint64_t>(c - '0');
  }
  constexpr auto kMax = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  if (magnitude > kMax + (negative ? 1 : 0)) return std::nullopt;
  return static_cast<int64_t>(negative ? 0 - magnitude : magnitude);
}

}  // namespace nokv::resp
