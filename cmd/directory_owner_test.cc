#include "cmd/directory_owner.h"

#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/db.h"
#include "engine/vfs/mem_file_system.h"
#include "pd/storage/records.h"

#include <catch2/catch.hpp>

namespace nokv {
namespace {

struct Machine {
  vfs::MemFileSystem files;
  ManualClock clock;
  ManualExecutor executor;

  Options options() { return {.directory = "/data", .environment = {&files, &clock, &executor}}; }

  std::unique_ptr<DB> Open(bool groups = false) {
    Options with = options();
    with.groups = groups;
    absl::StatusOr<std::unique_ptr<DB>> db = DB::Open(with);
    INFO(db.status());
    REQUIRE(db.ok());
    return *std::move(db);
  }

  std::string Refusal() { return std::string(StdView(CheckIsNoClusters(options()).message())); }
};

TEST_CASE("a database of a user's, or none, may be changed", "[cmd]") {
  Machine machine;
  CHECK(machine.Refusal().empty());
  CHECK_FALSE(machine.files.Exists("/data"));

  REQUIRE(machine.Open()->Set(pd::kClusterKey, "the user's own c").ok());
  CHECK(machine.Refusal().empty());
}

TEST_CASE("a store's database may not be changed by others", "[cmd]") {
  Machine machine;
  const GroupWrite write{.group = 7, .state = "a vote"};
  REQUIRE(machine.Open(true)->groups().Append({&write, 1}).ok());
  CHECK(machine.Refusal() == "/data is a store's: a change here would be made in one replica only");
}

TEST_CASE("a placement driver's database may not be changed by others", "[cmd]") {
  Machine machine;
  REQUIRE(machine.Open()->Set(pd::kClusterKey, pd::EncodeClusterId(7)).ok());
  CHECK(machine.Refusal() ==
        "/data is a placement driver's: a change here would contradict the stores");
}

TEST_CASE("a database that is in use is left to whoever opens it", "[cmd]") {
  Machine machine;
  const std::unique_ptr<DB> db = machine.Open();
  CHECK(machine.Refusal().empty());
}

}  // namespace
}  // namespace nokv
