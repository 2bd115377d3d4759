#include "percolator/mvcc/integer_text.h"

#include <charconv>
#include <system_error>

namespace nokv::mvcc {

std::string EncodeInteger(std::string_view header, int64_t number) {
  std::string value(header);
  value += std::to_string(number);
  return value;
}

Integer DecodeInteger(std::string_view header, std::string_view value) {
  if (!value.starts_with(header)) return CannotAddReason::kOtherHeader;
  const std::string_view text = value.substr(header.size());
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  // What does not read back as it was is another form, like "007", or has a rest.
  if (error != std::errc() || std::to_string(number) != text) return CannotAddReason::kNotAnInteger;
  return number;
}

Integer Add(int64_t number, int64_t delta) {
  int64_t sum = 0;
  if (__builtin_add_overflow(number, delta, &sum)) return CannotAddReason::kOutOfRange;
  return sum;
}

}  // namespace nokv::mvcc
