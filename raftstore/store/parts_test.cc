// The parts of a store that are functions of values.
#include "engine/base/executor.h"
#include "raftstore/store/ident.h"
#include "raftstore/store/latches.h"
#include "raftstore/store/mailbox.h"
#include "raftstore/store/proposals.h"
#include "raftstore/store/timers.h"

#include <catch2/catch.hpp>

namespace nokv::store {
namespace {

mvcc::Timestamp Ts(uint64_t bits) { return mvcc::Timestamp(bits); }

using Ids = std::vector<WriteId>;

std::vector<WriteId> WritesOf(const std::vector<Proposal>& proposals) {
  Ids ids;
  for (const Proposal& proposal : proposals) {
    ids.insert(ids.end(), proposal.writes.begin(), proposal.writes.end());
  }
  return ids;
}

}  // namespace

TEST_CASE("writes hold their keys in the order in which they came", "[latches]") {
  Latches latches;
  REQUIRE(latches.Acquire(1, {"a", "b"}));
  REQUIRE_FALSE(latches.Acquire(2, {"b", "c"}));
  REQUIRE_FALSE(latches.Acquire(3, {"c"}));  // Behind one that only waits.
  REQUIRE(latches.Acquire(4, {"d"}));
  Ids woken;
  latches.Release(1, woken);
  REQUIRE(woken == Ids{2});
  woken.clear();
  latches.Release(2, woken);
  REQUIRE(woken == Ids{3});
  latches.Release(3, woken);
  latches.Release(4, woken);
  REQUIRE(latches.empty());
}

TEST_CASE("one that gives up its place in a line wakes nobody who was before it", "[latches]") {
  Latches latches;
  REQUIRE(latches.Acquire(1, {"a"}));
  REQUIRE_FALSE(latches.Acquire(2, {"a"}));
  REQUIRE_FALSE(latches.Acquire(3, {"a"}));
  Ids woken;
  latches.Release(2, woken);
  REQUIRE(woken.empty());
  latches.Release(1, woken);
  REQUIRE(woken == Ids{3});
}

TEST_CASE("readers wait for writes that held the key before they came and may commit below",
          "[latches]") {
  Latches latches;
  const ReadPoint before{.at = Ts(50), .came = latches.Now()};
  REQUIRE(latches.Acquire(1, {"b"}));
  const ReadPoint after{.at = Ts(50), .came = latches.Now()};
  REQUIRE_FALSE(latches.Blocks("b", before));
  REQUIRE(latches.Blocks("b", after));
  REQUIRE_FALSE(latches.Blocks("a", after));
  REQUIRE(latches.BlocksAny("a", "c", after));
  REQUIRE(latches.BlocksAny("b", "", after));
  REQUIRE_FALSE(latches.BlocksAny("a", "b", after));
  REQUIRE_FALSE(latches.Blocks("b", {.at = mvcc::Timestamp::Max(), .came = after.came}));

  latches.SetCommit(1, Ts(60));
  REQUIRE_FALSE(latches.Blocks("b", after));
  REQUIRE(latches.Blocks("b", {.at = Ts(60), .came = after.came}));

  // The next one holds the key only from now on.
  REQUIRE_FALSE(latches.Acquire(2, {"b"}));
  const ReadPoint between{.at = Ts(100), .came = latches.Now()};
  Ids woken;
  latches.Release(1, woken);
  REQUIRE_FALSE(latches.Blocks("b", between));
  REQUIRE(latches.Blocks("b", {.at = Ts(100), .came = latches.Now()}));
}

TEST_CASE("a proposal is known by index and term", "[proposals]") {
  Proposals proposals;
  proposals.Add({.index = 5, .term = 2, .writes = {1}});
  proposals.Add({.index = 6, .term = 2, .writes = {2, 3}});
  std::vector<Proposal> lost;
  REQUIRE_FALSE(proposals.Resolve(4, 1, lost).has_value());  // An older leader's.
  REQUIRE(proposals.Resolve(5, 2, lost)->writes == Ids{1});
  REQUIRE(lost.empty());
  REQUIRE_FALSE(proposals.Resolve(6, 3, lost).has_value());  // Another leader's entry.
  REQUIRE(WritesOf(lost) == Ids{2, 3});
  REQUIRE(proposals.empty());
}

TEST_CASE("an entry of a newer term shows all older proposals at and behind it to be lost",
          "[proposals]") {
  Proposals proposals;
  proposals.Add({.index = 5, .term = 2, .writes = {1}});
  proposals.Add({.index = 9, .term = 2, .writes = {2}});
  proposals.Add({.index = 6, .term = 4, .writes = {3}});
  std::vector<Proposal> lost;
  REQUIRE(proposals.Resolve(5, 2, lost).has_value());
  REQUIRE(proposals.Resolve(6, 4, lost)->writes == Ids{3});
  REQUIRE(WritesOf(lost) == Ids{2});
}

TEST_CASE("a region is woken at its earliest time, and once", "[timers]") {
  Timers timers;
  std::vector<transport::RegionId> due;
  timers.Set(1, 10);
  timers.Set(2, 20);
  timers.Set(1, 5);
  timers.Set(2, 30);  // Later: it is woken at 20, and says again when.
  timers.TakeDue(4, due);
  REQUIRE(due.empty());
  timers.TakeDue(15, due);
  REQUIRE(due == std::vector<transport::RegionId>{1});
  timers.TakeDue(20, due);
  REQUIRE(due == std::vector<transport::RegionId>{1, 2});
  timers.TakeDue(100, due);
  REQUIRE(due.size() == 2);
}

TEST_CASE("a round takes all that waits, and none runs within another", "[mailbox]") {
  ManualExecutor executor;
  const auto mailbox = std::make_shared<Mailbox>(executor, Options());
  int rounds = 0;
  int tasks = 0;
  bool is_within = false;
  mailbox->Post([&tasks] { ++tasks; });
  mailbox->Start([&](Inputs inputs) {
    REQUIRE_FALSE(std::exchange(is_within, true));
    ++rounds;
    for (const auto& task : inputs.tasks) task();
    if (rounds == 1) {
      mailbox->Post([&tasks] { ++tasks; });
      executor.RunUntilIdle();  // As an engine does that waits.
    }
    is_within = false;
    return false;
  });
  mailbox->Post([&tasks] { ++tasks; });
  executor.RunUntilIdle();
  REQUIRE(tasks == 3);
  REQUIRE(rounds == 2);
  mailbox->Close();
  mailbox->Post([&tasks] { ++tasks; });
  executor.RunUntilIdle();
  REQUIRE(tasks == 3);
}

TEST_CASE("commands are admitted by count and by bytes, and leave with their ticket", "[mailbox]") {
  Admission admission(2, 100);
  REQUIRE(admission.Enter(60));
  REQUIRE_FALSE(admission.Enter(60));
  {
    REQUIRE(admission.Enter(40));
    const Ticket ticket(admission, 40);
    REQUIRE_FALSE(admission.Enter(0));
  }
  REQUIRE(admission.count() == 1);
  REQUIRE(admission.Enter(40));
}

TEST_CASE("an ident comes back from its bytes, and damage is refused", "[ident]") {
  const Ident ident{
      .cluster_id = 1, .store_id = 2, .identity = 3, .incarnation = 4, .is_admitted = true};
  const std::string bytes = Encode(ident);
  REQUIRE(bytes.size() == 34);
  REQUIRE(bytes[0] == 2);
  REQUIRE(DecodeIdent(bytes).value() == ident);
  for (size_t size = 0; size < bytes.size(); ++size) {
    REQUIRE(absl::IsDataLoss(DecodeIdent(bytes.substr(0, size)).status()));
  }
  REQUIRE(absl::IsDataLoss(DecodeIdent(bytes + "x").status()));
  REQUIRE(absl::IsDataLoss(DecodeIdent(bytes.substr(0, 33) + "\x02").status()));
  REQUIRE(absl::IsDataLoss(DecodeIdent(Encode(Ident{})).status()));
  REQUIRE(absl::IsUnimplemented(DecodeIdent("\x03" + bytes.substr(1)).status()));

  // Version 1 did not say whether the store was admitted.
  Ident unknown = ident;
  unknown.is_admitted = false;
  REQUIRE(DecodeIdent("\x01" + bytes.substr(1, 32)).value() == unknown);
}

}  // namespace nokv::store
