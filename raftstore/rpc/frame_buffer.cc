#include "raftstore/rpc/frame_buffer.h"

#include "engine/base/codec.h"

#include <algorithm>
#include <string>

namespace nokv::rpc {
namespace {

constexpr char kTag = (1 << 3) | 2;  // Field 1, length-delimited.

// A slice of gRPC that holds a payload. The bytes are only read.
grpc::Slice Refer(const raft::Payload& payload) {
  auto* const held = new raft::Payload(payload);
  char* const bytes = const_cast<char*>(held->view().data());
  return {bytes, held->size(), [](void* user) { delete static_cast<raft::Payload*>(user); }, held};
}

std::string_view ViewOf(const grpc::Slice& slice) {
  return {reinterpret_cast<const char*>(slice.begin()), slice.size()};
}

}  // namespace

grpc::ByteBuffer Wrap(const transport::Frame& frame) {
  std::string wrap(1, kTag);
  PutVarint(wrap, frame.size_bytes);
  std::vector<grpc::Slice> slices;
  slices.reserve(1 + frame.slices.size());
  slices.emplace_back(wrap.data(), wrap.size());
  for (const raft::Payload& payload : frame.slices) slices.push_back(Refer(payload));
  return {slices.data(), slices.size()};
}

absl::StatusOr<Unwrapped> Unwrap(const grpc::ByteBuffer& buffer) {
  Unwrapped unwrapped;
  if (!buffer.Dump(&unwrapped.slices).ok()) return InternalError("a message that can't be read");

  // The wrap may lie across pieces, if somebody means harm.
  std::string beginning;
  for (const grpc::Slice& slice : unwrapped.slices) {
    beginning += ViewOf(slice).substr(0, kFrameWrapBytesMax - beginning.size());
    if (beginning.size() == kFrameWrapBytesMax) break;
  }
  Decoder in(std::string_view(beginning).substr(std::min<size_t>(1, beginning.size())));
  uint64_t size = 0;
  const bool is_wrapped = !beginning.empty() && beginning[0] == kTag && in.Varint(&size);
  size_t skip = beginning.size() - in.remaining();
  if (!is_wrapped || size == 0 || size != buffer.Length() - skip) {
    return DataLossError("a message of {} bytes that holds no frame", buffer.Length());
  }
  for (const grpc::Slice& slice : unwrapped.slices) {
    const std::string_view bytes = ViewOf(slice);
    const size_t skipped = std::min(skip, bytes.size());
    skip -= skipped;
    if (skipped < bytes.size()) unwrapped.pieces.push_back(bytes.substr(skipped));
  }
  return unwrapped;
}

}  // namespace nokv::rpc
