// The first words of a stream: who calls whom, and whether that is right.
//
//   hello   := to varint | lane u8 | version_min u8 | version_max u8
//   welcome := to varint | version u8
//   refusal := code u8 | reason (the rest)
//
// The frames of a handshake have version 1 for ever, so that any two stores can tell each other
// why they cannot talk; the hello offers a range of versions and the welcome chooses.
//
// Thread-safety: pure functions and values.
#pragma once

#include "engine/base/status.h"
#include "raftstore/transport/frame.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace nokv::transport {

// Who a store is. `incarnation` grows with each start; no two runs of a store share one.
struct Identity {
  uint64_t cluster = 0;
  StoreId store = 0;
  uint64_t incarnation = 0;
};

struct Hello {
  StoreId to = 0;  // Whom the caller means to reach: addresses move.
  Lane lane = Lane::kControl;
  uint8_t version_min = kVersion;
  uint8_t version_max = kVersion;
};

struct Welcome {
  StoreId to = 0;
  uint8_t version = kVersion;
};

inline constexpr size_t kReasonBytesMax = 512;

std::string EncodeHello(const Hello& hello);
std::string EncodeWelcome(const Welcome& welcome);
std::string EncodeRefusal(const absl::Status& why);  // Not OK. A longer reason is cut.

// DataLoss for bytes that are none.
absl::StatusOr<Hello> DecodeHello(std::string_view metadata);
absl::StatusOr<Welcome> DecodeWelcome(std::string_view metadata);

// The refusal itself, which is never OK, or DataLoss.
absl::Status DecodeRefusal(std::string_view metadata);

// What a caller thinks of the answer to its hello: OK for a welcome of the store that it meant.
absl::Status CheckAnswer(const ReceivedFrame& answer, const Identity& self, StoreId expected);

}  // namespace nokv::transport
