#include "engine/table/block_builder.h"

#include "engine/base/check.h"
#include "engine/base/codec.h"
#include "engine/table/entry_codec.h"
#include "engine/table/table_format.h"

#include <utility>

namespace nokv::table {

bool BlockBuilder::AtRestart() const {
  return content_.empty() || since_restart_ == kRestartInterval;
}

void BlockBuilder::Add(const Entry& entry, size_t shared) {
  if (AtRestart()) {
    NOKV_CHECK(content_.size() <= UINT32_MAX);
    restarts_.push_back(static_cast<uint32_t>(content_.size()));
    since_restart_ = 0;
    shared = 0;
  }
  EncodeEntry(entry, shared, content_);
  ++since_restart_;
}

size_t BlockBuilder::SizeWith(const Entry& entry, size_t shared) const {
  const size_t unshared = entry.key.size() - (AtRestart() ? 0 : shared);
  const size_t overhead =
      kEntryOverheadMax + (entry.kind == EntryKind::kPart ? kPartOverheadMax : 0);
  return size_bytes() + sizeof(uint32_t) + overhead + unshared + entry.value.size();
}

std::string BlockBuilder::Finish() {
  for (const uint32_t restart : restarts_) PutFixed<uint32_t>(content_, restart);
  PutFixed<uint32_t>(content_, static_cast<uint32_t>(restarts_.size()));
  restarts_.clear();
  since_restart_ = 0;
  return std::exchange(content_, {});
}

}  // namespace nokv::table
