#include "engine/base/check.h"
#include "engine/db/test_groups.h"

#include <atomic>
#include <deque>
#include <thread>

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

// Runs tasks on the thread of the test while other threads wait for them, and counts how often
// those look again.
class CountingExecutor final : public Executor {
 public:
  void Submit(Priority, Task task) override {
    MutexLock lock(mutex_);
    tasks_.push_back(std::move(task));
  }

  bool HelpOnce() override {
    looks_.fetch_add(1);
    return false;
  }

  bool RunOne() {
    Task task;
    {
      MutexLock lock(mutex_);
      if (tasks_.empty()) return false;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task();
    return true;
  }

  int looks() const { return looks_.load(); }

 private:
  Mutex mutex_;
  std::deque<Task> tasks_ ABSL_GUARDED_BY(mutex_);
  std::atomic<int> looks_{0};
};

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
  REQUIRE(stats.unflushed_log_bytes >= 4 * bench.options.log_distance_bytes_max);

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

TEST_CASE("a flush that is always behind does not let all memtables be filled twice", "[write]") {
  GroupBench bench;
  bench.Open();
  absl::Status refusal;
  for (uint64_t flushes = 0; flushes < 8; ++flushes) {
    WriteUntilRefused(bench, &refusal);
    REQUIRE(absl::IsUnavailable(refusal));
    const uint64_t log_bytes = bench.db->GetStats().unflushed_log_bytes;
    INFO(refusal.ToString() << " after " << flushes << " flushes");
    REQUIRE(log_bytes <= 6 * bench.options.log_distance_bytes_max);
    while (bench.db->GetStats().flushes == flushes) REQUIRE(bench.executor.RunOne());
  }
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

TEST_CASE("who waits for a flush is not woken by each of its steps", "[write]") {
  GroupBench bench;
  CountingExecutor executor;
  bench.options.environment.executor = &executor;
  bench.options.segment_bytes_max = 4 << 20;
  bench.options.log_distance_bytes_max = 64 << 20;
  bench.options.memory_bytes = 16 << 20;  // So that a flush takes several steps.
  bench.Open();
  absl::Status refusal;
  int written = 0;
  for (; refusal.ok(); ++written) refusal = bench.db->Set(Key(written), "small", kNow);
  std::atomic<bool> is_done{false};
  std::thread writer([&] {
    NOKV_CHECK(bench.db->Set("late", "value").ok());
    is_done.store(true);
  });
  while (executor.looks() == 0 && !is_done.load()) std::this_thread::yield();
  int steps = 0;
  for (;;) {
    NOKV_CHECK(executor.RunOne());
    if (bench.db->GetStats().flushes > 0) break;
    ++steps;
    // Time to wake up, for one that was told to.
    for (int i = 0; i < 1000 && executor.looks() == 1; ++i) std::this_thread::yield();
  }
  const int looks = executor.looks();
  while (!is_done.load()) {
    if (!executor.RunOne()) std::this_thread::yield();
  }
  writer.join();
  while (executor.RunOne()) {
  }
  REQUIRE(bench.db->Get("late")->has_value());
  bench.db.reset();
  REQUIRE(steps >= 2);
  REQUIRE(looks == 1);
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
