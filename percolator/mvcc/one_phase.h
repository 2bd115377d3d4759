// Writes that commit in one step: what stands in their way, and the changes they make. Nothing here
// touches an engine: changes are values, for whoever proposes them.
//
//   1. CheckOnePhase, with the keys latched and known to readers as about to change;
//   2. the commit timestamp is drawn;
//   3. WriteOnePhase. All its changes are one batch.
//
// Between 1 and 3 nobody else may write the keys: so an add reads what it writes over, and no
// update is lost.
//
// Thread-safety: pure functions and values.
#pragma once

#include "engine/base/status.h"
#include "percolator/mvcc/integer_text.h"
#include "percolator/mvcc/reader.h"
#include "percolator/mvcc/record.h"
#include "percolator/mvcc/snapshot.h"
#include "percolator/mvcc/timestamp.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace nokv::mvcc {

// One change of one family, under an encoded key.
struct Change {
  enum class Kind : uint8_t { kSet, kDelete };

  Kind kind = Kind::kSet;
  Family family = Family::kWrite;
  std::string key = {};
  std::string value = {};

  bool operator==(const Change&) const = default;
};

enum class MutationKind : uint8_t {
  kPut,
  kDelete,
  kAdd,  // To the integer in integer_text.h's form. Where there is none, to 0; else expiry stays.
};

// What a client asks for. The views are the request's.
struct Mutation {
  MutationKind kind = MutationKind::kPut;
  std::string_view key = {};
  std::string_view value = {};   // Of a put.
  uint64_t expiry_ms = 0;        // Of a put: gone from then on, in Unix milliseconds; 0 for never.
  std::string_view header = {};  // Of an add: what stands before the number, or will.
  int64_t delta = 0;             // Of an add.
};

struct OnePhase {
  Timestamp start = {};  // The transaction's identity, and its snapshot if it has one.
  // It has read nothing: it may overwrite what was committed after `start`.
  bool is_blind = false;
  std::vector<Mutation> mutations = {};
};

// InvalidArgument unless there are mutations, each with a key that `owner` may use, only what its
// kind has and nothing too large, no key twice, and the start was drawn.
absl::Status CheckRequest(const OnePhase& write, KeyOwner owner);

// A rollback mark above the start of a write, on one of its keys.
struct MarkAbove {
  size_t mutation;  // Its index.
  Timestamp at;
};

// What an add finds: the newest version, whenever it was committed. Whether it has expired is known
// only with the commit timestamp.
struct AddBase {
  std::optional<std::string> value;  // Nothing: never written, or deleted.
  uint64_t expiry_ms = 0;            // 0: never.
};

// Nothing is in the way.
struct Clear {
  Timestamp newest_commit;       // Of all the keys, as far as it is above the start.
  std::vector<MarkAbove> marks;  // A commit that falls on one of them takes it over.
  std::vector<AddBase> bases;    // One for each add, in their order.
};

// Something newer than the write's snapshot was committed.
struct Conflict {
  std::string key;
  Timestamp start;
  Timestamp commit;
};

// The transaction of that start is committed: an earlier attempt went through.
struct Committed {
  Timestamp commit;
  std::vector<int64_t> sums = {};  // As they were then: one for each add, in their order.
};

// The transaction of that start was rolled back and will never commit.
struct RolledBack {};

using OnePhaseAnswer = std::variant<Clear, Blocked, Conflict, Committed, RolledBack>;

// All answers but Clear write nothing. The first key with another answer decides. The request was
// checked before. InvalidArgument if the transaction is committed and was another one: it did not
// add to a key that is added to now. FailedPrecondition if so much was committed after the start
// that it is not looked through: the transaction may be committed.
absl::StatusOr<OnePhaseAnswer> CheckOnePhase(const Snapshot& snapshot, const OnePhase& write);

struct Written {
  std::vector<Change> changes;
  std::vector<int64_t> sums;  // One for each add, in their order.
};

// What is there can't be added to. Nothing is written, of no mutation.
struct CannotAdd {
  std::string key;
  CannotAddReason reason;
};

using WriteAnswer = std::variant<Written, CannotAdd>;

// FailedPrecondition unless `commit` is above the start and above everything committed on the keys:
// a version must never come to lie below one that readers have seen. An add sees what a reader just
// before `commit` sees: a value that expires until then is not there.
absl::StatusOr<WriteAnswer> WriteOnePhase(const OnePhase& write, const Clear& clear,
                                          Timestamp commit);

// The transaction is over; the changes say so for ever. None if they are there already.
struct Marked {
  std::vector<Change> changes;
};

using RollBackAnswer = std::variant<Marked, Blocked, Committed>;

// For one who asks what became of the one-phase write of `start` to `key`: finds its commit, or
// makes sure that it never commits. Blocked if the transaction has a lock: then it is none of one
// step. Locks of others do not matter. FailedPrecondition as above.
absl::StatusOr<RollBackAnswer> RollBackMissing(const Snapshot& snapshot, std::string_view key,
                                               Timestamp start);

}  // namespace nokv::mvcc
