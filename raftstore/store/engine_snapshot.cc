#include "raftstore/store/engine_snapshot.h"

#include <utility>

namespace nokv::store {
namespace {

class EngineCursor final : public mvcc::Cursor {
 public:
  explicit EngineCursor(std::unique_ptr<Iterator> rows) : rows_(std::move(rows)) {}

  void Seek(std::string_view target) override { rows_->Seek(target); }

  void SeekForPrev(std::string_view target) override { rows_->SeekForPrev(target); }

  void SeekToLast() override { rows_->SeekToLast(); }

  void Next() override { rows_->Next(); }

  void Prev() override { rows_->Prev(); }

  bool Valid() const override { return rows_->Valid(); }

  std::string_view key() const override { return rows_->key(); }

  std::string_view value() override { return rows_->value(); }

  std::string_view value_head() override { return rows_->value_head(); }

  absl::Status status() const override { return rows_->status(); }

 private:
  const std::unique_ptr<Iterator> rows_;
};

absl::StatusOr<ColumnFamilyHandle> OpenFamily(DB& db, std::string_view name) {
  absl::StatusOr<ColumnFamilyHandle> found = db.FindColumnFamily(name);
  if (!absl::IsNotFound(found.status())) return found;
  return db.CreateColumnFamily(name);
}

}  // namespace

absl::StatusOr<Families> OpenFamilies(DB& db) {
  Families families;
  for (int i = 0; i < mvcc::kFamilies; ++i) {
    const std::string_view name = mvcc::FamilyName(static_cast<mvcc::Family>(i));
    ASSIGN_OR_RETURN(families.data[i], OpenFamily(db, name));
  }
  ASSIGN_OR_RETURN(families.meta, OpenFamily(db, "meta"));
  return families;
}

absl::StatusOr<std::optional<std::string>> EngineSnapshot::Get(mvcc::Family family,
                                                               std::string_view key) const {
  std::string value;
  ASSIGN_OR_RETURN(const bool is_found,
                   db_.Get({.column_family = families_.Of(family)}, key, &value));
  if (!is_found) return std::nullopt;
  return value;
}

std::unique_ptr<mvcc::Cursor> EngineSnapshot::NewCursor(mvcc::Family family,
                                                        mvcc::CursorBounds bounds) const {
  return std::make_unique<EngineCursor>(db_.NewIterator({.column_family = families_.Of(family),
                                                         .lower_bound = std::move(bounds.start),
                                                         .upper_bound = std::move(bounds.end)}));
}

}  // namespace nokv::store
