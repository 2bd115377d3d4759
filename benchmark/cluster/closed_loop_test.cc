#include "benchmark/cluster/closed_loop.h"

#include "engine/base/executor.h"
#include "engine/base/mutex.h"

#include <catch2/catch.hpp>

#include <map>

namespace nokv::bench {
namespace {

// Keeps what it was told, and fails or lies when asked to.
class FakeTarget final : public Target {
 public:
  void Put(size_t /*client*/, std::string key, std::string value, PutDone done) override {
    executor_->Submit(Priority::kHigh, [this, key = std::move(key), value = std::move(value),
                                        done = std::move(done)] {
      if (is_away) return done(absl::UnavailableError("away"));
      {
        MutexLock lock(mutex_);
        values_[key] = value;
      }
      done(absl::OkStatus());
    });
  }

  void Get(size_t /*client*/, std::string key, GetDone done) override {
    executor_->Submit(Priority::kHigh, [this, key = std::move(key), done = std::move(done)] {
      std::string value;
      {
        MutexLock lock(mutex_);
        const auto found = values_.find(key);
        value = found == values_.end() ? "" : found->second;
      }
      if (is_lying) value[30] ^= 1;
      value.empty() ? done(absl::NotFoundError("no such key")) : done(value);
    });
  }

  size_t size() {
    MutexLock lock(mutex_);
    return values_.size();
  }

  bool is_away = false;
  bool is_lying = false;

 private:
  Mutex mutex_;
  std::map<std::string, std::string> values_ ABSL_GUARDED_BY(mutex_);
  const std::unique_ptr<Executor> executor_ = NewThreadPool(2);
};

constexpr Records kRecords = {.count = 50, .value_bytes = 100};

LoadResult RunShortly(FakeTarget& target, bool is_put) {
  int marks = 0;
  LoadResult result = Run(target, SystemClock(), kRecords,
                          {.is_put = is_put,
                           .clients = 3,
                           .warmup = absl::Milliseconds(1),
                           .measured = absl::Milliseconds(50)},
                          [&marks] { ++marks; });
  REQUIRE(marks == 2);
  REQUIRE(result.seconds > 0.04);
  return result;
}

TEST_CASE("a value is of its record, and of the size that was asked for", "[bench]") {
  REQUIRE(ValueOf(1, 1000).size() == 1000);
  REQUIRE(ValueOf(1, 200'000).size() == 200'000);
  REQUIRE(ValueOf(1, 1000) != ValueOf(2, 1000));
  REQUIRE(ValueOf(1, 3).size() == 3);
}

TEST_CASE("every record is filled in, and then read as it is", "[bench]") {
  FakeTarget target;
  REQUIRE(Fill(target, kRecords, 7).ok());
  REQUIRE(target.size() == 50);
  for (const bool is_put : {true, false}) {
    const LoadResult result = RunShortly(target, is_put);
    REQUIRE(result.operations > 0);
    REQUIRE(result.nanos.count() == result.operations);
    REQUIRE(result.failures == 0);
  }
}

TEST_CASE("a target that is away, or lies, is found out", "[bench]") {
  FakeTarget target;
  REQUIRE(Fill(target, kRecords, 7).ok());
  target.is_lying = true;
  REQUIRE(RunShortly(target, false).operations == 0);
  REQUIRE_FALSE(RunShortly(target, false).first_failure.empty());
  target.is_away = true;
  REQUIRE(absl::IsUnavailable(Fill(target, kRecords, 7)));
}

}  // namespace
}  // namespace nokv::bench
