// Groups: named logs of entries inside the database's one log, for a store that replicates ranges.
//
// Each group has entries with consecutive indexes behind a start, and a small state. The writes of
// many groups go to the log as one batch, which a crash keeps whole or not at all, and share one
// sync. Nothing here waits for the disk, for a flush or for a throttle: SyncTo() tells later.
//
// What was appended is readable at once and survives the death of the process; a power cut keeps a
// prefix of the appends that is at least as long as the last completed SyncTo() covers.
//
// Thread-safety: safe; the changes of one group are made by one thread at a time.
#pragma once

#include "engine/base/status.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nokv {

using GroupId = uint64_t;

inline constexpr size_t kGroupPayloadBytesMax = 64 << 20;
inline constexpr size_t kGroupStateBytesMax = 1 << 20;
inline constexpr size_t kGroupRoundBytesMax = 512 << 20;

struct GroupEntry {
  uint64_t index = 0;
  uint64_t term = 0;
  uint8_t tag = 0;  // The caller's: kept with the entry, not looked at.
  std::string_view payload = {};
};

// The entry at `index`, or where it was.
struct GroupPoint {
  uint64_t index = 0;
  uint64_t term = 0;

  friend bool operator==(const GroupPoint&, const GroupPoint&) = default;
};

// What one append does to one group. In this order: restart, compact, set the state, append.
struct GroupWrite {
  GroupId group = 0;

  // Forgets the group, its state and its mark. Nothing else may be set.
  bool remove = false;

  // Drops all entries: the log goes on behind this point.
  std::optional<GroupPoint> restart = {};

  // Drops the entries up to and with this index, which must be one of the group's. 0 for none.
  uint64_t compact_to = 0;

  // Replaces the state.
  std::optional<std::string_view> state = {};

  // Consecutive; replace the group's entry of the first index and all behind it.
  std::span<const GroupEntry> entries = {};
};

struct GroupInfo {
  GroupPoint start;         // The entries begin behind it.
  uint64_t last_index = 0;  // start.index if there are none.
  std::string state;
};

// How much log the groups keep from being freed.
struct GroupPressure {
  uint64_t held_bytes = 0;
  uint64_t held_bytes_max = 0;
  // If more is held than may be: whose entries stand in the oldest segment, most bytes first. They
  // must be compacted (or the group removed), or the log grows on.
  std::vector<GroupId> must_compact;
};

class Groups {
 public:
  virtual ~Groups() = default;

  // Does all of `writes`, of different groups each, or nothing, and returns the position up to
  // which a sync makes it durable. A group begins with its first write. InvalidArgument for what
  // doesn't fit a group, FailedPrecondition for a database that is read-only or opened without
  // groups, ResourceExhausted if the disk is full.
  virtual absl::StatusOr<uint64_t> Append(std::span<const GroupWrite> writes) = 0;

  // Calls `done` once everything before `position` survives a power cut, or with the failure, after
  // which the database takes no more writes. On an executor's thread, in the order of the calls
  // with equal or rising positions, never inside this call; `done` must not block and must not call
  // the database.
  virtual void SyncTo(uint64_t position, std::function<void(absl::Status)> done) = 0;

  // Everything before this position survives a power cut.
  virtual uint64_t durable_position() const = 0;

  virtual std::vector<GroupId> List() const = 0;

  virtual std::optional<GroupInfo> Find(GroupId group) const = 0;

  // The answers below come from memory.
  virtual std::optional<GroupPoint> Start(GroupId group) const = 0;
  virtual std::optional<uint64_t> LastIndex(GroupId group) const = 0;
  // From the start's index to the last; nothing outside.
  virtual std::optional<uint64_t> TermAt(GroupId group, uint64_t index) const = 0;

  // Calls `visit` for the entries [first, end) in order, until it answers false. Payloads stay
  // where they are only inside the call. NotFound if not all of them are there, DataLoss naming
  // file and offset for a damaged one.
  virtual absl::Status Read(GroupId group, uint64_t first, uint64_t end,
                            const std::function<bool(const GroupEntry&)>& visit) const = 0;

  // Up to which index the data written with WriteOptions::marks is there: after a crash the caller
  // applies what stands behind it once more. 0 for none.
  virtual uint64_t MarkOf(GroupId group) const = 0;

  virtual GroupPressure Pressure() const = 0;
};

}  // namespace nokv
