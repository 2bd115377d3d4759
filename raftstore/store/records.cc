#include "raftstore/store/records.h"

#include "engine/base/codec.h"
#include "raftstore/store/store.h"

#include <memory>
#include <utility>

namespace nokv::store {
namespace {

constexpr uint8_t kIdentVersion = 2;
constexpr char kIdentTag = 1;
constexpr char kRegionTag = 2;

absl::StatusOr<std::optional<ColumnFamilyHandle>> FindMeta(DB& db) {
  absl::StatusOr<ColumnFamilyHandle> found = db.FindColumnFamily("meta");
  if (absl::IsNotFound(found.status())) return std::nullopt;
  RETURN_IF_ERROR(found.status());
  return *found;
}

}  // namespace

absl::StatusOr<bool> HasRows(DB& db) {
  for (const auto& [name, family] : db.ListColumnFamilies()) {
    IteratorOptions options;
    options.column_family = family;
    options.keys_only = true;
    const std::unique_ptr<Iterator> rows = db.NewIterator(options);
    rows->SeekToFirst();
    RETURN_IF_ERROR(rows->status());
    if (rows->Valid()) return true;
  }
  return false;
}

std::string IdentKey() { return std::string(1, kIdentTag); }

std::string RegionKey(region::RegionId region) {
  std::string key(1, kRegionTag);
  for (int shift = 56; shift >= 0; shift -= 8) key.push_back(static_cast<char>(region >> shift));
  return key;
}

std::string Encode(const Ident& ident) {
  std::string bytes(1, static_cast<char>(kIdentVersion));
  PutFixed(bytes, ident.cluster_id);
  PutFixed(bytes, ident.store_id);
  PutFixed(bytes, ident.identity);
  PutFixed(bytes, ident.incarnation);
  bytes.push_back(static_cast<char>(ident.is_admitted));
  return bytes;
}

absl::StatusOr<Ident> DecodeIdent(std::string_view bytes) {
  Decoder decoder(bytes);
  uint8_t version = 0;
  if (!decoder.Fixed(&version) || version == 0)
    return DataLossError("a store's ident is malformed");
  if (version > kIdentVersion) {
    return UnimplementedError("a store's ident has version {}; this program reads up to {}",
                              version, kIdentVersion);
  }
  Ident ident;
  uint8_t is_admitted = 0;
  if (!decoder.Fixed(&ident.cluster_id) || !decoder.Fixed(&ident.store_id) ||
      !decoder.Fixed(&ident.identity) || !decoder.Fixed(&ident.incarnation) ||
      (version >= 2 && !decoder.Fixed(&is_admitted)) || !decoder.done() || is_admitted > 1 ||
      ident.cluster_id == 0 || ident.store_id == 0 || ident.identity == 0) {
    return DataLossError("a store's ident is malformed");
  }
  ident.is_admitted = is_admitted == 1;
  return ident;
}

absl::StatusOr<std::vector<region::RegionMeta>> LoadRegions(DB& db, ColumnFamilyHandle meta) {
  std::vector<region::RegionMeta> regions;
  const std::unique_ptr<Iterator> rows =
      db.NewIterator({.column_family = meta,
                      .lower_bound = std::string(1, kRegionTag),
                      .upper_bound = std::string(1, kRegionTag + 1)});
  for (rows->SeekToFirst(); rows->Valid(); rows->Next()) {
    absl::StatusOr<region::RegionMeta> region = region::DecodeRegionMeta(rows->value());
    RETURN_IF_ERROR(rows->status());
    RETURN_IF_ERROR(region.status());
    if (RegionKey(region->id) != rows->key()) {
      return DataLossError("the record of {} stands in another region's place",
                           region::ToString(*region));
    }
    regions.push_back(*std::move(region));
  }
  RETURN_IF_ERROR(rows->status());
  return regions;
}

absl::StatusOr<std::optional<Ident>> ReadIdent(DB& db) {
  ASSIGN_OR_RETURN(const std::optional<ColumnFamilyHandle> meta, FindMeta(db));
  if (!meta.has_value()) return std::nullopt;
  std::string bytes;
  ASSIGN_OR_RETURN(const bool is_found, db.Get({.column_family = *meta}, IdentKey(), &bytes));
  if (!is_found) return std::nullopt;
  return DecodeIdent(bytes);
}

absl::Status CheckOwner(DB& db, uint64_t cluster_id, uint64_t store_id) {
  ASSIGN_OR_RETURN(const std::optional<Ident> known, ReadIdent(db));
  if (!known.has_value()) {
    ASSIGN_OR_RETURN(const bool has_rows, HasRows(db));
    if (!has_rows && db.groups().List().empty()) return absl::OkStatus();
    return FailedPreconditionError("the database has content, and it is no store's");
  }
  if (cluster_id != 0 && cluster_id != known->cluster_id) {
    return FailedPreconditionError("the database belongs to cluster {:016x}, not to {:016x}",
                                   known->cluster_id, cluster_id);
  }
  if (store_id != 0 && store_id != known->store_id) {
    return FailedPreconditionError("the database belongs to store {}, not to store {}",
                                   known->store_id, store_id);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<region::RegionMeta>> ListRegions(DB& db) {
  ASSIGN_OR_RETURN(const std::optional<ColumnFamilyHandle> meta, FindMeta(db));
  if (!meta.has_value()) return std::vector<region::RegionMeta>();
  return LoadRegions(db, *meta);
}

}  // namespace nokv::store
