#include "engine/db.h"

#include "engine/db/db_impl.h"

namespace nokv {

absl::StatusOr<std::unique_ptr<DB>> DB::Open(const Options& options, RecoveryReport* report) {
  RecoveryReport unused;
  ASSIGN_OR_RETURN(std::unique_ptr<DBImpl> db,
                   DBImpl::Open(options, report != nullptr ? report : &unused));
  return std::unique_ptr<DB>(std::move(db));
}

absl::Status DB::Set(std::string_view key, std::string_view value, const WriteOptions& options) {
  return Apply({ChangeKind::kSet, kDefaultColumnFamily, 0, key, value}, options);
}

absl::Status DB::Del(std::string_view key, const WriteOptions& options) {
  return Apply({ChangeKind::kDelete, kDefaultColumnFamily, 0, key, {}}, options);
}

absl::Status DB::DeleteRange(std::string_view start, std::string_view end,
                             const WriteOptions& options) {
  return Apply({ChangeKind::kDeleteRange, kDefaultColumnFamily, 0, start, end}, options);
}

absl::StatusOr<std::optional<std::string>> DB::Get(std::string_view key) {
  std::string value;
  ASSIGN_OR_RETURN(const bool found, Get(ReadOptions{}, key, &value));
  if (!found) return std::optional<std::string>();
  return std::optional<std::string>(std::move(value));
}

}  // namespace nokv
