#include "raftstore/rpc/answer_budget.h"

#include <catch2/catch.hpp>

#include <string>

namespace nokv::rpc {
namespace {

using kv::v1::CommandResult;

CommandResult Found(size_t bytes) {
  CommandResult result;
  result.set_id(7);
  result.mutable_get()->mutable_found()->set_value(std::string(bytes, 'v'));
  return result;
}

TEST_CASE("a read's answer that has no room becomes a refusal, until others are taken", "[rpc]") {
  AnswerBudget budget(1000);
  CommandResult first = Found(800);
  const uint64_t taken = budget.Take(first, first.ByteSizeLong());
  CHECK(taken == first.ByteSizeLong());
  CHECK(first.get().has_found());

  CommandResult second = Found(800);
  const uint64_t refused = budget.Take(second, second.ByteSizeLong());
  CHECK(second.get().region_error().has_server_is_busy());
  CHECK(second.id() == 7);
  CHECK(refused == second.ByteSizeLong());

  budget.Give(taken);
  budget.Give(refused);
  CommandResult third = Found(800);
  budget.Take(third, third.ByteSizeLong());
  CHECK(third.get().has_found());
}

TEST_CASE("whoever asks may have no room of his own", "[rpc]") {
  AnswerBudget budget(1000);
  CommandResult result = Found(10);
  budget.Take(result, result.ByteSizeLong(), false);
  CHECK(result.get().region_error().has_server_is_busy());
}

TEST_CASE("the answer of a write is never withheld, and counts", "[rpc]") {
  AnswerBudget budget(10);
  CommandResult written;
  written.mutable_prewrite()->mutable_done()->set_one_phase_commit_ts(1);
  budget.Take(written, 500);
  CHECK(written.prewrite().has_done());
  CommandResult read = Found(1);
  budget.Take(read, read.ByteSizeLong());
  CHECK(read.get().region_error().has_server_is_busy());
}

}  // namespace
}  // namespace nokv::rpc
