#include "gateway/command/command.h"

#include <catch2/catch.hpp>

#include <algorithm>

namespace nokv::command {
namespace {

void CheckCommands(std::span<const Command> commands) {
  CHECK(std::is_sorted(commands.begin(), commands.end(),
                       [](const Command& a, const Command& b) { return a.name < b.name; }));
  for (const Command& command : commands) {
    CAPTURE(std::string(command.name));
    CHECK(command.arity != 0);
    CHECK((command.handler != nullptr || !command.subcommands.empty()));
    CHECK_FALSE(command.summary.empty());
    CHECK((command.first_key == 0) == (command.key_step == 0));
    const bool touches_keys = (command.flags & (kWrite | kReadOnly)) != 0;
    if (command.first_key != 0) CHECK(touches_keys);
    CHECK_FALSE(((command.flags & kWrite) != 0 && (command.flags & kReadOnly) != 0));
    CheckCommands(command.subcommands);
  }
}

TEST_CASE("the command table is in order and complete", "[command]") { CheckCommands(Table()); }

TEST_CASE("commands are found in any case", "[command]") {
  REQUIRE(FindCommand("GeT") != nullptr);
  CHECK(FindCommand("GeT")->name == "get");
  CHECK(FindCommand("nothing") == nullptr);
  CHECK(FindCommand("") == nullptr);
  CHECK(FindCommand(std::string(1000, 'g')) == nullptr);
  const Command* client = FindCommand("client");
  REQUIRE(client != nullptr);
  REQUIRE(FindSubcommand(*client, "ID") != nullptr);
  CHECK(FindSubcommand(*client, "ID")->name == "client|id");
}

}  // namespace
}  // namespace nokv::command
