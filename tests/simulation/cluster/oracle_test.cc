#include "tests/simulation/cluster/oracle.h"

#include <catch2/catch.hpp>

#include <string>

namespace nokv::simulation {

TEST_CASE("an oracle that sees nothing wrong says nothing", "[simulation]") {
  Oracle oracle;
  oracle.SawLeader(1, 5, 101, 1);
  oracle.SawLeader(1, 5, 101, 1);
  oracle.SawLeader(1, 6, 102, 2);
  oracle.SawLeader(2, 5, 201, 1);
  oracle.SawTimestamps(10, 5);
  oracle.SawTimestamps(15, 1);
  oracle.SawReplica(1, 7, 0xabc, 1);
  oracle.SawReplica(1, 7, 0xabc, 2);
  oracle.SawReplica(1, 8, 0xdef, 2);
  oracle.SawReplica(2, 7, 0xdef, 2);
  REQUIRE(oracle.violation().empty());
  REQUIRE(oracle.terms() == 3);
  REQUIRE(oracle.StoreOfLeader(1) == 2);
  REQUIRE(oracle.StoreOfLeader(3) == 0);
  REQUIRE(oracle.timestamps() == 6);
  REQUIRE(oracle.replicas_compared() == 1);
}

TEST_CASE("an oracle keeps the first thing that is wrong", "[simulation]") {
  Oracle oracle;
  SECTION("two leaders") {
    oracle.SawLeader(1, 5, 101, 1);
    oracle.SawLeader(1, 5, 102, 2);
    REQUIRE(oracle.violation() == "region 1 has two leaders in term 5: peers 101 and 102");
  }
  SECTION("a timestamp given twice") {
    oracle.SawTimestamps(10, 5);
    oracle.SawTimestamps(14, 5);
    REQUIRE(oracle.violation() == "5 timestamps from 14 on were given after 14");
  }
  SECTION("none given") {
    oracle.SawTimestamps(10, 0);
    REQUIRE_FALSE(oracle.violation().empty());
  }
  SECTION("replicas that differ") {
    oracle.SawReplica(1, 7, 0xabc, 1);
    oracle.SawReplica(1, 7, 0xdef, 3);
    REQUIRE(oracle.violation() == "region 1 differs at index 7 on stores 1 and 3: abc and def");
  }
  const std::string first = oracle.violation();
  oracle.Violate("something else");
  REQUIRE(oracle.violation() == first);
}

}  // namespace nokv::simulation
