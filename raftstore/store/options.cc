#include "raftstore/store/options.h"

#include "raftstore/command/command.h"

#include <string_view>
#include <utility>

namespace nokv::store {
namespace {

constexpr size_t kAddressBytesMax = 256;

// What an entry adds to the keys and values of one transaction, at most: records around
// values, timestamps, escaped zeros in keys of 64 KiB. Values dominate; this is for the rest.
constexpr uint64_t kEntryRoomBytes = 2 << 20;

}  // namespace

absl::Status Validate(const Options& options) {
  const std::pair<std::string_view, absl::Duration> times[] = {
      {"tick", options.tick},
      {"store_heartbeat_interval", options.store_heartbeat_interval},
      {"region_heartbeat_interval", options.region_heartbeat_interval},
      {"timeout_default", options.timeout_default},
      {"timeout_max", options.timeout_max},
      {"unknown_outcome_wait", options.unknown_outcome_wait},
      {"busy_wait", options.busy_wait},
      {"start_age_max", options.start_age_max},
      {"round_time", options.round_time},
  };
  for (const auto& [name, time] : times) {
    if (time < absl::Milliseconds(1) || time > absl::Hours(1)) {
      return InvalidArgumentError("options.{} is {} ms; 1 ms to an hour is wanted", name,
                                  absl::ToInt64Milliseconds(time));
    }
  }
  const std::pair<std::string_view, uint64_t> sizes[] = {
      {"commands_max", options.commands_max},
      {"command_bytes_max", options.command_bytes_max},
      {"messages_max", options.messages_max},
      {"message_bytes_max", options.message_bytes_max},
      {"unsynced_bytes_max", options.unsynced_bytes_max},
      {"write_bytes_max", options.write_bytes_max},
      {"answer_bytes_max", options.answer_bytes_max},
      {"keys_max", options.keys_max},
      {"page_bytes_max", options.page_bytes_max},
      {"round_bytes", options.round_bytes},
      {"batch_bytes", options.batch_bytes},
      {"log_write_bytes", options.log_write_bytes},
      {"apply_bytes", options.apply_bytes},
      {"log_entries", options.log_entries},
      {"log_bytes", options.log_bytes},
  };
  for (const auto& [name, size] : sizes) {
    if (size == 0) return InvalidArgumentError("options.{} is 0; at least 1 is wanted", name);
  }
  if (options.write_bytes_max > command::kEntryBytesMax - kEntryRoomBytes) {
    return InvalidArgumentError("options.write_bytes_max is {}; at most {} are allowed",
                                options.write_bytes_max, command::kEntryBytesMax - kEntryRoomBytes);
  }
  if (options.disk_floor_bytes > options.disk_reserve_bytes) {
    return InvalidArgumentError("options.disk_floor_bytes is {}, above disk_reserve_bytes, {}",
                                options.disk_floor_bytes, options.disk_reserve_bytes);
  }
  if (options.address.size() > kAddressBytesMax) {
    return InvalidArgumentError("options.address has {} bytes; at most {} are allowed",
                                options.address.size(), kAddressBytesMax);
  }
  return raft::Validate(RaftOptions(options, 1, 1));
}

raft::Options RaftOptions(const Options& options, raft::PeerId peer, uint64_t seed) {
  raft::Options raft;
  raft.id = peer;
  raft.seed = seed;
  raft.election_ticks = options.election_ticks;
  raft.heartbeat_ticks = options.heartbeat_ticks;
  raft.lease_reads = options.lease_reads;
  raft.lease_ticks = options.election_ticks * 6 / 10;
  raft.entry_bytes_max = command::kEntryBytesMax;
  return raft;
}

}  // namespace nokv::store
