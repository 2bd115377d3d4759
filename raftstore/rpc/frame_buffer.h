// Frames of the transport as messages of gRPC, and back, without copying what is large.
//
// On the wire a frame is the only field of nokv.raft.v1.Frame, so that it is a protobuf message to
// whoever looks: one byte of tag, the length, the frame. No protobuf code touches it.
//
// Thread-safety: pure functions.
#pragma once

#include "engine/base/status.h"
#include "raftstore/transport/frame.h"

#include <grpcpp/support/byte_buffer.h>
#include <string_view>
#include <vector>

namespace nokv::rpc {

// What the tag and the length take at most.
inline constexpr size_t kFrameWrapBytesMax = 8;

// The buffer refers to the frame's slices until gRPC has done with them.
grpc::ByteBuffer Wrap(const transport::Frame& frame);

// A frame that has come, in the pieces in which it came.
struct Unwrapped {
  std::vector<grpc::Slice> slices = {};
  std::vector<std::string_view> pieces = {};  // Of the frame, in `slices`. None is empty.
};

// DataLoss if the buffer is not the message.
absl::StatusOr<Unwrapped> Unwrap(const grpc::ByteBuffer& buffer);

}  // namespace nokv::rpc
