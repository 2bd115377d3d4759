#include "raftstore/rpc/batch_shape.h"

#include "engine/base/codec.h"
#include "raftstore/rpc/kv_service.h"

#include <algorithm>
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
      return false;  // Groups, which no message of ours has, and any parser skips.
  }
}

// False as soon as there are too many, or something that can't be read.
bool Count(std::string_view message, size_t level, Counts& counts) {
  Decoder in(message);
  std::string_view content;
  while (!in.done()) {
    if (!ReadField(in, &content) || ++counts[level] > kFieldsMax[level]) return false;
    if (level + 1 < kLevels && !Count(content, level + 1, counts)) return false;
  }
  return true;
}

absl::Status CheckFrom(size_t level, std::string_view message) {
  Counts counts = {};
  if (Count(message, level, counts)) return absl::OkStatus();
  if (counts[0] > kBatchCommandsMax) {
    return ResourceExhaustedError("a batch of more than {} commands", kBatchCommandsMax);
  }
  if (std::max(counts[1], counts[2]) > kBatchMembersMax) {
    return ResourceExhaustedError("commands with more than {} members", kBatchMembersMax);
  }
  return InvalidArgumentError("{} bytes that are no message", message.size());
}

}  // namespace

absl::Status CheckShape(std::string_view batch) { return CheckFrom(0, batch); }

absl::Status CheckRequestShape(std::string_view request) { return CheckFrom(2, request); }

}  // namespace nokv::rpc
