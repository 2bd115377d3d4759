#include "pd/schedule/operator.h"

#include <catch2/catch.hpp>

namespace nokv::pd {
namespace {

const OperatorLimits kLimits{
    .send_within_ms = 100, .finish_within_ms = 300, .per_store_max = 2, .ended_kept_max = 3};

Operator MoveOf(uint64_t region, uint64_t from = 1, uint64_t to = 2) {
  return {.region = RegionId{region},
          .epoch = {1, 1},
          .step = {.from = PeerId{region * 10 + from},
                   .to = PeerId{region * 10 + to},
                   .from_store = StoreId{from},
                   .to_store = StoreId{to}}};
}

KnownRegion RegionLedFrom(uint64_t region, uint64_t store, Epoch epoch = {1, 1}) {
  return {.region = {.id = RegionId{region}, .epoch = epoch},
          .leader = PeerId{region * 10 + store}};
}

OperatorEnd LastEnd(const OperatorBook& book) {
  REQUIRE_FALSE(book.ended().empty());
  return book.ended().back().end;
}

TEST_CASE("an operator is done when the leader has moved", "[pd][schedule]") {
  OperatorBook book(kLimits);
  REQUIRE(book.Add(MoveOf(7), 0).ok());
  REQUIRE(book.InfluenceOn(StoreId{1}) == -1);
  REQUIRE(book.InfluenceOn(StoreId{2}) == 1);
  const KnownRegion before = RegionLedFrom(7, 1);
  book.Observe(RegionId{7}, &before, 10);
  REQUIRE(book.Find(RegionId{7}) != nullptr);
  const KnownRegion after = RegionLedFrom(7, 2);
  book.Observe(RegionId{7}, &after, 20);
  REQUIRE(book.Find(RegionId{7}) == nullptr);
  REQUIRE(LastEnd(book) == OperatorEnd::kDone);
  REQUIRE(book.InfluenceOn(StoreId{1}) == 0);
  REQUIRE(book.InfluenceOn(StoreId{2}) == 0);
}

TEST_CASE("an operator ends when what it was decided about has changed", "[pd][schedule]") {
  OperatorBook book(kLimits);
  REQUIRE(book.Add(MoveOf(7), 0).ok());
  const KnownRegion split = RegionLedFrom(7, 1, {2, 1});
  book.Observe(RegionId{7}, &split, 10);
  REQUIRE(LastEnd(book) == OperatorEnd::kRegionChanged);

  REQUIRE(book.Add(MoveOf(7), 0).ok());
  book.Observe(RegionId{7}, nullptr, 10);
  REQUIRE(LastEnd(book) == OperatorEnd::kRegionGone);

  REQUIRE(book.Add(MoveOf(7), 0).ok());
  const KnownRegion elsewhere = RegionLedFrom(7, 3);
  book.Observe(RegionId{7}, &elsewhere, 10);
  REQUIRE(LastEnd(book) == OperatorEnd::kLeaderMoved);
}

TEST_CASE("orders are repeated to the leader's store until they expire", "[pd][schedule]") {
  OperatorBook book(kLimits);
  REQUIRE(book.Add(MoveOf(7), 0).ok());
  REQUIRE(book.Add(MoveOf(8, 2, 3), 0).ok());
  REQUIRE(book.OrdersFor(StoreId{3}, 50).empty());
  REQUIRE(book.OrdersFor(StoreId{1}, 50).size() == 1);
  REQUIRE(book.OrdersFor(StoreId{1}, 60).front().region == RegionId{7});
  book.Expire(99);
  REQUIRE(book.running().size() == 2);
  book.Expire(100);
  REQUIRE(LastEnd(book) == OperatorEnd::kNeverSent);
  book.Expire(349);
  REQUIRE(book.running().size() == 1);
  book.Expire(350);
  REQUIRE(LastEnd(book) == OperatorEnd::kNotCarriedOut);
  REQUIRE(book.running().empty());
}

TEST_CASE("operators are few on each store, and one on each region", "[pd][schedule]") {
  OperatorBook book(kLimits);
  REQUIRE(book.Add(MoveOf(1), 0).ok());
  REQUIRE(absl::IsFailedPrecondition(book.Add(MoveOf(1, 3, 4), 0)));
  REQUIRE(book.Add(MoveOf(2), 0).ok());
  REQUIRE(absl::IsResourceExhausted(book.Add(MoveOf(3), 0)));
  REQUIRE(absl::IsResourceExhausted(book.Add(MoveOf(3, 4, 2), 0)));
  REQUIRE(book.Add(MoveOf(3, 4, 5), 0).ok());
  book.EndAll(OperatorEnd::kPaused, 10);
  REQUIRE(book.running().empty());
  REQUIRE(book.HasRoomOn(StoreId{1}));
}

TEST_CASE("the newest ends are remembered", "[pd][schedule]") {
  OperatorBook book(kLimits);
  for (uint64_t region = 1; region <= 5; ++region) {
    REQUIRE(book.Add(MoveOf(region), region).ok());
    book.Observe(RegionId{region}, nullptr, region);
  }
  REQUIRE(book.ended().size() == 3);
  REQUIRE(book.ended().front().op.region == RegionId{3});
}

}  // namespace
}  // namespace nokv::pd
