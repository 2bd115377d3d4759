#include "raftstore/transport/frame.h"

#include "engine/base/check.h"
#include "engine/base/codec.h"
#include "engine/base/crc32c.h"

#include <algorithm>
#include <utility>

namespace nokv::transport {
namespace {

constexpr size_t kVersionAt = 0;
constexpr size_t kKindAt = 1;
constexpr size_t kChecksumAt = 2;
constexpr size_t kCheckedFrom = 6;

// The checksum of pieces put together, which leaves itself out.
uint32_t Checksum(Pieces pieces) {
  uint32_t crc = 0;
  size_t at = 0;
  for (std::string_view piece : pieces) {
    const size_t begin = at;
    at += piece.size();
    if (begin < kChecksumAt) {
      crc = ExtendCrc32c(crc, piece.substr(0, std::min(piece.size(), kChecksumAt - begin)));
    }
    if (at > kCheckedFrom) {
      crc = ExtendCrc32c(crc, piece.substr(begin < kCheckedFrom ? kCheckedFrom - begin : 0));
    }
  }
  return crc;
}

// Copies bytes [from, from + size) of the pieces, which has them.
void CopyOut(Pieces pieces, size_t from, size_t size, char* to) {
  for (std::string_view piece : pieces) {
    if (from >= piece.size()) {
      from -= piece.size();
      continue;
    }
    const size_t count = std::min(size, piece.size() - from);
    std::memcpy(to, piece.data() + from, count);
    to += count;
    size -= count;
    from = 0;
    if (size == 0) return;
  }
  NOKV_CHECK(size == 0);
}

uint8_t VersionOf(FrameKind kind) {
  return kind == FrameKind::kBatch ? kVersion : kHandshakeVersion;
}

std::string EncodeHeader(const FrameHeader& header, size_t metadata_bytes, size_t payload_bytes) {
  std::string out;
  out.reserve(kHeaderBytes + metadata_bytes);
  out.push_back(static_cast<char>(VersionOf(header.kind)));
  out.push_back(static_cast<char>(header.kind));
  PutFixed<uint32_t>(out, 0);  // The checksum, when everything else is there.
  PutFixed<uint64_t>(out, header.cluster);
  PutFixed<uint64_t>(out, header.store);
  PutFixed<uint64_t>(out, header.incarnation);
  PutFixed<uint64_t>(out, header.sequence);
  PutFixed<uint32_t>(out, static_cast<uint32_t>(metadata_bytes));
  PutFixed<uint32_t>(out, static_cast<uint32_t>(payload_bytes));
  NOKV_CHECK(out.size() == kHeaderBytes);
  return out;
}

}  // namespace

absl::StatusOr<Frame> EncodeFrame(const FrameHeader& header, const FrameBody& body) {
  size_t payload_bytes = 0;
  for (const raft::Payload& payload : body.payloads) payload_bytes += payload.size();
  const size_t size = kHeaderBytes + body.metadata.size() + payload_bytes;
  if (size > kFrameBytesMax || body.metadata.size() > kMetadataBytesMax) {
    return InvalidArgumentError("a frame of {} bytes, {} of them metadata: at most {} and {}", size,
                                body.metadata.size(), kFrameBytesMax, kMetadataBytesMax);
  }

  // Runs of bytes that this frame owns, and shared payloads between them. The first run begins with
  // the header, whose checksum is known only at the end.
  std::string run = EncodeHeader(header, body.metadata.size(), payload_bytes);
  run += body.metadata;
  std::vector<std::string> runs;
  std::vector<std::pair<size_t, const raft::Payload*>> order;  // Run or payload.
  const auto end_run = [&] {
    if (run.empty()) return;
    order.emplace_back(runs.size(), nullptr);
    runs.push_back(std::exchange(run, {}));
  };
  for (const raft::Payload& payload : body.payloads) {
    if (payload.size() < kCopiedBytesMax) {
      run += payload.view();
      continue;
    }
    end_run();
    order.emplace_back(0, &payload);
  }
  end_run();

  std::vector<std::string_view> pieces;
  pieces.reserve(order.size());
  for (const auto& [at, payload] : order) {
    pieces.push_back(payload == nullptr ? std::string_view(runs[at]) : payload->view());
  }
  StoreFixed(runs[0].data() + kChecksumAt, Checksum(pieces));

  Frame frame;
  frame.size_bytes = size;
  frame.slices.reserve(order.size());
  for (const auto& [at, payload] : order) {
    frame.slices.push_back(payload == nullptr ? raft::Payload(runs[at]) : *payload);
  }
  return frame;
}

absl::StatusOr<ReceivedFrame> DecodeFrame(Pieces pieces) {
  size_t size = 0;
  for (std::string_view piece : pieces) size += piece.size();
  if (size < kHeaderBytes) {
    return DataLossError("a frame of {} bytes, where its header takes {}", size, kHeaderBytes);
  }
  if (size > kFrameBytesMax) {
    return DataLossError("a frame of {} bytes, more than {}", size, kFrameBytesMax);
  }
  char header[kHeaderBytes];
  CopyOut(pieces, 0, kHeaderBytes, header);

  ReceivedFrame frame;
  const auto version = static_cast<uint8_t>(header[kVersionAt]);
  if (version != kVersion && version != kHandshakeVersion) {
    return UnimplementedError("a frame of version {}, where this store reads version {}", version,
                              kVersion);
  }
  const uint32_t stored = LoadFixed<uint32_t>(header + kChecksumAt);
  if (const uint32_t actual = Checksum(pieces); stored != actual) {
    return DataLossError("a frame of {} bytes whose checksum is {:08x}, not {:08x}", size, actual,
                         stored);
  }
  frame.header.kind = static_cast<FrameKind>(header[kKindAt]);
  if (frame.header.kind < FrameKind::kHello || frame.header.kind > FrameKind::kBatch) {
    return DataLossError("a frame of unknown kind {}", static_cast<int>(frame.header.kind));
  }
  if (version != VersionOf(frame.header.kind)) {
    return UnimplementedError(
        "a frame of kind {} and version {}, where this store reads version {}",
        static_cast<int>(frame.header.kind), version, VersionOf(frame.header.kind));
  }
  frame.header.cluster = LoadFixed<uint64_t>(header + 6);
  frame.header.store = LoadFixed<uint64_t>(header + 14);
  frame.header.incarnation = LoadFixed<uint64_t>(header + 22);
  frame.header.sequence = LoadFixed<uint64_t>(header + 30);
  const uint64_t metadata_bytes = LoadFixed<uint32_t>(header + 38);
  const uint64_t payload_bytes = LoadFixed<uint32_t>(header + 42);
  if (metadata_bytes > kMetadataBytesMax || kHeaderBytes + metadata_bytes + payload_bytes != size) {
    return DataLossError("a frame of {} bytes that claims {} of metadata and {} of payload", size,
                         metadata_bytes, payload_bytes);
  }

  frame.pieces = pieces;
  frame.payloads_at = kHeaderBytes + metadata_bytes;
  frame.payload_bytes = payload_bytes;
  if (pieces[0].size() >= frame.payloads_at) {
    frame.whole = pieces[0].substr(kHeaderBytes, metadata_bytes);
  } else {
    frame.is_gathered = true;
    frame.gathered.resize(metadata_bytes);
    CopyOut(pieces, kHeaderBytes, metadata_bytes, frame.gathered.data());
  }
  return frame;
}

PayloadReader::PayloadReader(const ReceivedFrame& frame)
    : pieces_(frame.pieces), remaining_(frame.payload_bytes) {
  Skip(frame.payloads_at);
}

bool PayloadReader::Take(size_t bytes, raft::Payload* payload) {
  if (bytes > remaining_) return false;
  remaining_ -= bytes;
  if (bytes == 0) {
    *payload = {};
    return true;
  }
  Skip(0);  // Past pieces that have ended.
  const std::string_view here = pieces_[piece_].substr(offset_);
  if (here.size() >= bytes) {
    *payload = raft::Payload(here.substr(0, bytes));
  } else {
    std::string gathered(bytes, '\0');
    CopyOut(pieces_.subspan(piece_), offset_, bytes, gathered.data());
    *payload = raft::Payload(gathered);
  }
  Skip(bytes);
  return true;
}

void PayloadReader::Skip(size_t bytes) {
  while (piece_ < pieces_.size() && bytes >= pieces_[piece_].size() - offset_) {
    bytes -= pieces_[piece_].size() - offset_;
    offset_ = 0;
    ++piece_;
  }
  offset_ += bytes;
}

}  // namespace nokv::transport
