// Each mistake of planted.h is found: what goes well without it goes wrong with it.
#include "raftstore/store/planted.h"

#include "raftstore/command/command.h"
#include "raftstore/raft/raft.h"
#include "raftstore/store/test_cluster.h"

namespace nokv::store {
namespace {

transport::StoreId NextOf(transport::StoreId id) { return id % 3 + 1; }

// Waits as long as a test wants.
Options Patient() {
  Options options;
  options.unknown_outcome_wait = absl::Minutes(30);
  options.timeout_default = absl::Minutes(30);
  options.timeout_max = absl::Minutes(30);
  return options;
}

bool IsDone(const ReplyPtr& reply) {
  return reply->is_there() && reply->answer->ok() && reply->prewrite().has_done();
}

bool IsRefused(const ReplyPtr& reply) {
  return reply->is_there() && reply->answer->ok() && reply->prewrite().has_region_error();
}

ReplyPtr Add(TestCluster& cluster, transport::StoreId id) {
  return cluster.Submit(id, cluster.AddCommand(id, "n", 10, cluster.DrawTimestamp()));
}

// --- Scenarios: each answers whether a promise was broken.

// A new leader has the last acknowledged add in its log, and has not applied it.
bool EvaluatesTooEarly() {
  TestCluster cluster({TestCluster::Region(1, "", "")}, Patient());
  cluster.MustPut("k", "v");
  const transport::StoreId old = cluster.Leader();
  bool is_acknowledged = false;
  cluster.Lose([&](transport::StoreId from, transport::StoreId, const raft::Message& message) {
    // From the acknowledgement on nobody hears of commits; appends of the next leader are lost.
    return message.type == raft::MessageType::kAppend && (from != old || message.entries.empty());
  });
  const ReplyPtr first = Add(cluster, old);
  cluster.Settle();
  is_acknowledged = IsDone(first);
  REQUIRE(is_acknowledged);
  cluster.Isolate(old);
  ReplyPtr second;
  for (int i = 0; i < 500 && second == nullptr; ++i) {
    cluster.Pass(absl::Milliseconds(20));
    for (const transport::StoreId id : {NextOf(old), NextOf(NextOf(old))}) {
      if (second == nullptr && cluster.StatusOf(id, 1)->is_leader) second = Add(cluster, id);
    }
  }
  REQUIRE(second != nullptr);
  cluster.Settle();
  cluster.Lose(nullptr);
  cluster.Pass(absl::Seconds(5));
  return IsDone(second) && second->prewrite().done().sums(0) != 20;
}

// Leadership is lost and won again between evaluation and proposal.
bool ProposesStaleEvaluation() {
  TestCluster cluster({TestCluster::Region(1, "", "")}, Patient());
  cluster.MustPut("k", "v");
  const transport::StoreId first = cluster.Leader();
  cluster.pd(first).is_held = true;
  const ReplyPtr stale = Add(cluster, first);
  cluster.Settle();
  cluster.Isolate(first);
  cluster.Pass(absl::Seconds(3));
  const transport::StoreId second = cluster.Leader();
  const ReplyPtr add = Add(cluster, second);
  cluster.Settle();
  REQUIRE(IsDone(add));
  cluster.Rejoin(first);
  cluster.Pass(absl::Seconds(1));
  pd::v1::Order& order = *cluster.pd(cluster.Leader()).store_reply.add_orders();
  order.set_region_id(1);
  order.mutable_epoch()->set_version(1);
  order.mutable_epoch()->set_conf_version(1);
  order.mutable_transfer_leader()->mutable_to()->set_id(10 + first);
  cluster.Pass(absl::Seconds(3));
  REQUIRE(cluster.Leader() == first);
  cluster.pd(first).is_held = false;
  for (const auto& held : cluster.pd(first).held) held();
  cluster.Settle();
  return IsDone(stale) && cluster.MustGet("n") != "h20";
}

bool DeposedLeaderAnswers(bool with_conflict) {
  TestCluster cluster;
  const uint64_t start = cluster.DrawTimestamp();
  cluster.MustPut("k", "v");
  const transport::StoreId old = cluster.Leader();
  cluster.Isolate(old);
  const ReplyPtr reply = with_conflict
                             ? cluster.Submit(old, cluster.PutCommand(old, "k", "x", start))
                             : cluster.Get(old, "k");
  cluster.Settle();
  return reply->is_there();
}

bool SaysNo() { return DeposedLeaderAnswers(true); }

bool AnswersRead() { return DeposedLeaderAnswers(false); }

bool AcknowledgesAnothersEntry() {
  TestCluster cluster({TestCluster::Region(1, "", "")}, Patient());
  cluster.MustPut("k", "v");
  const transport::StoreId old = cluster.Leader();
  cluster.Isolate(old);
  const ReplyPtr lost = cluster.Put(old, "k", "lost");
  cluster.Settle();
  cluster.MustPut("other", "w");
  cluster.Rejoin(old);
  cluster.Pass(absl::Seconds(5));
  return IsDone(lost) && cluster.MustGet("k") != "lost";
}

// The others have the entry, and the leader does not hear of it.
bool RefusesWhatHappens() {
  TestCluster cluster;
  cluster.MustPut("k", "v");
  const transport::StoreId old = cluster.Leader();
  cluster.Lose(
      [old](transport::StoreId, transport::StoreId to, const raft::Message&) { return to == old; });
  const ReplyPtr write = cluster.Put(old, "k", "w");
  cluster.Settle();
  cluster.Lose(nullptr);
  cluster.Isolate(old);
  cluster.Pass(absl::Seconds(6));
  return IsRefused(write) && cluster.MustGet("k") == "w";
}

bool AnswersUncommitted() {
  TestCluster cluster;
  cluster.MustPut("k", "v");
  const transport::StoreId old = cluster.Leader();
  cluster.Isolate(old);
  const ReplyPtr write = cluster.Put(old, "k", "w");
  cluster.Settle();
  return IsDone(write);
}

bool AppliesForAnotherRange() {
  TestCluster cluster({TestCluster::Region(1, "b", "m")});
  cluster.Isolate(1);
  const mvcc::Change change{
      .family = mvcc::Family::kWrite, .key = mvcc::KeyPrefix("z"), .value = "x"};
  command::EntryBuilder builder;
  builder.AddWrite(2, std::span(&change, 1));
  cluster.CommitFirst(TestCluster::Region(1, "b", "m"), builder.Take());
  REQUIRE(cluster.StatusOf(1, 1)->applied == 2);
  return !cluster.DataOf(1).empty();
}

bool LosesAppliedData() {
  TestCluster cluster;
  for (int round = 0; round < 5; ++round) {
    cluster.MustPut("k", fmt::format("{}", round));
    const transport::StoreId victim = cluster.Leader();
    cluster.Kill(victim, true);
    cluster.Open(victim);
    cluster.Pass(absl::Seconds(3));
    cluster.Leader();
    cluster.Pass(absl::Seconds(1));
    if (cluster.DataOf(1) != cluster.DataOf(2) || cluster.DataOf(2) != cluster.DataOf(3)) {
      return true;
    }
  }
  return false;
}

// The third store has another end of the region, and what is written lies behind it.
bool LeavesOutWhatItAcknowledged() {
  TestCluster cluster({TestCluster::Region(1, "", "z")});
  cluster.Kill(3, true);
  cluster.node(3).disk = std::make_shared<vfs::MemFileSystem>();
  cluster.Open(3, {TestCluster::Region(1, "", "m")});
  cluster.Isolate(3);
  const transport::StoreId leader = cluster.Leader();
  cluster.Rejoin(3);
  cluster.Pass(absl::Seconds(1));
  cluster.Isolate(3 - leader);
  const ReplyPtr write = cluster.Put(leader, "p", "v");
  cluster.Settle();
  return IsDone(write);  // By a quorum of which one half has not got it.
}

bool OverlooksLatch() {
  TestCluster cluster;
  cluster.MustPut("k", "old");
  const transport::StoreId leader = cluster.Leader();
  cluster.pd(leader).is_held = true;
  const ReplyPtr write = cluster.Put(leader, "k", "new");
  cluster.Settle();
  const uint64_t drawn = cluster.next_timestamp();
  const ReplyPtr read = cluster.Get(leader, "k", drawn + 5);
  cluster.Settle();
  for (const auto& held : cluster.pd(leader).held) held();
  cluster.Settle();
  REQUIRE(IsDone(write));
  REQUIRE(write->prewrite().done().one_phase_commit_ts() <= drawn + 5);
  return read->get().found().value() != "new";
}

bool AddsSideBySide() {
  TestCluster cluster;
  const transport::StoreId leader = cluster.Leader();
  const ReplyPtr first = Add(cluster, leader);
  const ReplyPtr second = Add(cluster, leader);
  cluster.Settle();
  REQUIRE(IsDone(first));
  return IsDone(second) && cluster.MustGet("n") != "h20";
}

bool AcknowledgesUnsynced() {
  TestCluster cluster;
  cluster.MustPut("k", "v");
  const transport::StoreId leader = cluster.Leader();
  cluster.Freeze(NextOf(leader));
  cluster.Freeze(NextOf(NextOf(leader)));
  const ReplyPtr write = cluster.Put(leader, "k", "w");
  cluster.Settle();
  return IsDone(write);
}

struct Case {
  Bug bug;
  const char* name;
  bool (*is_broken)();
};

constexpr Case kCases[] = {
    {Bug::kEvaluateBeforeOwnTerm, "evaluation before an entry of the own term", EvaluatesTooEarly},
    {Bug::kStaleEvaluationAccepted, "an evaluation of an older term", ProposesStaleEvaluation},
    {Bug::kNoWithoutReadIndex, "a negative answer by a deposed leader", SaysNo},
    {Bug::kReadWithoutReadIndex, "a read by a deposed leader", AnswersRead},
    {Bug::kProposalKnownByIndexOnly, "the wrong acknowledgement", AcknowledgesAnothersEntry},
    {Bug::kUnknownIsRefused, "a refusal of what happens", RefusesWhatHappens},
    {Bug::kAnswerBeforeApply, "an answer before it is committed", AnswersUncommitted},
    {Bug::kApplyWithoutEpochCheck, "apply without epoch check", AppliesForAnotherRange},
    {Bug::kMarkWithoutData, "a mark ahead of its data", LosesAppliedData},
    {Bug::kRegionsNotCompared, "peers of unlike regions", LeavesOutWhatItAcknowledged},
    {Bug::kReadIgnoresLatches, "a snapshot that misses a write below it", OverlooksLatch},
    {Bug::kWritesShareKeys, "two writes of a key side by side", AddsSideBySide},
    {Bug::kSendBeforeSync, "a promise before its sync", AcknowledgesUnsynced},
};

}  // namespace

TEST_CASE("every planted mistake has a scenario, and each scenario goes well without it",
          "[store][planted]") {
  REQUIRE(std::size(kCases) + 1 == static_cast<size_t>(Bug::kCount));
  planted_bug = Bug::kNone;
  for (const Case& scenario : kCases) {
    INFO(scenario.name);
    REQUIRE_FALSE(scenario.is_broken());
  }
}

TEST_CASE("every planted mistake is found", "[store][planted]") {
  for (const Case& scenario : kCases) {
    INFO(scenario.name);
    planted_bug = scenario.bug;
    const bool is_broken = scenario.is_broken();
    planted_bug = Bug::kNone;
    CHECK(is_broken);
  }
}

}  // namespace nokv::store
