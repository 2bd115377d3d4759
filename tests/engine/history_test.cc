// The oracle on histories that went wrong: a checker that never objects proves nothing.
#include "tests/engine/history.h"

#include <catch2/catch.hpp>

#include <string>

namespace nokv::tests {
namespace {

constexpr uint64_t kNow = 1000;

WriteBatch Batch(std::initializer_list<std::pair<const char*, const char*>> rows) {
  WriteBatch batch;
  for (const auto& [key, value] : rows) batch.Set(key, value);
  return batch;
}

Contents Found(std::initializer_list<std::pair<const char*, const char*>> rows) {
  Contents contents;
  contents.families = {{"default", kDefaultColumnFamily}};
  contents.state.Apply(Batch(rows));
  return contents;
}

// a=1 durable; then a=2 b=2 acknowledged; then c=3 submitted.
History ThreeBatches() {
  History history;
  history.Submit(Batch({{"a", "1"}}));
  history.Acknowledge(Durability::kPower);
  history.Submit(Batch({{"a", "2"}, {"b", "2"}}));
  history.Acknowledge(Durability::kProcess);
  history.Submit(Batch({{"c", "3"}}));
  return history;
}

TEST_CASE("after a power cut any prefix from the durable mark on is right", "[oracle]") {
  REQUIRE(ThreeBatches().Settle(Found({{"a", "1"}}), Crash::kPower, kNow) == "");
  REQUIRE(ThreeBatches().Settle(Found({{"a", "2"}, {"b", "2"}}), Crash::kPower, kNow) == "");
  REQUIRE(ThreeBatches().Settle(Found({{"a", "2"}, {"b", "2"}, {"c", "3"}}), Crash::kPower, kNow) ==
          "");
}

TEST_CASE("after a power cut the durable write must be there", "[oracle]") {
  REQUIRE(ThreeBatches().Settle(Found({}), Crash::kPower, kNow) != "");
}

TEST_CASE("after the death of the process every acknowledged write must be there", "[oracle]") {
  REQUIRE(ThreeBatches().Settle(Found({{"a", "1"}}), Crash::kProcess, kNow) != "");
  REQUIRE(ThreeBatches().Settle(Found({{"a", "2"}, {"b", "2"}}), Crash::kProcess, kNow) == "");
}

TEST_CASE("half a batch, a hole in the order, and an invented row are violations", "[oracle]") {
  for (const Crash crash : {Crash::kPower, Crash::kProcess}) {
    REQUIRE(ThreeBatches().Settle(Found({{"a", "2"}}), crash, kNow) != "");
    REQUIRE(ThreeBatches().Settle(Found({{"a", "1"}, {"c", "3"}}), crash, kNow) != "");
    REQUIRE(ThreeBatches().Settle(Found({{"a", "2"}, {"b", "2"}, {"x", "9"}}), crash, kNow) != "");
  }
}

TEST_CASE("what a crash took may not come back at the next", "[oracle]") {
  History history = ThreeBatches();
  REQUIRE(history.Settle(Found({{"a", "1"}}), Crash::kPower, kNow) == "");
  REQUIRE(history.Settle(Found({{"a", "2"}, {"b", "2"}}), Crash::kPower, kNow) != "");
}

TEST_CASE("what a dead process left may still go with the power, down to the durable mark",
          "[oracle]") {
  History history = ThreeBatches();
  REQUIRE(history.Settle(Found({{"a", "2"}, {"b", "2"}}), Crash::kProcess, kNow) == "");
  REQUIRE(history.Settle(Found({{"a", "1"}}), Crash::kPower, kNow) == "");
}

TEST_CASE("a refused write must not show", "[oracle]") {
  History history = ThreeBatches();
  history.Reject();
  REQUIRE(history.Settle(Found({{"a", "2"}, {"b", "2"}, {"c", "3"}}), Crash::kProcess, kNow) != "");
}

TEST_CASE("column families stay made and stay dropped", "[oracle]") {
  History history;
  history.SubmitCreate("f");
  history.AcknowledgeCreate({3});
  REQUIRE(history.Settle(Found({}), Crash::kPower, kNow) != "");

  Contents with_family = Found({});
  with_family.families.push_back({"f", {3}});
  History again = history;
  REQUIRE(again.Settle(with_family, Crash::kPower, kNow) == "");

  again.SubmitDrop({3});
  History halfway = again;
  REQUIRE(halfway.Settle(with_family, Crash::kPower, kNow) == "");
  halfway = again;
  REQUIRE(halfway.Settle(Found({}), Crash::kPower, kNow) == "");
  again.AcknowledgeDrop();
  REQUIRE(again.Settle(with_family, Crash::kPower, kNow) != "");
}

TEST_CASE("a row that ran out is absent, and hides what it replaced", "[oracle]") {
  History history;
  history.Submit(Batch({{"a", "old"}}));
  history.Acknowledge(Durability::kPower);
  WriteBatch batch;
  batch.SetWithExpiry("a", "new", kNow);
  history.Submit(batch);
  history.Acknowledge(Durability::kPower);
  REQUIRE(history.Compare(Found({}), kNow) == "");
  REQUIRE(history.Compare(Found({}), kNow - 1) != "");
  REQUIRE(history.Compare(Found({{"a", "old"}}), kNow) != "");
}

TEST_CASE("a value tells its key and version, and any change to it shows", "[oracle]") {
  for (const size_t size : {0, 10, 100, 3000}) {
    std::string value = MakeValue("key", 42, size);
    uint64_t version = 0;
    REQUIRE(ParseValue("key", value, &version));
    REQUIRE(version == 42);
    REQUIRE_FALSE(ParseValue("kez", value, &version));
    value.back() = static_cast<char>(value.back() ^ 1);
    REQUIRE_FALSE(ParseValue("key", value, &version));
  }
}

}  // namespace
}  // namespace nokv::tests
