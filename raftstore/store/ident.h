// Which store a database belongs to. Format: README.md.
//
// Thread-safety: values; functions as the database.
#pragma once

#include "engine/base/status.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nokv {
class DB;
}

namespace nokv::store {

struct Ident {
  uint64_t cluster_id = 0;
  uint64_t store_id = 0;
  uint64_t identity = 0;  // Random, made with the directory: tells it from a copy or a successor.
  uint64_t incarnation = 0;  // Counts the starts.
  // The placement driver knows the identity, and takes no other one for the store's. Until then the
  // store may be the successor of one that has voted and acknowledged, so it does neither.
  bool is_admitted = false;

  friend bool operator==(const Ident&, const Ident&) = default;
};

std::string Encode(const Ident& ident);

// DataLoss for bytes that are none, Unimplemented for those of a newer version.
absl::StatusOr<Ident> DecodeIdent(std::string_view bytes);

// Nothing for a database that no store has used: a daemon asks before it knows its cluster.
absl::StatusOr<std::optional<Ident>> ReadIdent(DB& db);

// Whether the database may become, or is, that of this store; 0 stands for any. FailedPrecondition,
// with both numbers, for another store's or cluster's, and for one with content that is no store's.
// Reads only, so a daemon may ask before it opens the database for writing.
absl::Status CheckOwner(DB& db, uint64_t cluster_id, uint64_t store_id);

}  // namespace nokv::store
