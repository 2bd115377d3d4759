#include "cmd/directory_owner.h"

#include "engine/db.h"
#include "pd/storage/records.h"

#include <memory>
#include <optional>

namespace nokv {
namespace {

bool IsPlacementDrivers(DB& db) {
  const absl::StatusOr<std::optional<std::string>> value = db.Get(pd::kClusterKey);
  // One of a newer version is its own, too.
  return value.ok() && value->has_value() &&
         !absl::IsDataLoss(pd::DecodeClusterId(**value).status());
}

}  // namespace

absl::Status CheckIsNoClusters(Options options) {
  options.create_if_missing = false;
  options.read_only = true;
  options.background_work = false;
  const absl::StatusOr<std::unique_ptr<DB>> db = DB::Open(options);
  if (!db.ok()) return absl::OkStatus();
  if (!(*db)->groups().List().empty()) {
    return FailedPreconditionError(
        "{} is a store's: a change here would be made in one replica only", options.directory);
  }
  if (IsPlacementDrivers(**db)) {
    return FailedPreconditionError(
        "{} is a placement driver's: a change here would contradict the stores", options.directory);
  }
  return absl::OkStatus();
}

}  // namespace nokv
