// What an engine is opened with. The defaults are good; most programs set only the directory.
//
// Thread-safety: values.
#pragma once

#include <absl/time/time.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace nokv {

class Clock;
class Executor;

namespace vfs {
class FileSystem;
}

// What an acknowledged write survives. A process that dies, however it dies, loses nothing that it
// acknowledged at either level.
enum class Durability {
  kProcess = 1,  // L1: the death of the process. A power cut keeps a prefix of the writes.
  kPower = 2,    // L2: a power cut too. The write waits for an fdatasync it shares with others.
};

// What the engine runs on. Null means the machine's own (files, clock, two background threads
// shared by all databases of the process). All must outlive the database.
struct Environment {
  vfs::FileSystem* files = nullptr;
  Clock* clock = nullptr;
  Executor* executor = nullptr;
};

struct Options {
  std::string directory;

  bool create_if_missing = true;
  bool read_only = false;  // Changes nothing on disk, and replays the log into memory.

  Durability durability = Durability::kProcess;

  // One number for memory: a quarter for memtables, the rest for cached table blocks. The mapped
  // log is the page cache's and not counted.
  uint64_t memory_bytes = 512ull << 20;

  // Bytes on disk per live byte of user data that garbage collection keeps to. 1.3 to 4.
  double space_target = 1.5;

  // Values of at least this many bytes stay in the log and are never copied by compaction.
  uint32_t value_threshold_bytes = 256;

  // Largest log segment; small databases use smaller ones (from 1 MiB). Power of two, 64 KiB to
  // 1 GiB.
  uint64_t segment_bytes_max = 64ull << 20;

  // A memtable is flushed after this many bytes of log at the latest: it bounds the time to open
  // after a crash.
  uint64_t log_distance_bytes_max = 1ull << 30;

  // The database holds groups (groups.h). Once it was opened so, it always does, and programs that
  // know nothing of groups refuse it.
  bool groups = false;

  // Groups that keep more log than this from being freed are asked to compact.
  uint64_t group_log_bytes_max = 1ull << 30;

  // Disk space set aside, and given up when the disk is full so that deletes and garbage
  // collection can go on. 0 for none.
  uint64_t reserve_bytes = 16ull << 20;

  bool verify_reads = true;     // Check the checksum of a value when it is first read.
  bool paranoid_reads = false;  // Check it each time that it is read.
  bool prefer_mapping = true;   // False: read and write the log by pread and pwrite.
  bool background_work = true;  // False: flush, compaction and collection only when called for.

  Environment environment;

  // Sizes of tables and levels; tests make them small.
  uint64_t table_bytes_target = 4ull << 20;
  uint64_t level_base_bytes = 64ull << 20;  // The first sorted level; each next is ten times it.
  uint32_t block_bytes_target = 4096;
};

struct ColumnFamilyHandle {
  uint16_t id = 0;

  friend bool operator==(ColumnFamilyHandle, ColumnFamilyHandle) = default;
};

inline constexpr ColumnFamilyHandle kDefaultColumnFamily{0};

class Snapshot;

struct ReadOptions {
  ColumnFamilyHandle column_family = kDefaultColumnFamily;
  const Snapshot* snapshot = nullptr;  // Null: the newest state.
};

// The data of a group is there up to and with this index.
struct GroupMark {
  uint64_t group = 0;
  uint64_t index = 0;  // From 1.
};

struct WriteOptions {
  // Raises the database's level for this write; a lower level than the database's has no effect.
  Durability durability = Durability::kProcess;

  // Set with the write, all or nothing: Groups::MarkOf() tells them, also after a crash.
  std::span<const GroupMark> marks = {};

  // For a loop that must not stand still: the write neither sleeps nor waits for a flush. It goes
  // through however far the database is behind, until all memtables together hold a quarter more
  // than they should; then it does nothing and answers Unavailable, which says how long to wait.
  // Who makes such writes takes in less while DB::WriteDelay() is long. A write that waits for a
  // sync can't be one (InvalidArgument).
  bool never_wait = false;
};

struct IteratorOptions {
  ColumnFamilyHandle column_family = kDefaultColumnFamily;
  const Snapshot* snapshot = nullptr;
  std::string lower_bound;  // First key that may be returned; empty for none.
  std::string upper_bound;  // Keys from this one on are not returned; empty for none.
  bool keys_only = false;   // value() is empty and values are not read.
};

}  // namespace nokv
