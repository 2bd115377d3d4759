// Integers that are kept as text, behind a header that says what the text is: what an add reads and
// writes, without a notion of what the header means.
//
//   value  = header number
//   number = ["-"] digits      a signed integer of 64 bits in its one decimal form: no leading
//                              zeros, no "-0", no "+", no spaces
//
// Thread-safety: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace nokv::mvcc {

// Header and number together always stand in the write record.
inline constexpr size_t kAddHeaderBytesMax = 64;

enum class CannotAddReason : uint8_t {
  kOtherHeader,   // The value is of another kind.
  kNotAnInteger,  // Behind the header stands something else.
  kOutOfRange,    // The sum does not fit into 64 bits.
};

using Integer = std::variant<int64_t, CannotAddReason>;

std::string EncodeInteger(std::string_view header, int64_t number);

Integer DecodeInteger(std::string_view header, std::string_view value);

Integer Add(int64_t number, int64_t delta);

}  // namespace nokv::mvcc
