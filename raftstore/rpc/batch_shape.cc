#include "raftstore/rpc/batch_shape.h"

#include "engine/base/codec.h"
#include "raftstore/rpc/kv_service.h"

#include <array>
#include <cstdint>

namespace nokv::rpc {
namespace {

// A batch has commands, a command a request, and a request its members.
constexpr size_t kLevels = 3;
constexpr std::array<size_t, kLevels> kFieldsMax = {kBatchCommandsMax, kBatchMembersMax,
                                                    kBatchMembersMax};

using Counts = std::array<size_t, kLevels>;

// Reads a field: its content if it has a length. False if the bytes are no field.
bool ReadField(Decoder& in, std::string_view* content) {
  uint64_t tag = 0;
  uint64_t number = 0;
  uint32_t fixed = 0;
  *content = {};
  if (!in.Varint(&tag)) return false;
  switch (tag & 7) {
    case 0:
      return in.Varint(&number);
    case 1:
      return in.Fixed(&number);
    case 2:
      return in.LengthPrefixed(content);
    case 5:
      return in.Fixed(&fixed);
    default:
      return false;  // Groups, which no message of ours has.
  }
}

// False as soon as there are too many.
bool Count(std::string_view message, size_t level, Counts& counts) {
  Decoder in(message);
  std::string_view content;
  while (!in.done() && ReadField(in, &content)) {
    if (++counts[level] > kFieldsMax[level]) return false;
    if (level + 1 < kLevels && !Count(content, level + 1, counts)) return false;
  }
  return true;
}

}  // namespace

absl::Status CheckShape(std::string_view batch) {
  Counts counts = {};
  if (Count(batch, 0, counts)) return absl::OkStatus();
  if (counts[0] > kBatchCommandsMax) {
    return ResourceExhaustedError("a batch of more than {} commands", kBatchCommandsMax);
  }
  return ResourceExhaustedError("a batch whose commands have more than {} members",
                                kBatchMembersMax);
}

}  // namespace nokv::rpc
