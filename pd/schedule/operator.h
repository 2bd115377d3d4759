// What the driver asks of regions, and what became of it.
//
// A region has at most one operator. It holds for one epoch: when the region changed meanwhile, the
// decision was about something else and is dropped. Orders are repeated until the region's reports
// show that they were carried out, or until they expire; carrying one out twice does no harm.
//
// Time is monotonic milliseconds, given by the caller.
//
// Thread-safety: none.
#pragma once

#include "engine/base/status.h"
#include "pd/model/cluster.h"

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

namespace nokv::pd {

struct TransferLeader {
  PeerId from{};
  PeerId to{};
  StoreId from_store{};
  StoreId to_store{};
};

struct Operator {
  uint64_t id = 0;
  RegionId region{};
  Epoch epoch = {};
  TransferLeader step = {};
  uint64_t created_ms = 0;
  std::optional<uint64_t> sent_ms = {};  // When its leader was first told.
};

// Why an operator is over.
enum class OperatorEnd : uint8_t {
  kDone,
  kRegionChanged,  // Its range or its peers did.
  kRegionGone,
  kLeaderMoved,    // Somebody else leads now than both peers of the step.
  kNeverSent,      // The leader's store did not ask for orders in time.
  kNotCarriedOut,  // Sent, and without effect in time.
  kPaused,         // An administrator stopped scheduling.
};

std::string_view ToString(OperatorEnd end);

struct EndedOperator {
  Operator op = {};
  OperatorEnd end = OperatorEnd::kDone;
  uint64_t ended_ms = 0;
};

struct OperatorLimits {
  uint64_t send_within_ms = 10'000;
  uint64_t finish_within_ms = 30'000;  // After it was sent.
  size_t per_store_max = 4;            // Coming or going.
  size_t ended_kept_max = 256;
};

class OperatorBook {
 public:
  explicit OperatorBook(const OperatorLimits& limits) : limits_(limits) {}

  // Sets id and times. FailedPrecondition if the region has an operator, ResourceExhausted if one
  // of the stores has too many.
  absl::Status Add(Operator op, uint64_t now_ms);

  // Ends the operators that the report settles, after it was applied to the cluster. `known` is
  // what is known of the region now, null if nothing.
  void Observe(RegionId region, const KnownRegion* known, uint64_t now_ms);

  // The orders for regions that `store` leads. They count as sent.
  std::vector<Operator> OrdersFor(StoreId store, uint64_t now_ms);

  // Ends what waited too long.
  void Expire(uint64_t now_ms);

  void EndAll(OperatorEnd end, uint64_t now_ms);

  const Operator* Find(RegionId region) const;

  // Leaders that will come less those that will go, once all operators are done.
  int64_t InfluenceOn(StoreId store) const;

  bool HasRoomOn(StoreId store) const;

  const std::map<RegionId, Operator>& running() const { return running_; }

  const std::deque<EndedOperator>& ended() const { return ended_; }  // Oldest first.

  // Of all that ever ended here.
  uint64_t done_count() const { return done_count_; }

  uint64_t failed_count() const { return failed_count_; }

 private:
  struct Influence {
    int64_t leaders = 0;
    size_t operators = 0;
  };

  using Running = std::map<RegionId, Operator>;

  Running::iterator End(Running::iterator op, OperatorEnd end, uint64_t now_ms);

  const OperatorLimits limits_;
  uint64_t last_id_ = 0;
  uint64_t done_count_ = 0;
  uint64_t failed_count_ = 0;
  Running running_;
  std::map<StoreId, Influence> influence_;
  std::deque<EndedOperator> ended_;
};

}  // namespace nokv::pd
