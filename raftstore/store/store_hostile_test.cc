// Commands, messages, entries and directories that should not be.
#include "raftstore/command/command.h"
#include "raftstore/raft/raft.h"
#include "raftstore/store/store.h"
#include "raftstore/store/test_cluster.h"

namespace nokv::store {
namespace {

using Catch::Contains;
using kv::v1::Command;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

// The refusal of a put, whose context or mutation `change` spoils.
template <typename Change>
errors::v1::RegionError RefusalOf(TestCluster& cluster, Change&& change) {
  const transport::StoreId leader = cluster.Leader();
  Command command = cluster.PutCommand(leader, "k", "v", cluster.DrawTimestamp());
  change(*command.mutable_prewrite());
  const ReplyPtr reply = cluster.Submit(leader, command);
  cluster.Settle();
  INFO(reply->result().ShortDebugString());
  REQUIRE(reply->prewrite().has_region_error());
  return reply->prewrite().region_error();
}

// An append of one entry, committed, as from a leader on store 2 to the peer on store 1.
transport::Envelope AppendOf(std::string_view payload, raft::Index index = 2,
                             const region::RegionMeta& region = TestCluster::Region(1, "", "")) {
  raft::Message message{.type = raft::MessageType::kAppend,
                        .from = 12,
                        .to = 11,
                        .term = 50,
                        .log_index = index - 1,
                        .log_term = index == 2 ? raft::kBootstrapTerm : 50,
                        .commit = index};
  message.entries.push_back({index, 50, raft::EntryKind::kData, raft::Payload(payload)});
  return {.region = 1,
          .epoch = {1, 1},
          .region_hash = region::HashOf(region),
          .message = std::move(message)};
}

std::string EntryOf(uint64_t region_version, std::string_view user_key,
                    std::string_view record = "x") {
  const mvcc::Change change{.family = mvcc::Family::kWrite,
                            .key = mvcc::KeyPrefix(user_key),
                            .value = std::string(record)};
  command::EntryBuilder builder;
  builder.AddWrite(region_version, std::span(&change, 1));
  return builder.Take();
}

// What store 1 has in the family of writes.
size_t Rows(TestCluster& cluster) {
  IteratorOptions options;
  options.column_family = *cluster.node(1).db->FindColumnFamily("write");
  const auto rows = cluster.node(1).db->NewIterator(options);
  size_t count = 0;
  for (rows->SeekToFirst(); rows->Valid(); rows->Next()) ++count;
  return count;
}

}  // namespace

TEST_CASE("a command for somebody else is refused with what it should know", "[store][hostile]") {
  TestCluster cluster({TestCluster::Region(1, "", "m"), TestCluster::Region(2, "m", "")});
  using Prewrite = kv::v1::PrewriteRequest;
  const auto cluster_error =
      RefusalOf(cluster, [](Prewrite& p) { p.mutable_context()->set_cluster_id(5); });
  REQUIRE(cluster_error.cluster_id_mismatch().wanted_cluster_id() == 5);
  REQUIRE(cluster_error.cluster_id_mismatch().actual_cluster_id() == kCluster);
  REQUIRE(
      RefusalOf(cluster, [](Prewrite& p) { p.mutable_context()->mutable_peer()->set_store_id(9); })
          .store_not_match()
          .wanted_store_id() == 9);
  REQUIRE(RefusalOf(cluster, [](Prewrite& p) {
            p.mutable_context()->mutable_peer()->set_id(99);
          }).has_region_not_found());
  REQUIRE(RefusalOf(cluster, [](Prewrite& p) { p.mutable_context()->set_region_id(9); })
              .region_not_found()
              .region_id() == 9);
  REQUIRE(RefusalOf(cluster, [](Prewrite& p) { p.mutable_mutations(0)->set_key("z"); })
              .key_not_in_region()
              .end_key() == "m");
  for (const uint64_t version : {0, 2}) {
    const auto error = RefusalOf(cluster, [version](Prewrite& p) {
      p.mutable_context()->mutable_epoch()->set_version(version);
    });
    REQUIRE(error.epoch_not_match().current_regions(0).epoch().version() == 1);
  }
}

TEST_CASE("a follower names the leader", "[store]") {
  TestCluster cluster;
  cluster.MustPut("k", "v");
  const transport::StoreId leader = cluster.Leader();
  const transport::StoreId other = leader % 3 + 1;
  cluster.Pass(absl::Seconds(1));
  const ReplyPtr reply = cluster.Get(other, "k");
  cluster.Settle();
  REQUIRE(reply->get().region_error().not_leader().leader().store_id() == leader);
}

TEST_CASE("what no store serves is refused without a reason and with words", "[store][hostile]") {
  TestCluster cluster;
  using Prewrite = kv::v1::PrewriteRequest;
  const auto words = [&cluster](auto&& change) {
    const errors::v1::RegionError error = RefusalOf(cluster, change);
    REQUIRE(error.reason_case() == errors::v1::RegionError::REASON_NOT_SET);
    return error.message();
  };
  REQUIRE_THAT(words([](Prewrite& p) { p.set_is_one_phase(false); }), Contains("two phases"));
  REQUIRE_THAT(words([](Prewrite& p) { p.mutable_mutations(0)->set_key("\xffkey"); }),
               Contains("belong to the system"));
  words([](Prewrite& p) { p.mutable_mutations(0)->set_key(""); });
  words([](Prewrite& p) { p.mutable_mutations(0)->set_key(std::string(70'000, 'k')); });
  words([](Prewrite& p) { p.clear_mutations(); });
  words([](Prewrite& p) { p.set_start_ts(0); });
  words([](Prewrite& p) { p.set_start_ts(UINT64_MAX); });
  words([](Prewrite& p) { *p.add_mutations() = p.mutations(0); });
  words([](Prewrite& p) { p.mutable_mutations(0)->set_kind(kv::v1::MUTATION_KIND_UNSPECIFIED); });
  words([](Prewrite& p) { p.mutable_mutations(0)->set_kind(kv::v1::MUTATION_KIND_LOCK); });
  words([](Prewrite& p) { p.mutable_mutations(0)->set_must_be_absent(true); });
  words([](Prewrite& p) {
    for (int i = 0; i < 5'000; ++i) p.add_mutations()->set_key(fmt::format("k{}", i));
  });
  const errors::v1::RegionError large = RefusalOf(
      cluster, [](Prewrite& p) { p.mutable_mutations(0)->set_value(std::string(7 << 20, 'v')); });
  REQUIRE(large.raft_entry_too_large().entry_bytes() > 7 << 20);
}

TEST_CASE("keys from byte FF on are for those who say that they may", "[store]") {
  TestCluster cluster;
  const transport::StoreId leader = cluster.Leader();
  Command put = cluster.PutCommand(leader, "\xffr", "v", cluster.DrawTimestamp());
  put.mutable_prewrite()->mutable_context()->set_may_use_system_keys(true);
  const ReplyPtr done = cluster.Submit(leader, put);
  Command scan;
  *scan.mutable_scan()->mutable_context() = cluster.ContextFor(leader);
  scan.mutable_scan()->set_read_ts(UINT64_MAX);
  cluster.Settle();
  REQUIRE(done->prewrite().has_done());
  const ReplyPtr hidden = cluster.Submit(leader, scan);
  scan.mutable_scan()->mutable_context()->set_may_use_system_keys(true);
  const ReplyPtr shown = cluster.Submit(leader, scan);
  cluster.Settle();
  REQUIRE(hidden->result().scan().page().pairs_size() == 0);
  REQUIRE(shown->result().scan().page().pairs_size() == 1);
}

TEST_CASE("any command is answered, whatever its bytes", "[store][hostile]") {
  TestCluster cluster;
  const transport::StoreId leader = cluster.Leader();
  Random random(11);
  std::vector<std::string> seeds;
  seeds.push_back(
      cluster.PutCommand(leader, "k", "v", cluster.DrawTimestamp()).SerializeAsString());
  seeds.push_back(cluster.GetCommand(leader, "k", UINT64_MAX).SerializeAsString());
  Command scan;
  *scan.mutable_scan()->mutable_context() = cluster.ContextFor(leader);
  scan.mutable_scan()->set_read_ts(UINT64_MAX);
  seeds.push_back(scan.SerializeAsString());
  int parsed = 0;
  for (int i = 0; i < 3'000; ++i) {
    std::string bytes = seeds[random.Uniform(seeds.size())];
    for (uint64_t flips = 1 + random.Uniform(3); flips > 0; --flips) {
      bytes[random.Uniform(bytes.size())] = static_cast<char>(random.Next());
    }
    Command command;
    if (!command.ParseFromString(bytes)) continue;
    ++parsed;
    const ReplyPtr reply = cluster.Submit(leader, command);
    cluster.Settle();
    INFO("change " << i << " of seed 11: " << command.ShortDebugString());
    REQUIRE(reply->is_there());
  }
  REQUIRE(parsed > 100);
  cluster.MustPut("k", "still here");
}

TEST_CASE("commands of every other kind say that they are not served yet", "[store][hostile]") {
  TestCluster cluster;
  const transport::StoreId leader = cluster.Leader();
  Command commit;
  *commit.mutable_commit()->mutable_context() = cluster.ContextFor(leader);
  Command status;
  *status.mutable_check_txn_status()->mutable_context() = cluster.ContextFor(leader);
  const ReplyPtr first = cluster.Submit(leader, commit);
  const ReplyPtr second = cluster.Submit(leader, status);
  const ReplyPtr nothing = cluster.Submit(leader, Command());
  cluster.Settle();
  REQUIRE_THAT(first->result().commit().region_error().message(), Contains("not served"));
  REQUIRE_THAT(second->result().check_txn_status().region_error().message(),
               Contains("not served"));
  REQUIRE(nothing->result().response_case() == kv::v1::CommandResult::RESPONSE_NOT_SET);
}

TEST_CASE("a store without room refuses at the door and has room again later", "[store]") {
  Options options;
  options.commands_max = 4;
  TestCluster cluster({TestCluster::Region(1, "", "")}, options);
  const transport::StoreId leader = cluster.Leader();
  std::vector<ReplyPtr> replies;
  for (int i = 0; i < 6; ++i) replies.push_back(cluster.Put(leader, fmt::format("k{}", i), "v"));
  for (int i = 4; i < 6; ++i) {
    REQUIRE(replies[i]->prewrite().region_error().server_is_busy().wait_ms() > 0);
  }
  cluster.Settle();
  for (int i = 0; i < 4; ++i) REQUIRE(replies[i]->prewrite().has_done());
  cluster.MustPut("k5", "v");
  REQUIRE(cluster.StatisticsOf(leader).commands_waiting == 0);
}

TEST_CASE("messages beyond the mailbox's room are dropped and do no harm", "[store][hostile]") {
  Options options;
  options.messages_max = 3;
  TestCluster cluster({TestCluster::Region(1, "", "")}, options);
  std::vector<transport::Envelope> many(10, {.region = 1});
  cluster.node(1).store->OnMessages(2, many);
  REQUIRE(cluster.StatisticsOf(1).messages_dropped >= 10);
  cluster.MustPut("k", "v");
}

TEST_CASE("messages of strangers, of unknown regions and of the wrong store are dropped",
          "[store][hostile]") {
  TestCluster cluster;
  cluster.MustPut("k", "v");
  const raft::Term term = cluster.StatusOf(1, 1)->term;
  transport::Envelope stranger = AppendOf("");
  stranger.message.from = 99;
  transport::Envelope elsewhere = AppendOf("");
  elsewhere.region = 42;
  transport::Envelope misled = AppendOf("");
  misled.message.to = 13;
  cluster.node(1).store->OnMessages(2, {stranger, elsewhere, misled});
  cluster.node(1).store->OnMessages(3, {AppendOf("")});  // Peer 12 is on store 2.
  cluster.Settle();
  REQUIRE(cluster.StatusOf(1, 1)->term == term);
  cluster.MustPut("k", "w");
}

TEST_CASE("a command of another state of the region does nothing when it is applied",
          "[store][epoch]") {
  const region::RegionMeta region = TestCluster::Region(1, "b", "m");
  TestCluster cluster({region});
  cluster.Isolate(1);
  Store& store = *cluster.node(1).store;
  store.OnMessages(2, {AppendOf(EntryOf(1, "c"), 2, region), AppendOf(EntryOf(2, "d"), 3, region),
                       AppendOf(EntryOf(1, "a"), 4, region), AppendOf(EntryOf(1, "m"), 5, region)});
  cluster.Settle();
  REQUIRE(cluster.StatusOf(1, 1)->applied == 5);
  REQUIRE(Rows(cluster) == 1);
  REQUIRE(cluster.StatisticsOf(1).stale_commands == 3);
  REQUIRE(cluster.StatisticsOf(1).applied_commands == 4);
}

TEST_CASE("a record that can't be is applied as it is, and stays damage", "[store][hostile]") {
  const std::string put(mvcc::EncodeWrite({.start = mvcc::Timestamp(7), .value = "v"}).value());
  const std::string mark(
      mvcc::EncodeWrite({.kind = mvcc::WriteKind::kRollback, .start = mvcc::Timestamp(7)}).value());
  const std::string rubbish(1000, 'x');
  for (const std::string& record : {rubbish, put + rubbish, mark + rubbish, "\x02" + rubbish}) {
    TestCluster cluster;
    cluster.Isolate(1);
    cluster.node(1).store->OnMessages(2, {AppendOf(EntryOf(1, "k", record))});
    cluster.Settle();
    REQUIRE(cluster.StatusOf(1, 1)->applied == 2);
    IteratorOptions options;
    options.column_family = *cluster.node(1).db->FindColumnFamily("write");
    const auto rows = cluster.node(1).db->NewIterator(options);
    rows->SeekToFirst();
    REQUIRE(rows->value_head() == record);
    REQUIRE_FALSE(mvcc::DecodeWriteHead(rows->value_head()).ok());
  }
}

TEST_CASE("an entry that cannot be read stops the store and is not skipped", "[store][hostile]") {
  TestCluster cluster;
  cluster.Isolate(1);
  cluster.node(1).store->OnMessages(2, {AppendOf("\x01\x01garbage")});
  cluster.Settle();
  REQUIRE_FALSE(cluster.node(1).failure.ok());
  REQUIRE_THAT(Message(cluster.node(1).failure), Contains("region 1: entry 2"));
  REQUIRE(Rows(cluster) == 0);
}

TEST_CASE("a directory of another cluster or store is refused with both numbers", "[store]") {
  TestCluster cluster;
  cluster.node(1).store.reset();
  Options options;
  options.cluster_id = 5;
  const absl::Status other_cluster = cluster.TryOpen(1, options).status();
  REQUIRE(absl::IsFailedPrecondition(other_cluster));
  REQUIRE_THAT(Message(other_cluster),
               Contains("000000000000004d") && Contains("0000000000000005"));
  options.cluster_id = 0;
  options.store_id = 2;
  const absl::Status other_store = cluster.TryOpen(1, options).status();
  REQUIRE(absl::IsFailedPrecondition(other_store));
  REQUIRE_THAT(Message(other_store), Contains("store 1") && Contains("store 2"));
  REQUIRE(cluster.TryOpen(1, {}).ok());
}

TEST_CASE("a database with other content is no store's, and stays as it was", "[store]") {
  TestCluster cluster;
  cluster.Kill(1, false);
  TestCluster::Node& node = cluster.node(1);
  node.disk = std::make_shared<vfs::MemFileSystem>();
  nokv::Options engine;
  engine.directory = "/store";
  engine.groups = true;
  engine.background_work = false;
  engine.environment = {node.disk.get(), &cluster.clock(), &node.executor};
  node.db = *DB::Open(engine);
  node.pd = std::make_unique<FakePd>(node.loop, cluster.next_timestamp());
  REQUIRE(node.db->Set("somebody's", "data").ok());
  const absl::Status status = cluster.TryOpen(1, {}).status();
  REQUIRE(absl::IsFailedPrecondition(status));
  REQUIRE_THAT(Message(status), Contains("no store's"));
  REQUIRE(node.db->ListColumnFamilies().size() == 1);
  REQUIRE_FALSE(ReadIdent(*node.db)->has_value());
}

TEST_CASE("options that cannot be are refused by name", "[store]") {
  Options options;
  options.commands_max = 0;
  REQUIRE_THAT(Message(Validate(options)), Contains("commands_max"));
  options = {};
  options.tick = absl::ZeroDuration();
  REQUIRE_THAT(Message(Validate(options)), Contains("tick"));
  options = {};
  options.write_bytes_max = 8 << 20;
  REQUIRE_THAT(Message(Validate(options)), Contains("write_bytes_max"));
  options = {};
  options.disk_floor_bytes = options.disk_reserve_bytes + 1;
  REQUIRE_THAT(Message(Validate(options)), Contains("disk_floor_bytes"));
  REQUIRE(Validate(Options()).ok());
}

}  // namespace nokv::store
