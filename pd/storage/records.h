// How the placement driver's state lies in its database.
//
//   "c"                 cluster   magic "nokv-pd\0", version, cluster id
//   "i"                 ids       version, ceiling
//   "t"                 time      version, ceiling in milliseconds
//   "r" id (8 bytes, big-endian)  version, region
//   "s" id (8 bytes, big-endian)  version, store
//
//   version := one byte, 1. Numbers are varints unless said; strings have a varint length before.
//   cluster id, identity := 8 bytes, little-endian
//   region  := version conf_version start end count { peer store role }
//   store   := identity intent address
//
// The engine checks the bytes; what is checked here is that they mean something. A newer version is
// Unimplemented, anything else that can't be read is DataLoss.
//
// Thread-safety: pure functions.
#pragma once

#include "engine/base/status.h"
#include "pd/model/store.h"
#include "pd/model/types.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace nokv::pd {

inline constexpr std::string_view kClusterKey = "c";
inline constexpr std::string_view kIdCeilingKey = "i";
inline constexpr std::string_view kTimeCeilingKey = "t";
inline constexpr char kRegionPrefix = 'r';
inline constexpr char kStorePrefix = 's';

std::string KeyOf(RegionId id);
std::string KeyOf(StoreId id);

std::string EncodeClusterId(uint64_t cluster_id);
std::string EncodeCeiling(uint64_t ceiling);
std::string EncodeRegion(const Region& region);
std::string EncodeStore(const StoreRecord& store);

absl::StatusOr<uint64_t> DecodeClusterId(std::string_view value);
absl::StatusOr<uint64_t> DecodeCeiling(std::string_view key, std::string_view value);
absl::StatusOr<Region> DecodeRegion(std::string_view key, std::string_view value);
absl::StatusOr<StoreRecord> DecodeStore(std::string_view key, std::string_view value);

}  // namespace nokv::pd
