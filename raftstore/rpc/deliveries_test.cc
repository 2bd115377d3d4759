#include "raftstore/rpc/deliveries.h"

#include <catch2/catch.hpp>

#include <vector>

namespace nokv::rpc {
namespace {

TEST_CASE("messages that are on their way for long are cancelled once, and taken ones are not",
          "[rpc]") {
  Deliveries deliveries;
  std::vector<int> cancelled;
  const auto begin = [&](int name, uint64_t now_nanos) {
    return deliveries.Begin(now_nanos, [&cancelled, name] { cancelled.push_back(name); });
  };
  const uint64_t first = begin(1, 10);
  const uint64_t second = begin(2, 20);
  begin(3, 30);
  begin(4, 31);
  deliveries.End(second);
  deliveries.CancelUpTo(9);
  REQUIRE(cancelled.empty());
  deliveries.CancelUpTo(30);
  REQUIRE(cancelled == std::vector<int>{1, 3});
  deliveries.CancelUpTo(30);
  deliveries.End(first);  // Its call ends because of that.
  REQUIRE(cancelled.size() == 2);
}

}  // namespace
}  // namespace nokv::rpc
