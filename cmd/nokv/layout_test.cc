#include "cmd/nokv/layout.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

namespace nokv::cli {
namespace {

TEST_CASE("columns are as wide as their widest cell, and lines end without blanks", "[cli]") {
  TextTable table({{"file", Align::kLeft}, {"bytes"}, {"state", Align::kLeft}});
  table.AddRow({"1.log", "12", "sealed"});
  table.AddRow({"000022.log", "1234567", ""});
  CHECK(table.ToString("> ") ==
        "> file          bytes  state\n"
        "> 1.log            12  sealed\n"
        "> 000022.log  1234567\n");
}

TEST_CASE("a tree of figures prints as one line a figure under its JSON path", "[cli]") {
  const nlohmann::ordered_json tree = {
      {"lsm", {{"levels", {{{"level", 0}, {"total_bytes", 2048u}}}}, {"total_bytes", 7u}}},
      {"name", "a"},
      {"rate", 0.5},
      {"full", false}};
  CHECK(FlattenedText(tree) ==
        "lsm.levels[0].level        0\n"
        "lsm.levels[0].total_bytes  2048  (2.0 KiB)\n"
        "lsm.total_bytes            7\n"
        "name                       a\n"
        "rate                       0.5\n"
        "full                       false\n");
}

TEST_CASE("JSON keeps the order of its keys and survives bytes that are not UTF-8", "[cli]") {
  nlohmann::ordered_json tree;
  tree["z"] = 1;
  tree["a"] = "\xff";
  CHECK(JsonText(tree, -1) == "{\"z\":1,\"a\":\"\xef\xbf\xbd\"}");
}

}  // namespace
}  // namespace nokv::cli
