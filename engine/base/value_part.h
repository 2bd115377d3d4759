// A value that is part of a larger run of bytes: which part, and what it must be.
//
// Thread-safety: values and pure functions.
#pragma once

#include "engine/base/crc32c.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace nokv {

// How much of a part may be kept elsewhere, as its head.
inline constexpr size_t kPartHeadBytesMax = 64;

struct ValuePart {
  uint32_t offset = 0;
  uint32_t size = 0;
  uint32_t check = 0;  // CRC32C of the part.

  friend bool operator==(const ValuePart&, const ValuePart&) = default;
};

// The part of `whole`, or none if it does not fit or, with `verify`, is not what it should be.
inline std::optional<std::string_view> CutPart(std::string_view whole, const ValuePart& part,
                                               bool verify) {
  if (part.offset > whole.size() || part.size > whole.size() - part.offset) return std::nullopt;
  const std::string_view bytes = whole.substr(part.offset, part.size);
  if (verify && Crc32c(bytes) != part.check) return std::nullopt;
  return bytes;
}

}  // namespace nokv
