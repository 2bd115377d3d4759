// A frame: the unit that a stream carries, with a header that says whose it is and where it
// belongs.
//
//   frame    := version u8 | kind u8 | crc32c u32 | cluster u64 | store u64 | incarnation u64
//               | sequence u64 | metadata_bytes u32 | payload_bytes u32 | metadata | payloads
//
// All integers are little-endian. The checksum covers everything after itself, version and kind.
// Payloads come after all metadata, so that a frame is one small piece of its own and references to
// bytes that others hold too: an entry's payload is never copied to be sent.
//
// Invariants: `sequence` grows by one from frame to frame of a caller's incarnation on a lane, over
// all connections; answers to a hello have none (0). `incarnation` grows with each start of a
// store.
//
// Thread-safety: values and pure functions.
#pragma once

#include "engine/base/status.h"
#include "raftstore/raft/payload.h"
#include "raftstore/transport/envelope.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nokv::transport {

inline constexpr uint8_t kVersion = 2;           // Of batches.
inline constexpr uint8_t kHandshakeVersion = 1;  // Of all other frames, for ever.
inline constexpr size_t kHeaderBytes = 46;
inline constexpr size_t kMetadataBytesMax = 4 << 20;
inline constexpr size_t kFrameBytesMax = 16 << 20;  // Also what the network must let through.

enum class FrameKind : uint8_t {
  kHello = 1,    // The first of whoever opened the stream.
  kWelcome = 2,  // The answer: send.
  kRefusal = 3,  // The answer: why not.
  kBatch = 4,    // Messages.
};

struct FrameHeader {
  FrameKind kind = FrameKind::kBatch;
  uint64_t cluster = 0;
  StoreId store = 0;  // The sender.
  uint64_t incarnation = 0;
  uint64_t sequence = 0;

  friend bool operator==(const FrameHeader&, const FrameHeader&) = default;
};

// Bytes in order, each slice shared with whoever else holds it.
struct Frame {
  std::vector<raft::Payload> slices = {};
  size_t size_bytes = 0;
};

// What has come: one frame in any number of pieces, valid for the call that hands them over.
using Pieces = std::span<const std::string_view>;

// What follows the header.
struct FrameBody {
  std::string metadata = {};
  std::vector<raft::Payload> payloads = {};  // Not empty ones; in the order of the metadata.
};

// Payloads below this size are copied next to each other instead of referred to one by one: a
// reference costs more than so short a copy.
inline constexpr size_t kCopiedBytesMax = 512;

// InvalidArgument if the frame would be larger than allowed.
absl::StatusOr<Frame> EncodeFrame(const FrameHeader& header, const FrameBody& body);

// A frame taken apart. `metadata` lies in the pieces, or in `gathered` where a boundary cuts it.
struct ReceivedFrame {
  FrameHeader header = {};
  std::string gathered = {};
  bool is_gathered = false;
  std::string_view whole = {};
  Pieces pieces = {};
  size_t payloads_at = 0;  // Where payloads begin, in bytes from the frame's beginning.
  size_t payload_bytes = 0;

  std::string_view metadata() const { return is_gathered ? std::string_view(gathered) : whole; }
};

// Unimplemented for a version that is not known here, DataLoss for bytes that are no frame.
absl::StatusOr<ReceivedFrame> DecodeFrame(Pieces pieces);

// Takes payloads off a frame one after the other, each into an allocation of its own.
// Thread-safety: none.
class PayloadReader {
 public:
  explicit PayloadReader(const ReceivedFrame& frame);

  // False if fewer bytes are left. What came before stays valid.
  bool Take(size_t bytes, raft::Payload* payload);

  size_t remaining() const { return remaining_; }

 private:
  void Skip(size_t bytes);

  Pieces pieces_;
  size_t piece_ = 0;
  size_t offset_ = 0;  // In the piece.
  size_t remaining_;
};

}  // namespace nokv::transport
