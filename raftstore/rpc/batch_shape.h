// What a message of commands would weigh once parsed, told from its bytes alone.
//
// An empty member of a list is two bytes on the wire and a hundred in memory, so the size of a
// message does not bound what parsing it takes: members are counted first.
//
// Thread-safety: pure functions.
#pragma once

#include "engine/base/status.h"

#include <cstddef>
#include <string_view>

namespace nokv::rpc {

inline constexpr size_t kBatchMembersMax = size_t{1} << 20;

// ResourceExhausted for bytes of a KvBatchRequest with more than kBatchCommandsMax commands, or
// whose requests have more than kBatchMembersMax members together: keys, mutations and whatever
// else. InvalidArgument for bytes that can't be counted to their end, which the parser might yet
// read. What they mean is for the parser to say.
absl::Status CheckShape(std::string_view batch);

// The same for the bytes of one request.
absl::Status CheckRequestShape(std::string_view request);

}  // namespace nokv::rpc
