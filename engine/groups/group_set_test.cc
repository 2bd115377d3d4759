#include "engine/groups/group_set.h"

#include "engine/log/test_log.h"

namespace nokv::groups {
namespace {

// A set beside the records that made it.
struct Bench {
  log::TestLog log;
  GroupSet set;

  struct Written {
    GroupRecord record;
    std::string value;
    log::Position position;
    uint32_t bytes;
    std::shared_ptr<const log::Segment> segment;
  };

  std::vector<Written> written;

  Bench() { log.Start(1, 256 << 10); }

  absl::Status Write(const GroupWrite& write) {
    RETURN_IF_ERROR(set.Check(write));
    PlannedRecords planned;
    set.Plan(write, &planned);
    for (const GroupRecord& record : planned.records) REQUIRE_OK(Fold(record));
    return absl::OkStatus();
  }

  absl::Status Fold(const GroupRecord& record) {
    const GroupKey key(record);
    const auto bytes = MakeDraft(record, key, false).length();
    const log::Position position = log.Set(key.view(), record.value);
    written.push_back({record, std::string(record.value), position, bytes, log.writer->active()});
    return set.Fold(record, position, bytes, log.writer->active());
  }

  absl::Status Append(GroupId group, uint64_t first, uint64_t term, size_t count) {
    std::vector<GroupEntry> entries;
    for (size_t i = 0; i < count; ++i) entries.push_back({first + i, term, 0, "payload"});
    return Write({.group = group, .entries = entries});
  }

  absl::Status Compact(GroupId group, uint64_t index) {
    return Write({.group = group, .compact_to = index});
  }

  // As an open would do it that finds the segments from `first` on.
  GroupSet Replay(uint32_t first) const {
    GroupSet replayed;
    for (const Written& old : written) {
      if (old.segment->number() < first) continue;
      GroupRecord record = old.record;
      record.value = old.value;
      REQUIRE_OK(replayed.Fold(record, old.position, old.bytes, old.segment));
    }
    return replayed;
  }

  void MoveOutOf(uint32_t segment) {
    for (const GroupId group : set.List()) {
      for (const Tail& tail : set.TailsIn(group, segment, UINT64_MAX)) {
        const GroupIndex& index = *set.Find(group);
        const std::string state = index.state();
        if (tail.index == 0) {
          REQUIRE_OK(Fold({.kind = log::RecordKind::kGroupState,
                           .group = group,
                           .index = index.start().index,
                           .term = index.start().term,
                           .value = state}));
        } else {
          REQUIRE_OK(Fold({.kind = log::RecordKind::kGroupMoved,
                           .group = group,
                           .index = tail.index,
                           .term = tail.term,
                           .value = "payload"}));
        }
      }
    }
  }
};

std::string Describe(const GroupSet& set) {
  std::string text;
  for (const GroupId group : set.List()) {
    const GroupIndex& index = *set.Find(group);
    text += fmt::format("{}: {}/{} '{}'", group, index.start().index, index.start().term,
                        index.state());
    index.ForEach([&](uint64_t at, const Place& place) {
      text += fmt::format(" {}/{}@{}", at, *index.TermAt(at), place.position);
    });
    text += '\n';
  }
  return text;
}

}  // namespace

TEST_CASE("a write that does not fit its group is refused", "[groups]") {
  Bench bench;
  REQUIRE_OK(bench.Append(1, 1, 1, 5));
  const GroupEntry gap[] = {{6, 1}, {8, 1}};
  const GroupEntry far[] = {{7, 1}};
  const GroupEntry next[] = {{6, 1}};
  const std::string long_state(kGroupStateBytesMax + 1, 's');
  const GroupWrite bad[] = {
      {.group = 1},
      {.group = 1, .entries = gap},
      {.group = 1, .entries = far},
      {.group = 2, .entries = next},
      {.group = 2, .remove = true},
      {.group = 1, .remove = true, .compact_to = 2},
      {.group = 1, .compact_to = 6},
      {.group = 2, .compact_to = 1},
      {.group = 1, .compact_to = 5, .entries = std::span(next, 0)},
      {.group = 1, .restart = GroupPoint{9, 2}, .compact_to = 3},
      {.group = 1, .restart = GroupPoint{9, 2}, .entries = next},
      {.group = 1, .state = long_state},
  };
  for (const GroupWrite& write : bad) {
    if (&write == &bad[8]) continue;  // Compacting everything is right.
    INFO("write " << (&write - bad));
    REQUIRE(absl::IsInvalidArgument(bench.set.Check(write)));
  }
  REQUIRE_OK(bench.set.Check(bad[8]));
}

TEST_CASE("a restart drops every entry and begins behind its point", "[groups]") {
  Bench bench;
  REQUIRE_OK(bench.Append(1, 1, 1, 5));
  const GroupEntry next[] = {{4, 3}};
  REQUIRE_OK(
      bench.Write({.group = 1, .restart = GroupPoint{3, 2}, .state = "new", .entries = next}));
  const GroupIndex& index = *bench.set.Find(1);
  REQUIRE(index.start() == GroupPoint{3, 2});
  REQUIRE(index.last_index() == 4);
  REQUIRE(index.TermAt(4) == 3);
  REQUIRE(index.state() == "new");
}

TEST_CASE("an old entry does not come back when the segment that cut it is freed in its turn",
          "[groups]") {
  Bench bench;
  REQUIRE_OK(bench.Append(1, 1, 1, 9));
  REQUIRE_OK(bench.Append(2, 1, 1, 2));
  bench.log.Roll();
  REQUIRE_OK(bench.Write({.group = 1, .remove = true}));
  bench.log.Roll();
  REQUIRE_OK(bench.Append(1, 1, 4, 2));
  REQUIRE(bench.set.uses().OldestLive() == 1);  // Group 2: so all that follows is held as well.
  REQUIRE(Describe(bench.Replay(1)) == Describe(bench.set));
  bench.MoveOutOf(1);
  REQUIRE(bench.set.uses().OldestLive() == 3);
  REQUIRE(Describe(bench.Replay(3)) == Describe(bench.set));
}

TEST_CASE("any end of the log from the oldest living record on comes to the same set", "[groups]") {
  const uint64_t seed = GENERATE(range(1, 31));
  INFO("seed " << seed);
  Random random(seed);
  Bench bench;
  uint64_t term = 1;
  for (int step = 0; step < 300; ++step) {
    const GroupId group = 1 + random.Uniform(4);
    const GroupIndex* const index = bench.set.Find(group);
    const uint64_t start = index == nullptr ? 0 : index->start().index;
    const uint64_t last = index == nullptr ? 0 : index->last_index();
    switch (random.Uniform(12)) {
      case 0:
        if (index != nullptr) REQUIRE_OK(bench.Write({.group = group, .remove = true}));
        break;
      case 1:
        REQUIRE_OK(bench.Write({.group = group,
                                .restart = GroupPoint{last + random.Uniform(5), term},
                                .state = "restarted"}));
        break;
      case 2:
      case 3:
        if (last > start)
          REQUIRE_OK(bench.Compact(group, start + 1 + random.Uniform(last - start)));
        break;
      case 4:
        REQUIRE_OK(bench.Write({.group = group, .state = fmt::format("state{}", step)}));
        break;
      case 5:
        bench.log.Roll(256 << 10);
        break;
      case 6:
        if (bench.set.uses().OldestLive() < bench.log.writer->active()->number()) {
          bench.MoveOutOf(bench.set.uses().OldestLive());
        }
        break;
      default: {
        term += random.Uniform(2);
        const uint64_t first =
            random.OneIn(4) && last > start ? start + 1 + random.Uniform(last - start) : last + 1;
        REQUIRE_OK(bench.Append(group, first, term, 1 + random.Uniform(4)));
        break;
      }
    }
    const uint32_t oldest = bench.set.uses().OldestLive();
    if (oldest == UINT32_MAX) continue;
    // Held from there on; before the next freeing, the older ones may be there as well.
    for (const uint32_t first : {oldest, oldest - static_cast<uint32_t>(random.Uniform(oldest))}) {
      const GroupSet replayed = bench.Replay(first);
      REQUIRE_OK(replayed.Finish());
      REQUIRE(Describe(replayed) == Describe(bench.set));
      REQUIRE(replayed.uses().OldestLive() == oldest);
    }
  }
}

TEST_CASE("a set that misses an entry is damage", "[groups][damage]") {
  Bench bench;
  REQUIRE_OK(bench.Append(1, 1, 1, 2));
  bench.log.Roll();
  REQUIRE_OK(bench.Append(1, 3, 1, 2));
  const absl::Status status = bench.Replay(2).Finish();
  REQUIRE(absl::IsDataLoss(status));
  REQUIRE_THAT(std::string(status.message()), Catch::Contains("group 1: the entry 1 is missing"));
}

}  // namespace nokv::groups
