// A store's identity, bounds and times.
//
// Thread-safety: values.
#pragma once

#include "engine/base/status.h"
#include "raftstore/raft/options.h"

#include <absl/time/time.h>

#include <cstdint>
#include <string>

namespace nokv::store {

struct Options {
  // 0: what the directory says. A new directory needs both, and keeps them for ever.
  uint64_t cluster_id = 0;
  uint64_t store_id = 0;

  std::string address = {};  // host:port, as others reach the store. Told to the driver.

  // --- Time.
  absl::Duration tick = absl::Milliseconds(100);  // Of Raft.
  uint32_t election_ticks = 10;
  uint32_t heartbeat_ticks = 3;
  bool lease_reads = false;
  absl::Duration store_heartbeat_interval = absl::Seconds(1);
  absl::Duration region_heartbeat_interval = absl::Seconds(10);

  // How long a command waits if its context names no time, and if it names a longer one.
  absl::Duration timeout_default = absl::Seconds(10);
  absl::Duration timeout_max = absl::Seconds(60);

  // After the loss of leadership an unknown outcome is reported as such after this time.
  absl::Duration unknown_outcome_wait = absl::Seconds(1);

  // Writes whose start timestamp lies further behind the newest that was drawn are not looked at:
  // what became of an earlier attempt would have to be sought among all versions since.
  absl::Duration start_age_max = absl::Minutes(10);

  // --- Bounds. Past the first two, commands are refused with ServerIsBusy and `busy_wait`.
  size_t commands_max = 16'384;            // Submitted and not answered.
  uint64_t command_bytes_max = 128 << 20;  // Of them.
  size_t messages_max = 65'536;  // From other stores, not looked at yet. More are dropped.
  uint64_t message_bytes_max = 128 << 20;   // Of them.
  uint64_t unsynced_bytes_max = 256 << 20;  // In the log and not durable: the disk has stalled.
  absl::Duration busy_wait = absl::Milliseconds(20);

  uint64_t write_bytes_max = 6 << 20;   // Keys and values of one transaction.
  uint64_t answer_bytes_max = 8 << 20;  // Of a batch of gets.
  uint32_t keys_max = 4'096;            // Of a batch of gets, a page of a scan, a transaction.
  uint64_t page_bytes_max = 1 << 20;    // Of a page of a scan.

  // What commands may take of a round, once to evaluate writes and once to serve reads. An election
  // timeout must be many times as long: a store that is busy with commands is not a dead one.
  absl::Duration round_time = absl::Milliseconds(5);
  uint64_t round_bytes = 4 << 20;  // Of the writes, and of the answers.

  uint64_t batch_bytes = 256 << 10;     // Commands share an entry up to here.
  uint64_t log_write_bytes = 64 << 20;  // Regions share a write to the log up to here.
  uint64_t apply_bytes = 4 << 20;       // Entries share a write to the engine up to here.

  // --- Space. Below the first, puts are refused and deletes go on; below the second, everything
  // that makes the log grow is.
  uint64_t disk_reserve_bytes = 512ull << 20;
  uint64_t disk_floor_bytes = 128ull << 20;

  // A leader has the logs of its region cut when so much of them is applied everywhere.
  uint64_t log_entries = 16'384;
  uint64_t log_bytes = 32 << 20;
};

// InvalidArgument that names the option.
absl::Status Validate(const Options& options);

// What a peer's core is created with.
raft::Options RaftOptions(const Options& options, raft::PeerId peer, uint64_t seed);

}  // namespace nokv::store
