// The engine as the rules of mvcc read it, and the families that a store keeps in it.
//
// It shows the newest state: the loop is the only writer, so nothing changes under it between two
// writes of the loop. A cursor shows the state of when it was made.
//
// Thread-safety: the loop only.
#pragma once

#include "engine/db.h"
#include "percolator/mvcc/snapshot.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace nokv::store {

struct Families {
  ColumnFamilyHandle data[mvcc::kFamilies];  // By mvcc::Family.
  ColumnFamilyHandle meta;                   // The store's own.

  ColumnFamilyHandle Of(mvcc::Family family) const { return data[static_cast<size_t>(family)]; }
};

// Makes those that are missing.
absl::StatusOr<Families> OpenFamilies(DB& db);

class EngineSnapshot final : public mvcc::Snapshot {
 public:
  EngineSnapshot(DB& db, const Families& families) : db_(db), families_(families) {}

  absl::StatusOr<std::optional<std::string>> Get(mvcc::Family family,
                                                 std::string_view key) const override;

  std::unique_ptr<mvcc::Cursor> NewCursor(mvcc::Family family,
                                          mvcc::CursorBounds bounds) const override;

 private:
  DB& db_;
  const Families families_;
};

}  // namespace nokv::store
