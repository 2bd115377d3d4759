// Frames as the bytes that they are, for tests.
//
// Thread-safety: pure functions and values.
#pragma once

#include "engine/base/codec.h"
#include "engine/base/crc32c.h"
#include "raftstore/transport/frame.h"

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace nokv::transport::testing {

inline std::string Flat(const Frame& frame) {
  std::string bytes;
  for (const raft::Payload& slice : frame.slices) bytes += slice.view();
  return bytes;
}

inline std::string Hex(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return text;
}

// One piece, kept alive here.
class Views {
 public:
  explicit Views(std::string bytes) : bytes_(std::move(bytes)), piece_(bytes_) {}

  Views(const Views&) = delete;
  Views& operator=(const Views&) = delete;

  // NOLINTNEXTLINE(google-explicit-constructor): stands for the pieces it holds.
  operator Pieces() const { return {&piece_, 1}; }

 private:
  const std::string bytes_;
  const std::string_view piece_;
};

// Makes the checksum right again, so that a mutation reaches what lies behind it.
inline void FixChecksum(std::string& frame) {
  if (frame.size() < kHeaderBytes) return;
  const uint32_t crc =
      ExtendCrc32c(Crc32c(std::string_view(frame).substr(0, 2)), std::string_view(frame).substr(6));
  StoreFixed(frame.data() + 2, crc);
}

}  // namespace nokv::transport::testing
