// Decides which leader should move next, so that stores lead about equally many regions and
// draining stores lead none; and says why, when nothing should or can move.
//
// Thread-safety: pure functions.
#pragma once

#include "pd/model/cluster.h"
#include "pd/schedule/operator.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nokv::pd {

struct BalanceOptions {
  int64_t difference_min = 2;   // Smaller ones would only be turned around.
  size_t candidates_max = 128;  // Regions of one store that are looked at in one call.
};

// What a store can be in a move.
enum class StoreRole : uint8_t {
  kEven,          // May give and take.
  kGivesOnly,     // It is draining or busy.
  kSilent,        // Nobody can tell it anything.
  kHasOperators,  // Enough of them for now.
  kGone,          // A tombstone.
};

// In words, as part of a sentence about the store.
std::string_view ToString(StoreRole role);

struct StoreVerdict {
  StoreId store{};
  StoreState state = StoreState::kUp;
  StoreRole role = StoreRole::kEven;
  size_t leaders = 0;
  int64_t score = 0;  // Leaders once all operators are done.
};

enum class BalanceResult : uint8_t {
  kMove,
  kBalanced,
  kNoTarget,   // No store may take a leader.
  kNoSource,   // No store that can give one leads anything.
  kNoRegion,   // Stores differ, but no region looked at has a fit peer where it is wanted.
  kTemporary,  // Operators that are running come first.
};

struct BalanceDecision {
  BalanceResult result = BalanceResult::kBalanced;
  std::optional<Operator> move = {};  // With kMove.
  std::vector<StoreVerdict> stores = {};
  size_t regions_examined = 0;
  RegionId last_examined{};  // To be given to the next call.

  // One line for an administrator.
  std::string Explain() const;
};

// Looks at the leaders of a store in order of region id, from behind `after` on, around to it.
BalanceDecision PlanLeaderBalance(const Cluster& cluster, const OperatorBook& operators,
                                  const BalanceOptions& options, RegionId after, uint64_t now_ms);

}  // namespace nokv::pd
