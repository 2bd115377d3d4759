// The messages of one frame as bytes, and back.
//
//   metadata := count varint | message*
//   message  := type u8 | flags u8 | region_hash u64 | region | conf_version | version | from | to
//   | term | log_index
//               | log_term | commit | hint | hint_term | round | sent_tick     (varints)
//               | entries varint | (kind u8 | term varint | size varint)* | [snapshot]
//   snapshot := index | term | highest_id | size   (varints) | auto_leave u8 | peers x 4
//   peers    := count varint | id varint*          (voters, outgoing, learners, next learners)
//   flags    := 1 reject | 2 force | 4 a snapshot follows
//
// Sizes are of payloads, which follow all metadata in the same order. The index of an entry is not
// said: entries follow the message's log_index one by one.
//
// Thread-safety: pure functions.
#pragma once

#include "engine/base/status.h"
#include "raftstore/transport/envelope.h"
#include "raftstore/transport/frame.h"

#include <cstdint>
#include <span>
#include <vector>

namespace nokv::transport {

inline constexpr size_t kBatchMessagesMax = 256;
inline constexpr size_t kBatchEntriesMax = 1 << 16;
inline constexpr uint64_t kBatchBytesMax = 1 << 20;  // Unless a single message is larger.

// InvalidArgument if no frame can carry the message: too many entries, too many bytes, entries that
// do not follow log_index. What passes here can be encoded, in any batch within the limits above.
absl::Status CheckSendable(const Envelope& envelope);

FrameBody EncodeBatch(std::span<const Envelope> envelopes);

// DataLoss that names the message and what is wrong with it. What a message means, and whether an
// honest peer would send it, is not looked at here.
absl::StatusOr<std::vector<Envelope>> DecodeBatch(const ReceivedFrame& frame);

}  // namespace nokv::transport
