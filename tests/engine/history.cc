#include "tests/engine/history.h"

#include "engine/base/check.h"

#include <fmt/format.h>

#include <algorithm>

namespace nokv::tests {

History::History() { families_.emplace(kDefaultColumnFamily.id, "default"); }

void History::Submit(const WriteBatch& batch) {
  NOKV_CHECK(batches_.size() == acknowledged_);
  batches_.push_back(std::make_shared<const WriteBatch>(batch));
}

void History::Acknowledge(Durability level) {
  NOKV_CHECK(batches_.size() == acknowledged_ + 1);
  Extend(newest_, acknowledged_);
  ++acknowledged_;
  if (level == Durability::kPower) durable_ = acknowledged_;
}

void History::Reject() {
  NOKV_CHECK(batches_.size() == acknowledged_ + 1);
  batches_.pop_back();
}

void History::AcknowledgeCreate(ColumnFamilyHandle family) {
  NOKV_CHECK(creating_.has_value());
  families_[family.id] = *std::move(creating_);
  creating_.reset();
}

void History::AcknowledgeDrop() {
  NOKV_CHECK(dropping_.has_value());
  families_.erase(dropping_->id);
  dropped_at_[dropping_->id] = batches_.size();
  base_.Drop(*dropping_);
  newest_.Drop(*dropping_);
  dropping_.reset();
}

std::vector<ColumnFamilyHandle> History::families() const {
  std::vector<ColumnFamilyHandle> handles;
  for (const auto& [id, name] : families_) handles.push_back({id});
  return handles;
}

// Applies batch `index` to `state`, without what it wrote to families that were dropped since.
void History::Extend(State& state, size_t index) const {
  batches_[index]->ForEach([&](const Change& change) {
    const auto dropped = dropped_at_.find(change.column_family.id);
    if (dropped == dropped_at_.end() || index >= dropped->second) state.Apply(change);
  });
}

State History::StateAfter(size_t count) const {
  State state = base_;
  for (size_t i = 0; i < count; ++i) Extend(state, i);
  return state;
}

std::string History::SettleFamilies(const Contents& found) {
  std::map<uint16_t, std::string> present;
  for (const auto& [name, family] : found.families) present.emplace(family.id, name);
  for (const auto& [id, name] : present) {
    const auto known = families_.find(id);
    if (known != families_.end() ? known->second != name : creating_ != name) {
      return fmt::format("column family {} '{}' should not be there\n", id, name);
    }
  }
  for (const auto& [id, name] : families_) {
    const bool may_be_gone = dropping_.has_value() && dropping_->id == id;
    if (!present.contains(id) && !may_be_gone) {
      return fmt::format("column family {} '{}' is gone\n", id, name);
    }
  }
  if (dropping_.has_value() && !present.contains(dropping_->id)) AcknowledgeDrop();
  families_ = std::move(present);
  creating_.reset();
  dropping_.reset();
  return "";
}

std::string History::Settle(const Contents& found, Crash crash, uint64_t now_ms) {
  if (std::string wrong = SettleFamilies(found); !wrong.empty()) return wrong;

  const size_t lowest = crash == Crash::kPower ? durable_ : acknowledged_;
  const std::vector<ColumnFamilyHandle> handles = found.handles();
  State state = StateAfter(lowest);
  std::optional<size_t> matched;
  State matched_state;
  for (size_t count = lowest;; ++count) {
    if (state.VisibleAt(now_ms, handles) == found.state) {
      matched = count;
      matched_state = state;
    }
    if (count == batches_.size()) break;
    Extend(state, count);
  }
  if (!matched.has_value()) {
    return fmt::format(
        "no prefix of the history between {} and {} is what was found.\nAgainst the shortest:\n{}"
        "Against the longest:\n{}",
        lowest, batches_.size(),
        Difference(StateAfter(lowest).VisibleAt(now_ms, handles), found.state),
        Difference(state.VisibleAt(now_ms, handles), found.state));
  }
  batches_.resize(*matched);
  for (auto& [id, index] : dropped_at_) index = std::min(index, *matched);
  acknowledged_ = *matched;
  newest_ = std::move(matched_state);
  // What a power cut left is on the disk; what a dead process left may still be in the page cache.
  durable_ = crash == Crash::kPower ? acknowledged_ : std::min(durable_, acknowledged_);
  return "";
}

std::string History::Compare(const Contents& found, uint64_t now_ms) const {
  const State expected = newest_.VisibleAt(now_ms, found.handles());
  return expected == found.state ? "" : Difference(expected, found.state);
}

std::string History::Describe() const {
  return fmt::format("{} batches submitted, {} acknowledged, {} durable", batches_.size(),
                     acknowledged_, durable_);
}

}  // namespace nokv::tests
