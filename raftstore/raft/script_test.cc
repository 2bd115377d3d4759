// Golden conversations: testdata/*.txt, in the language of testing/script.h.
//
// NOKV_REWRITE=1 writes what came about into the files; the change is then read like any other.
#include "raftstore/raft/testing/script.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace nokv::raft::testing {
namespace {

std::string ReadAll(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

TEST_CASE("each conversation goes as it is written", "[raft][script]") {
  std::vector<std::filesystem::path> paths;
  for (const auto& file : std::filesystem::directory_iterator(NOKV_RAFT_TESTDATA)) {
    if (file.path().extension() == ".txt") paths.push_back(file.path());
  }
  std::sort(paths.begin(), paths.end());
  REQUIRE(paths.size() > 10);
  for (const std::filesystem::path& path : paths) {
    const std::string expected = ReadAll(path);
    const std::string actual = RunScript(expected);
    if (std::getenv("NOKV_REWRITE") != nullptr) {
      std::ofstream(path) << actual;
      continue;
    }
    INFO(path.filename().string());
    CHECK(actual == expected);
    CHECK(actual.find("VIOLATION") == std::string::npos);
    CHECK(actual.find("unknown command") == std::string::npos);
    CHECK(actual.find("does not settle") == std::string::npos);
  }
}

TEST_CASE("a script that came about otherwise is not the same", "[raft][script]") {
  const std::string script =
      "cluster voters=1\n----\nnothing\n\ncampaign 1\n----\n1 is leader in term 3\n";
  REQUIRE(RunScript(script) != script);
}

}  // namespace
}  // namespace nokv::raft::testing
