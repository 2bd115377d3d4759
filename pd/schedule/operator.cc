#include "pd/schedule/operator.h"

#include <utility>

namespace nokv::pd {

std::string_view ToString(OperatorEnd end) {
  switch (end) {
    case OperatorEnd::kDone:
      return "done";
    case OperatorEnd::kRegionChanged:
      return "the region changed";
    case OperatorEnd::kRegionGone:
      return "the region is gone";
    case OperatorEnd::kLeaderMoved:
      return "another peer leads";
    case OperatorEnd::kNeverSent:
      return "the leader's store did not report in time";
    case OperatorEnd::kNotCarriedOut:
      return "the order had no effect in time";
    case OperatorEnd::kPaused:
      return "scheduling was paused";
  }
  return "unknown";
}

absl::Status OperatorBook::Add(Operator op, uint64_t now_ms) {
  if (running_.contains(op.region)) {
    return FailedPreconditionError("region {} has an operator", Number(op.region));
  }
  for (const StoreId store : {op.step.from_store, op.step.to_store}) {
    if (!HasRoomOn(store)) {
      return ResourceExhaustedError("store {} has {} operators", Number(store),
                                    limits_.per_store_max);
    }
  }
  op.id = ++last_id_;
  op.created_ms = now_ms;
  op.sent_ms.reset();
  Influence& from = influence_[op.step.from_store];
  Influence& to = influence_[op.step.to_store];
  --from.leaders;
  ++to.leaders;
  ++from.operators;
  ++to.operators;
  running_.emplace(op.region, op);
  return absl::OkStatus();
}

OperatorBook::Running::iterator OperatorBook::End(Running::iterator op, OperatorEnd end,
                                                  uint64_t now_ms) {
  const TransferLeader& step = op->second.step;
  ++influence_[step.from_store].leaders;
  --influence_[step.to_store].leaders;
  for (const StoreId store : {step.from_store, step.to_store}) {
    if (--influence_[store].operators == 0) influence_.erase(store);
  }
  ++(end == OperatorEnd::kDone ? done_count_ : failed_count_);
  ended_.push_back({op->second, end, now_ms});
  if (ended_.size() > limits_.ended_kept_max) ended_.pop_front();
  return running_.erase(op);
}

void OperatorBook::Observe(RegionId region, const KnownRegion* known, uint64_t now_ms) {
  const auto found = running_.find(region);
  if (found == running_.end()) return;
  const Operator& op = found->second;
  if (known == nullptr) {
    End(found, OperatorEnd::kRegionGone, now_ms);
  } else if (known->region.epoch != op.epoch) {
    End(found, OperatorEnd::kRegionChanged, now_ms);
  } else if (known->leader == op.step.to) {
    End(found, OperatorEnd::kDone, now_ms);
  } else if (known->leader != op.step.from) {
    End(found, OperatorEnd::kLeaderMoved, now_ms);
  }
}

std::vector<Operator> OperatorBook::OrdersFor(StoreId store, uint64_t now_ms) {
  std::vector<Operator> orders;
  const auto influence = influence_.find(store);
  if (influence == influence_.end()) return orders;
  for (auto& [region, op] : running_) {
    if (op.step.from_store != store) continue;
    if (!op.sent_ms.has_value()) op.sent_ms = now_ms;
    orders.push_back(op);
  }
  return orders;
}

void OperatorBook::Expire(uint64_t now_ms) {
  for (auto it = running_.begin(); it != running_.end();) {
    const Operator& op = it->second;
    if (!op.sent_ms.has_value() && now_ms - op.created_ms >= limits_.send_within_ms) {
      it = End(it, OperatorEnd::kNeverSent, now_ms);
    } else if (op.sent_ms.has_value() && now_ms - *op.sent_ms >= limits_.finish_within_ms) {
      it = End(it, OperatorEnd::kNotCarriedOut, now_ms);
    } else {
      ++it;
    }
  }
}

void OperatorBook::EndAll(OperatorEnd end, uint64_t now_ms) {
  for (auto it = running_.begin(); it != running_.end();) it = End(it, end, now_ms);
}

const Operator* OperatorBook::Find(RegionId region) const {
  const auto found = running_.find(region);
  return found == running_.end() ? nullptr : &found->second;
}

int64_t OperatorBook::InfluenceOn(StoreId store) const {
  const auto found = influence_.find(store);
  return found == influence_.end() ? 0 : found->second.leaders;
}

bool OperatorBook::HasRoomOn(StoreId store) const {
  const auto found = influence_.find(store);
  return found == influence_.end() || found->second.operators < limits_.per_store_max;
}

}  // namespace nokv::pd
