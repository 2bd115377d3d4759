// What a store keeps about itself in the family "meta": its ident and its regions.
//
// Thread-safety: as the database.
#pragma once

#include "engine/db.h"
#include "raftstore/region/region_meta.h"
#include "raftstore/store/ident.h"

#include <optional>
#include <string>
#include <vector>

namespace nokv::store {

std::string IdentKey();
std::string RegionKey(region::RegionId region);

// Whether anything is in any family.
absl::StatusOr<bool> HasRows(DB& db);

// In order of ids. DataLoss or Unimplemented for a record that can't be read, with the region.
absl::StatusOr<std::vector<region::RegionMeta>> LoadRegions(DB& db, ColumnFamilyHandle meta);

}  // namespace nokv::store
