#include "pd/client/timestamp_sharing.h"

#include <catch2/catch.hpp>

#include <string>

namespace nokv::pd {
namespace {

struct Asker {
  TimestampSharing sharing{3};
  std::vector<std::string> heard;

  absl::Status Ask(const std::string& name, uint32_t count) {
    TimestampSharing::TsoDone done = [this, name](absl::StatusOr<v1::TsoResponse> response) {
      heard.push_back(
          response.ok()
              ? fmt::format("{}: {}+{}", name, response->first_timestamp(), response->count())
              : fmt::format("{}: {}", name, absl::StatusCodeToString(response.status().code())));
    };
    return sharing.Add(count, done);
  }

  void Answer(const absl::StatusOr<v1::TsoResponse>& response) {
    for (auto& [done, answer] : sharing.EndRequest(response)) done(std::move(answer));
  }

  void Give(uint64_t first, uint32_t count) {
    v1::TsoResponse response;
    response.set_first_timestamp(first);
    response.set_count(count);
    Answer(response);
  }
};

TEST_CASE("who asks while a request is under way shares the next", "[pd][client]") {
  Asker asker;
  REQUIRE(asker.sharing.BeginRequest() == 0);
  REQUIRE(asker.Ask("a", 0).ok());
  REQUIRE(asker.sharing.BeginRequest() == 1);
  REQUIRE(asker.Ask("b", 5).ok());
  REQUIRE(asker.Ask("c", 2).ok());
  REQUIRE(asker.sharing.BeginRequest() == 0);  // One at a time.
  asker.Give(100, 1);
  REQUIRE(asker.sharing.BeginRequest() == 7);
  asker.Give(200, 7);
  REQUIRE(asker.heard == std::vector<std::string>{"a: 100+1", "b: 200+5", "c: 205+2"});
}

TEST_CASE("who asks for many timestamps asks alone, and small calls stay a small request",
          "[pd][client]") {
  Asker asker;
  REQUIRE(absl::IsInvalidArgument(asker.Ask("a", (1 << 18) + 1)));
  REQUIRE(asker.Ask("a", 16'000).ok());
  REQUIRE(asker.Ask("b", 384).ok());
  REQUIRE(asker.Ask("c", 1 << 18).ok());
  REQUIRE(asker.sharing.BeginRequest() == 16'384);
  REQUIRE(asker.Ask("d", 1).ok());
  asker.Give(1, 16'384);
  REQUIRE(asker.sharing.BeginRequest() == 1 << 18);
  asker.Give(1 << 20, 1 << 18);
  REQUIRE(asker.sharing.BeginRequest() == 1);
}

TEST_CASE("more callers than may wait are turned away", "[pd][client]") {
  Asker asker;
  for (const char* name : {"a", "b", "c"}) REQUIRE(asker.Ask(name, 1).ok());
  REQUIRE(absl::IsUnavailable(asker.Ask("d", 1)));
}

TEST_CASE("a failed request fails everybody who waits, and the next starts anew", "[pd][client]") {
  Asker asker;
  REQUIRE(asker.Ask("a", 1).ok());
  REQUIRE(asker.sharing.BeginRequest() == 1);
  REQUIRE(asker.Ask("b", 1).ok());
  asker.Answer(UnavailableError("gone"));
  REQUIRE(asker.heard == std::vector<std::string>{"a: UNAVAILABLE", "b: UNAVAILABLE"});
  REQUIRE(asker.sharing.BeginRequest() == 0);
  REQUIRE(asker.Ask("c", 1).ok());
  REQUIRE(asker.sharing.BeginRequest() == 1);
  asker.Give(7, 1);
  REQUIRE(asker.heard.back() == "c: 7+1");
}

TEST_CASE("a driver whose timestamps go back, or are not what was asked for, is not believed",
          "[pd][client]") {
  Asker asker;
  REQUIRE(asker.Ask("a", 10).ok());
  REQUIRE(asker.sharing.BeginRequest() == 10);
  asker.Give(100, 10);
  for (const uint64_t first : {uint64_t{0}, uint64_t{100}, uint64_t{109}, UINT64_MAX}) {
    REQUIRE(asker.Ask("b", 2).ok());
    REQUIRE(asker.sharing.BeginRequest() == 2);
    asker.Give(first, 2);
    REQUIRE(asker.heard.back() == "b: INTERNAL");
  }
  REQUIRE(asker.Ask("c", 2).ok());
  REQUIRE(asker.sharing.BeginRequest() == 2);
  asker.Give(110, 1);
  REQUIRE(asker.heard.back() == "c: INTERNAL");
}

}  // namespace
}  // namespace nokv::pd
