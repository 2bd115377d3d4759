#include "tests/engine/metamorphic.h"

#include "tests/engine/crash_explorer.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <cstdlib>

namespace nokv::tests {
namespace {

void RunSeed(uint64_t seed, size_t op_count) {
  const Script script = RandomScript(seed, op_count);
  const std::string wrong = RunScript(script);
  if (wrong.empty()) {
    SUCCEED();
    return;
  }
  const Script small = Shrink(script, 400);
  FAIL("NOKV_TEST_SEED=" << seed << ": " << wrong << "\nshrunk to\n"
                         << Print(small) << "which says: " << RunScript(small));
}

TEST_CASE("random operations under random options answer as the model does", "[engine][crash]") {
  if (const char* const seed = std::getenv("NOKV_TEST_SEED"); seed != nullptr) {
    RunSeed(std::strtoull(seed, nullptr, 10), 400);
    return;
  }
  const uint64_t runs = 150 * Scale();
  fmt::print("seeds 1 to {}\n", runs);
  for (uint64_t seed = 1; seed <= runs; ++seed) RunSeed(seed, 400);
}

}  // namespace
}  // namespace nokv::tests
