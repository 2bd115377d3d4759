// Messages that come as bytes: their members are counted before they are parsed.
//
// Thread-safety: pure functions.
#pragma once

#include "engine/base/status.h"

#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>
#include <string_view>

namespace nokv::rpc {

// `check` sees the bytes first. Takes them out of `bytes`.
template <typename Message>
absl::Status ParseChecked(grpc::ByteBuffer& bytes, absl::Status (*check)(std::string_view),
                          Message* message) {
  grpc::Slice piece;
  if (!bytes.TrySingleSlice(&piece).ok() && !bytes.DumpToSingleSlice(&piece).ok()) {
    return InternalError("a message of {} bytes that can't be read", bytes.Length());
  }
  RETURN_IF_ERROR(check({reinterpret_cast<const char*>(piece.begin()), piece.size()}));
  if (!grpc::SerializationTraits<Message>::Deserialize(&bytes, message).ok()) {
    return InvalidArgumentError("a message that is no {}", Message::descriptor()->name());
  }
  return absl::OkStatus();
}

}  // namespace nokv::rpc
