#include "raftstore/transport/envelope.h"

namespace nokv::transport {

std::string_view ToString(Lane lane) {
  switch (lane) {
    case Lane::kControl:
      return "control";
    case Lane::kAppend:
      return "append";
    case Lane::kSnapshot:
      return "snapshot";
  }
  return "unknown";
}

Lane LaneOf(const raft::Message& message) {
  const bool is_append =
      message.type == raft::MessageType::kAppend || message.type == raft::MessageType::kSnapshot;
  return is_append ? Lane::kAppend : Lane::kControl;
}

uint64_t SizeBytes(const Envelope& envelope) {
  uint64_t bytes = kMessageOverheadBytes;
  for (const raft::Entry& entry : envelope.message.entries) bytes += raft::SizeBytes(entry);
  if (envelope.message.snapshot != nullptr) bytes += envelope.message.snapshot->data.size();
  return bytes;
}

}  // namespace nokv::transport
