#include "raftstore/raft/config_change.h"

#include "engine/base/random.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <string>

namespace nokv::raft {
namespace {

using Op = ConfigChange::Op;
using Transition = ConfigChange::Transition;

std::string After(const Configuration& before, const ConfigChange& change) {
  const absl::StatusOr<Configuration> after = Apply(before, change);
  return after.ok() ? ToString(*after) : std::string(StdView(after.status().message()));
}

TEST_CASE("one voter more or less needs no joint configuration", "[raft][config]") {
  const Configuration three = MakeConfiguration({3, 1, 2}, {4});
  REQUIRE(After(three, {.steps = {{Op::kAddVoter, 5}}}) == "voters=(1 2 3 5) learners=(4)");
  REQUIRE(After(three, {.steps = {{Op::kAddVoter, 4}}}) == "voters=(1 2 3 4)");
  REQUIRE(After(three, {.steps = {{Op::kRemove, 2}}}) == "voters=(1 3) learners=(4)");
  REQUIRE(After(three, {.steps = {{Op::kAddLearner, 2}}}) == "voters=(1 3) learners=(2 4)");
  REQUIRE(After(three, {.steps = {{Op::kRemove, 4}, {Op::kAddLearner, 5}}}) ==
          "voters=(1 2 3) learners=(5)");
}

TEST_CASE("any other change goes through a joint configuration", "[raft][config]") {
  const Configuration three = MakeConfiguration({1, 2, 3}, {4});
  const ConfigChange replace{.steps = {{Op::kAddVoter, 4}, {Op::kAddLearner, 1}}};
  REQUIRE(After(three, replace) == "voters=(2 3 4) outgoing=(1 2 3) next=(1) auto-leave");
  const Configuration joint = Apply(three, replace).value();
  REQUIRE(After(joint, {.transition = Transition::kLeave}) == "voters=(2 3 4) learners=(1)");
  REQUIRE(Apply(joint, {.steps = {{Op::kRemove, 3}}}).status().code() ==
          absl::StatusCode::kFailedPrecondition);
  REQUIRE(After(three, {.transition = Transition::kJointExplicit, .steps = {{Op::kRemove, 3}}}) ==
          "voters=(1 2) outgoing=(1 2 3) learners=(4)");
  REQUIRE(Apply(three, {.transition = Transition::kLeave}).status().code() ==
          absl::StatusCode::kFailedPrecondition);
}

TEST_CASE("a change that makes no sense is refused", "[raft][config]") {
  const Configuration one = MakeConfiguration({7}, {8});
  REQUIRE(After(one, {}) == "a configuration change without steps");
  REQUIRE(After(one, {.steps = {{Op::kRemove, 7}}}) == "the change would leave no voter");
  REQUIRE(After(one, {.steps = {{Op::kAddLearner, 7}}}) == "the change would leave no voter");
  REQUIRE(After(one, {.steps = {{Op::kRemove, 9}}}) == "peer 9 to be removed is not in the group");
  REQUIRE(After(one, {.steps = {{Op::kAddVoter, 0}}}) == "0 is no peer id");
  REQUIRE(After(one, {.steps = {{Op::kAddVoter, 9}, {Op::kRemove, 9}}}) == "two steps for peer 9");
  REQUIRE(After(one, {.transition = Transition::kJoint}) == "a configuration change without steps");
}

TEST_CASE("the id of a removed peer never returns", "[raft][config]") {
  const Configuration group = MakeConfiguration({1, 2, 3});
  const Configuration without = Apply(group, {.steps = {{Op::kRemove, 3}}}).value();
  REQUIRE(After(without, {.steps = {{Op::kAddVoter, 3}}}) ==
          "peer id 3 is not above 3, the highest that the group has had");
  const Configuration with = Apply(without, {.steps = {{Op::kAddLearner, 4}}}).value();
  REQUIRE(with.highest_id == 4);
  REQUIRE(After(with, {.steps = {{Op::kAddVoter, 4}}}) == "voters=(1 2 4)");
}

TEST_CASE("no sequence of changes breaks a configuration", "[raft][config]") {
  Random random(1);
  for (int round = 0; round < 200; ++round) {
    Configuration group = MakeConfiguration({1, 2, 3});
    for (int i = 0; i < 50; ++i) {
      ConfigChange change;
      change.transition = static_cast<Transition>(random.Uniform(4));
      for (uint64_t steps = random.Uniform(4); steps > 0; --steps) {
        change.steps.push_back(
            {static_cast<Op>(random.Uniform(3)), 1 + random.Uniform(group.highest_id + 1)});
      }
      const absl::StatusOr<Configuration> after = Apply(group, change);
      if (!after.ok()) continue;
      REQUIRE(Validate(*after).ok());
      REQUIRE(after->highest_id >= group.highest_id);
      REQUIRE_FALSE(after->voters.empty());
      if (!after->is_joint() && !group.is_joint()) {  // Majorities must overlap.
        std::vector<PeerId> both;
        std::set_intersection(group.voters.begin(), group.voters.end(), after->voters.begin(),
                              after->voters.end(), std::back_inserter(both));
        REQUIRE(both.size() + 1 >= std::max(group.voters.size(), after->voters.size()));
      }
      group = *after;
    }
  }
}

TEST_CASE("a change is read back as it was written", "[raft][config]") {
  const ConfigChange change{.transition = Transition::kJointExplicit,
                            .steps = {{Op::kAddVoter, 1}, {Op::kRemove, 1'000'000'007}},
                            .context = std::string("any\0thing", 9)};
  REQUIRE(DecodeConfigChange(Encode(change)).value() == change);
  REQUIRE(DecodeConfigChange(Encode({.transition = Transition::kLeave})).ok());
}

TEST_CASE("bytes that are no change are refused and never read past their end", "[raft][config]") {
  const std::string good = Encode({.steps = {{Op::kAddVoter, 300}, {Op::kRemove, 2}}});
  for (size_t size = 0; size + 1 < good.size(); ++size) {
    REQUIRE_FALSE(DecodeConfigChange(std::string_view(good).substr(0, size)).ok());
  }
  std::string newer = good;
  newer[0] = 9;
  REQUIRE(DecodeConfigChange(newer).status().code() == absl::StatusCode::kUnimplemented);
  Random random(1);
  for (int round = 0; round < 20'000; ++round) {
    std::string broken = good;
    broken[random.Uniform(broken.size())] = static_cast<char>(random.Next());
    const absl::StatusOr<ConfigChange> change = DecodeConfigChange(broken);
    if (change.ok()) static_cast<void>(Apply(MakeConfiguration({1, 2, 3}), *change).ok());
  }
}

}  // namespace
}  // namespace nokv::raft
