// The write records of one key, newest first, the head of each decoded and checked.
//
// A walk moves a cursor of the write family that it was lent. It looks at heads, so that a value is
// read only for who asks for it.
//
// Thread-safety: none; it belongs to whoever owns the cursor.
#pragma once

#include "engine/base/status.h"
#include "percolator/mvcc/record.h"
#include "percolator/mvcc/snapshot.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace nokv::mvcc {

struct Version {
  Timestamp commit;  // Of a rollback mark: where its transaction began.
  WriteHead write;
};

// The status with `family`, key and timestamp before its message: for a record that can't be used.
absl::Status AboutRecord(const absl::Status& status, Family family, std::string_view user_key,
                         Timestamp timestamp);

class VersionWalk {
 public:
  using Answer = absl::StatusOr<std::optional<Version>>;  // Nothing: no more records of the key.

  // `prefix` is the key's KeyPrefix(), and stays in place. `records` counts what is looked at, a
  // large record that comes with its value as several.
  VersionWalk(Cursor& cursor, std::string_view prefix, uint64_t& records)
      : cursor_(cursor), prefix_(prefix), records_(records) {}

  // The newest record at `timestamp` or before.
  Answer Seek(Timestamp timestamp);

  // The same from a cursor that stands on the key's newest record: near ones are stepped to.
  Answer SeekFromNewest(Timestamp timestamp);

  // The record before the last one returned.
  Answer Next();

  // From any record, the newest put or delete: passes over what readers do not see.
  Answer SkipToVersion(Answer from);

  // The record last returned, with its value, which points into the cursor.
  absl::StatusOr<WriteRecord> Whole() const;

  // Moves the cursor past all records of the key.
  void Leave();

 private:
  bool is_on_key() const { return cursor_.Valid() && cursor_.key().starts_with(prefix_); }

  Answer Current();

  absl::Status About(const absl::Status& status, Timestamp timestamp) const;

  // Unimplemented if what lies behind the key's records is a record of the key in a later format.
  absl::Status CheckEnd() const;

  Cursor& cursor_;
  const std::string_view prefix_;
  uint64_t& records_;
};

}  // namespace nokv::mvcc
