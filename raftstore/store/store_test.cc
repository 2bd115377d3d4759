#include "raftstore/store/store.h"

#include "raftstore/store/test_cluster.h"

namespace nokv::store {
namespace {

kv::v1::Command DeleteCommand(const TestCluster& cluster, transport::StoreId id,
                              std::string_view key, uint64_t start) {
  kv::v1::Command command = cluster.PutCommand(id, key, "", start);
  command.mutable_prewrite()->mutable_mutations(0)->set_kind(kv::v1::MUTATION_KIND_DELETE);
  return command;
}

// Flips a bit of `bytes` wherever they stand in a log. Returns in how many places.
int DamageInLogs(vfs::MemFileSystem& disk, std::string_view bytes) {
  int places = 0;
  const std::vector<std::string> names = disk.List("/store").value();
  for (const std::string& name : names) {
    if (!name.ends_with(".log")) continue;
    const std::string path = "/store/" + name;
    const auto file = disk.OpenRead(path).value();
    std::string content(file->size_bytes(), '\0');
    REQUIRE(file->Read(0, content.size(), content.data()).ok());
    for (size_t at = content.find(bytes); at != std::string::npos; at = content.find(bytes, at)) {
      at += bytes.size();
      REQUIRE(disk.FlipBit(path, at - 1, 0).ok());
      ++places;
    }
  }
  return places;
}

}  // namespace

TEST_CASE("what is put is read, and what is deleted is not", "[store]") {
  TestCluster cluster;
  REQUIRE(cluster.MustGet("k") == std::nullopt);
  const uint64_t first = cluster.MustPut("k", "v1");
  REQUIRE(cluster.MustGet("k") == "v1");
  const uint64_t second = cluster.MustPut("k", std::string(5'000, 'x'));
  REQUIRE(second > first);
  REQUIRE(cluster.MustGet("k") == std::string(5'000, 'x'));

  const transport::StoreId leader = cluster.Leader();
  const ReplyPtr removed =
      cluster.Submit(leader, DeleteCommand(cluster, leader, "k", cluster.DrawTimestamp()));
  cluster.Settle();
  REQUIRE(removed->prewrite().has_done());
  REQUIRE(cluster.MustGet("k") == std::nullopt);

  // Older snapshots see what they saw.
  const ReplyPtr old = cluster.Get(leader, "k", first);
  cluster.Settle();
  REQUIRE(old->get().found().value() == "v1");
  REQUIRE(old->get().found().commit_ts() == first);
}

TEST_CASE("a write of one start timestamp happens once, however often it is asked for", "[store]") {
  TestCluster cluster;
  const transport::StoreId leader = cluster.Leader();
  const uint64_t start = cluster.DrawTimestamp();
  const ReplyPtr first = cluster.Submit(leader, cluster.PutCommand(leader, "k", "v", start));
  cluster.Settle();
  const ReplyPtr again = cluster.Submit(leader, cluster.PutCommand(leader, "k", "v", start));
  cluster.Settle();
  REQUIRE(first->prewrite().done().one_phase_commit_ts() > start);
  REQUIRE(again->prewrite().done().one_phase_commit_ts() ==
          first->prewrite().done().one_phase_commit_ts());
}

TEST_CASE("a write conflicts with what came after its start, unless it is blind", "[store]") {
  TestCluster cluster;
  const transport::StoreId leader = cluster.Leader();
  const uint64_t start = cluster.DrawTimestamp();
  const uint64_t commit = cluster.MustPut("k", "newer");
  const ReplyPtr late = cluster.Submit(leader, cluster.PutCommand(leader, "k", "late", start));
  cluster.Settle();
  REQUIRE(late->prewrite().key_errors().errors_size() == 1);
  const errors::v1::KeyError& error = late->prewrite().key_errors().errors(0);
  REQUIRE(error.write_conflict().conflict_commit_ts() == commit);
  REQUIRE(cluster.MustGet("k") == "newer");

  kv::v1::Command blind = cluster.PutCommand(leader, "k", "blind", start);
  blind.mutable_prewrite()->set_is_blind(true);
  const ReplyPtr done = cluster.Submit(leader, blind);
  cluster.Settle();
  REQUIRE(done->prewrite().has_done());
  REQUIRE(cluster.MustGet("k") == "blind");
}

TEST_CASE("adds of one key queue behind each other and tell their sums", "[store]") {
  TestCluster cluster;
  const transport::StoreId leader = cluster.Leader();
  std::vector<ReplyPtr> replies;
  for (int i = 0; i < 5; ++i) {
    replies.push_back(
        cluster.Submit(leader, cluster.AddCommand(leader, "n", 10, cluster.DrawTimestamp())));
  }
  cluster.Settle();
  for (int i = 0; i < 5; ++i) {
    INFO(replies[i]->result().ShortDebugString());
    REQUIRE(replies[i]->prewrite().done().sums_size() == 1);
    REQUIRE(replies[i]->prewrite().done().sums(0) == 10 * (i + 1));
  }
  REQUIRE(cluster.MustGet("n") == "h50");
}

TEST_CASE("writes that come together share timestamps, an entry and a sync", "[store]") {
  TestCluster cluster;
  const transport::StoreId leader = cluster.Leader();
  cluster.pd(leader).tso_calls.clear();
  const uint64_t before = cluster.StatisticsOf(leader).entries;
  const uint64_t syncs = cluster.node(leader).db->GetStats().syncs;
  std::vector<ReplyPtr> replies;
  for (int i = 0; i < 100; ++i) replies.push_back(cluster.Put(leader, fmt::format("k{}", i), "v"));
  cluster.Settle();
  for (const ReplyPtr& reply : replies) REQUIRE(reply->prewrite().has_done());
  REQUIRE(cluster.pd(leader).tso_calls == std::vector<uint32_t>{100});
  REQUIRE(cluster.StatisticsOf(leader).entries == before + 1);
  REQUIRE(cluster.node(leader).db->GetStats().syncs <= syncs + 2);
}

TEST_CASE("reads that come together share one confirmation", "[store]") {
  TestCluster cluster;
  cluster.MustPut("k", "v");
  const transport::StoreId leader = cluster.Leader();
  const uint64_t before = cluster.StatisticsOf(leader).read_rounds;
  std::vector<ReplyPtr> replies;
  for (int i = 0; i < 100; ++i) replies.push_back(cluster.Get(leader, "k"));
  cluster.Settle();
  for (const ReplyPtr& reply : replies) REQUIRE(reply->get().found().value() == "v");
  REQUIRE(cluster.StatisticsOf(leader).read_rounds == before + 1);
}

TEST_CASE("a snapshot read waits for a write that may commit below it; the newest does not",
          "[store]") {
  TestCluster cluster;
  cluster.MustPut("k", "old");
  const transport::StoreId leader = cluster.Leader();
  const uint64_t early = cluster.DrawTimestamp();
  cluster.pd(leader).is_held = true;
  const ReplyPtr write = cluster.Put(leader, "k", "new");
  cluster.Settle();
  REQUIRE(cluster.pd(leader).held.size() == 1);

  // The commit timestamp is drawn, but not known to the store yet.
  cluster.pd(leader).held.front()();
  const uint64_t late = cluster.DrawTimestamp();
  const ReplyPtr late_read = cluster.Get(leader, "k", late);
  const ReplyPtr early_read = cluster.Get(leader, "k", early);
  const ReplyPtr newest = cluster.Get(leader, "k");
  const ReplyPtr other_key = cluster.Get(leader, "other", late);
  cluster.Settle();
  REQUIRE(write->prewrite().has_done());
  REQUIRE(write->prewrite().done().one_phase_commit_ts() < late);
  REQUIRE(late_read->get().found().value() == "new");
  REQUIRE(early_read->get().found().value() == "old");
  REQUIRE(newest->is_there());
  REQUIRE(other_key->get().has_not_found());
}

TEST_CASE("a read that came before a write held its key does not wait for it", "[store]") {
  TestCluster cluster;
  cluster.MustPut("k", "old");
  const transport::StoreId leader = cluster.Leader();
  const uint64_t at = cluster.DrawTimestamp();
  cluster.pd(leader).is_held = true;
  const ReplyPtr read = cluster.Get(leader, "k", at);
  const ReplyPtr write = cluster.Put(leader, "k", "new");
  cluster.Settle();
  REQUIRE_FALSE(write->is_there());
  REQUIRE(read->get().found().value() == "old");
  const ReplyPtr later = cluster.Get(leader, "k", cluster.DrawTimestamp());
  cluster.Settle();
  REQUIRE_FALSE(later->is_there());
}

TEST_CASE("a scan comes in pages that end between keys and at the region's end", "[store]") {
  TestCluster cluster({TestCluster::Region(1, "", "m"), TestCluster::Region(2, "m", "")});
  for (const char* key : {"a", "b", "c", "l"}) cluster.MustPut(key, "v");
  const transport::StoreId leader = cluster.Leader();
  kv::v1::Command command;
  kv::v1::ScanRequest& scan = *command.mutable_scan();
  *scan.mutable_context() = cluster.ContextFor(leader);
  scan.set_limit(3);
  scan.set_read_ts(UINT64_MAX);
  const ReplyPtr first = cluster.Submit(leader, command);
  cluster.Settle();
  REQUIRE(first->result().scan().page().pairs_size() == 3);
  REQUIRE(first->result().scan().page().next_key() > "c");
  scan.set_start_key(first->result().scan().page().next_key());
  const ReplyPtr second = cluster.Submit(leader, command);
  cluster.Settle();
  REQUIRE(second->result().scan().page().pairs_size() == 1);
  REQUIRE(second->result().scan().page().pairs(0).key() == "l");
  REQUIRE(second->result().scan().page().next_key().empty());

  scan.set_start_key("");
  scan.set_reverse(true);
  const ReplyPtr reverse = cluster.Submit(leader, command);
  cluster.Settle();
  REQUIRE(reverse->result().scan().page().pairs(0).key() == "l");
  REQUIRE(reverse->result().scan().page().pairs_size() == 3);
  scan.set_end_key("z");
  const ReplyPtr outside = cluster.Submit(leader, command);
  cluster.Settle();
  REQUIRE(outside->result().scan().region_error().has_key_not_in_region());
}

TEST_CASE("a check for conflicts and a scan of keys read no values", "[store][damage]") {
  TestCluster cluster;
  const transport::StoreId leader = cluster.Leader();
  const uint64_t start = cluster.DrawTimestamp();
  const std::string value(1000, 'v');
  cluster.MustPut("k", value);
  REQUIRE(cluster.node(leader).db->Flush().ok());
  REQUIRE(DamageInLogs(*cluster.node(leader).disk, value) == 1);

  const ReplyPtr late = cluster.Submit(leader, cluster.PutCommand(leader, "k", "late", start));
  cluster.Settle();
  REQUIRE(late->prewrite().key_errors().errors(0).has_write_conflict());
  kv::v1::Command command;
  *command.mutable_scan()->mutable_context() = cluster.ContextFor(leader);
  command.mutable_scan()->set_limit(3);
  command.mutable_scan()->set_read_ts(UINT64_MAX);
  command.mutable_scan()->set_key_only(true);
  const ReplyPtr keys = cluster.Submit(leader, command);
  cluster.Settle();
  REQUIRE(keys->result().scan().page().pairs_size() == 1);

  const ReplyPtr got = cluster.Get(leader, "k");
  cluster.Settle();
  REQUIRE(absl::IsDataLoss(got->answer->status()));
}

TEST_CASE("several gets of a region are one command", "[store]") {
  TestCluster cluster;
  cluster.MustPut("a", "1");
  cluster.MustPut("c", "3");
  const transport::StoreId leader = cluster.Leader();
  kv::v1::Command command;
  *command.mutable_batch_get()->mutable_context() = cluster.ContextFor(leader);
  for (const char* key : {"c", "b", "a"}) command.mutable_batch_get()->add_keys(key);
  command.mutable_batch_get()->set_read_ts(cluster.DrawTimestamp());
  const ReplyPtr reply = cluster.Submit(leader, command);
  cluster.Settle();
  const kv::v1::KeyValues& found = reply->result().batch_get().found();
  REQUIRE(found.pairs_size() == 2);
  REQUIRE(found.pairs(0).value() == "3");
  REQUIRE(found.pairs(1).value() == "1");
}

TEST_CASE("a store reports itself and the regions that it leads", "[store][pd]") {
  TestCluster cluster;
  const transport::StoreId leader = cluster.Leader();
  cluster.Pass(absl::Seconds(3));
  REQUIRE(cluster.pd(leader).store_heartbeats.size() >= 3);
  REQUIRE(cluster.pd(leader).store_heartbeats.back().store_id() == leader);
  REQUIRE(cluster.pd(leader).store_heartbeats.back().identity() != 0);
  REQUIRE_FALSE(cluster.pd(leader).reports.empty());
  REQUIRE(cluster.pd(leader).reports.back().leader_peer_id() == 10 + leader);
  const transport::StoreId other = leader % 3 + 1;
  REQUIRE(cluster.pd(other).reports.empty());
}

TEST_CASE("an order of the placement driver moves leadership", "[store][pd]") {
  TestCluster cluster;
  const transport::StoreId leader = cluster.Leader();
  const transport::StoreId other = leader % 3 + 1;
  pd::v1::Order& order = *cluster.pd(leader).store_reply.add_orders();
  order.set_region_id(1);
  order.mutable_epoch()->set_version(1);
  order.mutable_epoch()->set_conf_version(1);
  order.mutable_transfer_leader()->mutable_to()->set_id(10 + other);
  cluster.Pass(absl::Seconds(2));
  REQUIRE(cluster.Leader() == other);
}

TEST_CASE("a store that the placement driver does not admit stops, and says why", "[store][pd]") {
  TestCluster cluster;
  cluster.pd(2).store_reply.mutable_refusal()->set_message("store 2 was removed");
  cluster.Pass(absl::Seconds(2));
  REQUIRE_THAT(std::string(cluster.node(2).failure.message()),
               Catch::Contains("store 2 was removed"));
}

TEST_CASE("without timestamps writes are refused and the newest is still read", "[store][pd]") {
  TestCluster cluster;
  cluster.MustPut("k", "v");
  const transport::StoreId leader = cluster.Leader();
  cluster.pd(leader).is_away = true;
  const ReplyPtr write = cluster.Put(leader, "k", "w");
  cluster.Settle();
  REQUIRE(write->prewrite().region_error().has_server_is_busy());
  REQUIRE(cluster.MustGet("k") == "v");
  cluster.pd(leader).is_away = false;
  cluster.MustPut("k", "w");
}

TEST_CASE("logs are cut everywhere once everybody has what is cut", "[store]") {
  Options options;
  options.log_entries = 50;
  TestCluster cluster({TestCluster::Region(1, "", "")}, options);
  for (int i = 0; i < 200; ++i) cluster.MustPut(fmt::format("k{}", i % 7), fmt::format("v{}", i));
  cluster.Pass(absl::Seconds(1));
  for (const transport::StoreId id : {1, 2, 3}) {
    const std::optional<PeerStatus> status = cluster.StatusOf(id, 1);
    INFO("store " << id);
    REQUIRE(status->first > 100);
    REQUIRE(status->applied == status->last);
  }

  // Somebody is away: nothing that it lacks is cut, and it catches up.
  const transport::StoreId away = cluster.Leader() % 3 + 1;
  cluster.Stop(away);
  const raft::Index first = cluster.StatusOf(cluster.Leader(), 1)->last;
  for (int i = 0; i < 200; ++i) cluster.MustPut(fmt::format("k{}", i % 7), fmt::format("w{}", i));
  REQUIRE(cluster.StatusOf(cluster.Leader(), 1)->first <= first + 1);
  cluster.Open(away);
  cluster.Pass(absl::Seconds(3));
  REQUIRE(cluster.StatusOf(away, 1)->applied == cluster.StatusOf(cluster.Leader(), 1)->applied);
}

TEST_CASE("idle regions write nothing", "[store]") {
  std::vector<region::RegionMeta> regions;
  for (uint64_t id = 1; id <= 200; ++id) {
    regions.push_back(TestCluster::Region(id, id == 1 ? "" : fmt::format("{:05}", id),
                                          id == 200 ? "" : fmt::format("{:05}", id + 1)));
  }
  TestCluster cluster(regions);
  for (const region::RegionMeta& region : regions) cluster.Leader(region.id);
  cluster.Pass(absl::Seconds(5));
  const uint64_t writes = cluster.StatisticsOf(1).log_writes;
  cluster.Pass(absl::Seconds(5));
  REQUIRE(cluster.StatisticsOf(1).log_writes == writes);
}

}  // namespace nokv::store
