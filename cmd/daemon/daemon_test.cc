#include "cmd/daemon/admin_server.h"
#include "cmd/daemon/flags.h"
#include "cmd/daemon/metrics.h"

#include <catch2/catch.hpp>
#include <httplib.h>

namespace nokv::daemon {
namespace {

TEST_CASE("sizes are read with and without units", "[daemon]") {
  CHECK(*ParseBytes("0") == 0);
  CHECK(*ParseBytes("4096") == 4096);
  CHECK(*ParseBytes("4096B") == 4096);
  CHECK(*ParseBytes("512MiB") == 512ull << 20);
  CHECK(*ParseBytes("1g") == 1ull << 30);
  CHECK(*ParseBytes("2KB") == 2048);
  for (const char* text :
       {"", "MiB", "-1", "1x", "1 g", "1iB", "1gg", "99999999999999999999", "99999999999t"}) {
    CAPTURE(text);
    CHECK_FALSE(ParseBytes(text).ok());
  }
}

class OneCounter final : public prometheus::Collectable {
 public:
  std::vector<prometheus::MetricFamily> Collect() const override {
    prometheus::MetricFamily family = CounterFamily({"nokv_things_total", "Things"});
    AddValue(family, 3, {{"kind", "a"}});
    return {family};
  }
};

TEST_CASE("metrics become Prometheus text", "[daemon]") {
  CHECK(ToPrometheusText(OneCounter()) ==
        "# HELP nokv_things_total Things\n# TYPE nokv_things_total counter\n"
        "nokv_things_total{kind=\"a\"} 3\n");
  CHECK(ProcessMemoryBytes() > 0);
}

TEST_CASE("the admin server answers its pages", "[daemon]") {
  absl::Status readiness;
  auto server = AdminServer::Start("127.0.0.1", 0,
                                   {.metrics = [] { return std::string("m 1\n"); },
                                    .variables = [] { return std::string("{}"); },
                                    .readiness = [&] { return readiness; }});
  REQUIRE(server.ok());
  httplib::Client client("127.0.0.1", (*server)->port());
  CHECK(client.Get("/metrics")->body == "m 1\n");
  CHECK(client.Get("/debug/vars")->body == "{}");
  CHECK(client.Get("/healthz")->status == 200);
  CHECK(client.Get("/readyz")->status == 200);
  CHECK(client.Get("/nothing")->status == 404);
  readiness = UnavailableError("not yet");
  const auto not_ready = client.Get("/readyz");
  CHECK(not_ready->status == 503);
  CHECK(not_ready->body == "not yet\n");
  CHECK_FALSE(AdminServer::Start("192.0.2.1", 1, {}).ok());
}

TEST_CASE("two admin servers do not share an address", "[daemon]") {
  const auto first = AdminServer::Start("127.0.0.1", 0, {});
  REQUIRE(first.ok());
  const auto second = AdminServer::Start("127.0.0.1", (*first)->port(), {});
  REQUIRE_FALSE(second.ok());
  CHECK(second.status().code() == absl::StatusCode::kAlreadyExists);
}

}  // namespace
}  // namespace nokv::daemon
