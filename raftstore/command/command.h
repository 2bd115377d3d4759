// What an entry of a region's log says: a batch of commands, each evaluated by a leader. Applying
// one is putting its changes into the engine, the same ones on every peer.
//
//   entry   := version u8 (1) | count varint | command*
//   command := kind u8 | region version varint | body
//   body    := of a write (1):      count varint | change*
//              of a compaction (2): index varint
//   change  := what u8 (family in the low four bits; 16: a deletion) | key size varint | key
//            | of a set: value size varint | value
//
// An entry without bytes has no commands: a new leader marks its term with one.
//
// Thread-safety: values; a builder belongs to one thread.
#pragma once

#include "engine/base/status.h"
#include "percolator/mvcc/one_phase.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nokv::command {

inline constexpr size_t kEntryBytesMax = 8 << 20;
inline constexpr size_t kCommandsMax = 1 << 16;  // Of an entry.
inline constexpr size_t kChangesMax = 1 << 18;   // Of an entry.

enum class Kind : uint8_t {
  kWrite = 1,
  kCompact = 2,  // Every peer may forget the log up to and with an index, for all have applied it.
};

// A change as it stands in an entry's bytes, which it points into.
struct ChangeView {
  mvcc::Family family = mvcc::Family::kWrite;
  bool is_delete = false;
  std::string_view key = {};
  std::string_view value = {};
};

struct Command {
  Kind kind = Kind::kWrite;
  // Of the region as the leader saw it: in any other state of the range the command does nothing.
  uint64_t region_version = 0;
  uint64_t compact_index = 0;  // Of a compaction.
  // Of a write: which of the entry's changes are its own.
  size_t changes_begin = 0;
  size_t changes_end = 0;
};

struct Entry {
  std::vector<Command> commands;
  std::vector<ChangeView> changes;

  std::span<const ChangeView> ChangesOf(const Command& command) const {
    return std::span(changes).subspan(command.changes_begin,
                                      command.changes_end - command.changes_begin);
  }
};

// DataLoss for bytes that no builder makes, Unimplemented for those of a newer version. `entry` is
// used again: what it held is gone.
absl::Status DecodeEntry(std::string_view bytes, Entry& entry);

// Gathers commands into one entry.
class EntryBuilder {
 public:
  EntryBuilder() { Clear(); }

  void AddWrite(uint64_t region_version, std::span<const mvcc::Change> changes);
  void AddCompact(uint64_t region_version, uint64_t index);

  bool empty() const { return count_ == 0; }

  size_t count() const { return count_; }

  // What the entry will take, or a little more.
  size_t size_bytes() const { return body_.size() + kHeaderBytesMax; }

  // The entry's bytes. The builder is empty again.
  std::string Take();

 private:
  static constexpr size_t kHeaderBytesMax = 1 + 3;

  void Clear();

  std::string body_;
  size_t count_ = 0;
};

// How many bytes a write of these changes takes in an entry, at most.
size_t SizeBytes(std::span<const mvcc::Change> changes);

}  // namespace nokv::command
