#include "engine/db/test_groups.h"

namespace nokv {
namespace {

std::string Key(int i) { return fmt::format("key{:06}", i); }

const std::string kValue(3000, 'v');
constexpr WriteOptions kNow{.never_wait = true};

// Writes until the database refuses. Returns how many it took.
int WriteUntilRefused(GroupBench& bench, absl::Status* refusal) {
  for (int i = 0; i < 1000; ++i) {
    *refusal = bench.db->Set(Key(i), kValue, kNow);
    if (!refusal->ok()) return i;
  }
  return 1000;
}

}  // namespace

TEST_CASE("a write that never waits goes through, or is refused and does nothing", "[write]") {
  GroupBench bench;
  bench.Open();
  REQUIRE(bench.db->WriteDelay(1000) == absl::ZeroDuration());
  const uint64_t begin = bench.clock.MonotonicNanos();
  absl::Status refusal;
  const int written = WriteUntilRefused(bench, &refusal);
  REQUIRE(absl::IsUnavailable(refusal));
  REQUIRE_THAT(std::string(refusal.message()), Catch::Contains("/db: 3 sets of memtables wait") &&
                                                   Catch::Contains("try again in 10 ms"));
  REQUIRE(bench.clock.MonotonicNanos() == begin);
  REQUIRE(bench.db->WriteDelay(1000) > absl::ZeroDuration());
  const Stats stats = bench.db->GetStats();
  REQUIRE(stats.flushes == 0);
  REQUIRE(stats.throttled_writes == 0);
  // Three full sets, and a fourth filled twice.
  REQUIRE(stats.unflushed_log_bytes <= 6 * bench.options.log_distance_bytes_max);

  REQUIRE_FALSE(bench.db->Get(Key(written))->has_value());
  const GroupMark mark{1, 1};
  WriteBatch batch;
  batch.Delete(Key(0));
  REQUIRE(absl::IsUnavailable(
      bench.db->Write(batch, {.marks = std::span(&mark, 1), .never_wait = true})));
  REQUIRE(bench.groups().MarkOf(1) == 0);
  REQUIRE_OK(bench.AppendTo(1, 1, 1, {"groups go on"}));

  bench.executor.RunUntilIdle();
  REQUIRE_OK(bench.db->Write(batch, {.marks = std::span(&mark, 1), .never_wait = true}));
  REQUIRE(bench.groups().MarkOf(1) == 1);
  bench.Kill();
  bench.Open();
  for (int i = 0; i < written; ++i) REQUIRE(bench.db->Get(Key(i))->has_value() == (i > 0));
}

TEST_CASE("others write on as soon as there is room again", "[write]") {
  GroupBench bench;
  bench.Open();
  absl::Status refusal;
  const int written = WriteUntilRefused(bench, &refusal);
  REQUIRE_OK(bench.db->Set(Key(written), kValue));  // Waits, which flushes.
  REQUIRE(bench.db->GetStats().flushes > 0);
  REQUIRE_OK(bench.db->Set(Key(written + 1), kValue, kNow));
}

TEST_CASE("who waits for a flush lets those through who wait for nothing", "[write]") {
  GroupBench bench;
  bench.Open();
  uint64_t appended = 0;
  for (int i = 0; i < 400; ++i) {
    // Runs while the writer waits, if it has to.
    bench.executor.Submit(Priority::kHigh,
                          [&] { REQUIRE_OK(bench.AppendTo(1, ++appended, 1, {"a"})); });
    REQUIRE_OK(bench.db->Set(Key(i), kValue));
  }
  REQUIRE(appended > 0);
  bench.executor.RunUntilIdle();
  REQUIRE(appended == 400);
  REQUIRE(bench.groups().LastIndex(1) == 400);
}

TEST_CASE("a write that waits for a sync can't be one that never waits", "[write]") {
  GroupBench bench;
  const bool always = GENERATE(true, false);
  bench.options.durability = always ? Durability::kPower : Durability::kProcess;
  bench.Open();
  WriteOptions options{.never_wait = true};
  if (!always) options.durability = Durability::kPower;
  REQUIRE(absl::IsInvalidArgument(bench.db->Set("k", "v", options)));
  REQUIRE_FALSE(bench.db->Get("k")->has_value());
}

}  // namespace nokv
