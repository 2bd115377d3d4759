// Reading the value that an entry of a table leads to.
//
// Thread-safety: pure functions and values.
#pragma once

#include "engine/log/part.h"
#include "engine/log/value_host.h"
#include "engine/table/entry.h"

#include <string>
#include <string_view>

namespace nokv {

struct StoredValue {
  std::string_view key;
  bool is_part = false;
  table::ValueHandle handle;
  ValuePart part;

  // `entry` has a handle.
  static StoredValue Of(const table::Entry& entry) {
    return {entry.key, entry.kind == table::EntryKind::kPart, entry.handle, entry.part};
  }
};

// The value, in place or in `scratch`. `host` is where the handle's segment lives. DataLoss if what
// it has there is not the key's value.
inline absl::StatusOr<std::string_view> ReadStored(const log::ValueHost& host,
                                                   const StoredValue& stored,
                                                   log::ReadChecks checks, std::string* scratch) {
  const auto& [segment, ordinal, record_bytes] = stored.handle;
  // A part has a checksum of its own: the rest of a large entry need not be read for it.
  const log::ReadChecks record_checks = stored.is_part ? log::ReadChecks{.verify = false} : checks;
  ASSIGN_OR_RETURN(const log::Record record,
                   host.ReadValue(ordinal, record_bytes, record_checks, scratch));
  if (stored.is_part) {
    if (log::IsGroupRecord(record.kind)) {
      const auto part = CutPart(record.value, stored.part, checks.verify);
      if (part.has_value()) return *part;
    }
    return DataLossError("{}: value {} of segment {} has not the part that a key refers to",
                         host.file_name(), ordinal, segment);
  }
  if (record.key != stored.key) {
    return DataLossError("{}: value {} of segment {} belongs to another key", host.file_name(),
                         ordinal, segment);
  }
  return record.value;
}

}  // namespace nokv
