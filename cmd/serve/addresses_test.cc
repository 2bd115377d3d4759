#include "cmd/serve/addresses.h"

#include <catch2/catch.hpp>

#include <deque>
#include <optional>
#include <string>
#include <utility>

namespace nokv::serve {
namespace {

// A driver whose answers the test gives.
class FakePd final : public pd::PdClient {
 public:
  void ScanRegions(pd::v1::ScanRegionsRequest request,
                   pd::Done<pd::v1::ScanRegionsResponse> done) override {
    asked.emplace_back(std::move(request), std::move(done));
  }

  void Tso(pd::v1::TsoRequest, pd::Done<pd::v1::TsoResponse>) override {}

  void StoreHeartbeat(pd::v1::StoreHeartbeatRequest,
                      pd::Done<pd::v1::StoreHeartbeatResponse>) override {}

  void RegionHeartbeat(pd::v1::RegionHeartbeatRequest,
                       pd::Done<pd::v1::RegionHeartbeatResponse>) override {}

  void GetRegionByKey(pd::v1::GetRegionByKeyRequest,
                      pd::Done<pd::v1::GetRegionByKeyResponse>) override {}

  void AllocId(pd::v1::AllocIdRequest, pd::Done<pd::v1::AllocIdResponse>) override {}

  void Answer(const absl::StatusOr<pd::v1::ScanRegionsResponse>& answer) {
    REQUIRE_FALSE(asked.empty());
    const auto done = std::move(asked.front().second);
    asked.pop_front();
    done(answer);
  }

  std::deque<std::pair<pd::v1::ScanRegionsRequest, pd::Done<pd::v1::ScanRegionsResponse>>> asked;
};

// Routes of one region each, [start, end), with one store.
pd::v1::ScanRegionsResponse Routes(const std::string& end_key, uint64_t store,
                                   const std::string& address) {
  pd::v1::ScanRegionsResponse response;
  pd::v1::Route& route = *response.add_routes();
  route.mutable_region()->set_end_key(end_key);
  meta::v1::Store& where = *route.add_stores();
  where.set_id(store);
  where.set_address(address);
  return response;
}

struct World {
  // What the last Resolve() was answered; nothing as long as it waits.
  void Ask(transport::StoreId store) {
    answer.reset();
    addresses->Resolve(store, [this](const auto& resolved) { answer = resolved; });
  }

  FakePd pd;
  ManualClock clock;
  std::shared_ptr<Addresses> addresses =
      std::make_shared<Addresses>(7, pd, clock, Addresses::Known{{2, "old:1"}});
  std::optional<absl::StatusOr<std::string>> answer;
};

TEST_CASE("a known address is told at once, and a newer one at the next attempt", "[serve]") {
  World world;
  world.Ask(2);
  REQUIRE(world.answer);
  CHECK(**world.answer == "old:1");
  REQUIRE(world.pd.asked.size() == 1);
  CHECK(world.pd.asked[0].first.cluster_id() == 7);
  world.pd.Answer(Routes("", 2, "new:1"));
  world.Ask(2);
  CHECK(**world.answer == "new:1");
}

TEST_CASE("an unknown store waits for the driver's answer", "[serve]") {
  World world;
  world.Ask(3);
  CHECK_FALSE(world.answer);
  SECTION("which knows it") {
    world.pd.Answer(Routes("", 3, "three:1"));
    CHECK(**world.answer == "three:1");
  }
  SECTION("which knows it on a later page") {
    world.pd.Answer(Routes("m", 2, "two:1"));
    CHECK_FALSE(world.answer);
    REQUIRE(world.pd.asked.size() == 1);
    CHECK(world.pd.asked[0].first.start_key() == "m");
    world.pd.Answer(Routes("", 3, "three:1"));
    CHECK(**world.answer == "three:1");
  }
  SECTION("which does not know it") {
    world.pd.Answer(Routes("", 2, "two:1"));
    CHECK(absl::IsUnavailable(world.answer->status()));
  }
  SECTION("which is away") {
    world.pd.Answer(UnavailableError("nobody there"));
    CHECK(world.answer->status().message() == "nobody there");
  }
  CHECK(world.pd.asked.empty());
}

TEST_CASE("the driver is asked once for many, and not again at once", "[serve]") {
  World world;
  for (int i = 0; i < 10; ++i) world.Ask(2);
  CHECK(world.pd.asked.size() == 1);
  world.pd.Answer(UnavailableError("away"));
  world.Ask(2);
  CHECK(world.pd.asked.empty());
  world.Ask(3);
  CHECK(absl::IsUnavailable(world.answer->status()));
  world.clock.Advance(absl::Seconds(2));
  world.Ask(2);
  CHECK(**world.answer == "old:1");
  CHECK(world.pd.asked.size() == 1);
}

TEST_CASE("routes that lead in a circle are followed once", "[serve]") {
  World world;
  world.Ask(3);
  world.pd.Answer(Routes("m", 2, "two:1"));
  world.pd.Answer(Routes("m", 2, "two:1"));
  CHECK(world.pd.asked.empty());
  CHECK(absl::IsUnavailable(world.answer->status()));
}

TEST_CASE("an answer after the end changes nothing", "[serve]") {
  World world;
  world.Ask(2);
  world.addresses.reset();
  world.pd.Answer(Routes("", 2, "new:1"));
}

}  // namespace
}  // namespace nokv::serve
