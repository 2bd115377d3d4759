#include "benchmark/cluster/closed_loop.h"

#include "engine/base/mutex.h"
#include "engine/base/random.h"

#include <algorithm>
#include <atomic>
#include <vector>

namespace nokv::bench {
namespace {

constexpr int kFillAttempts = 10;

// Bytes that compress badly, from which values are cut.
const std::string& Noise() {
  static const std::string* const noise = [] {
    auto* const bytes = new std::string(64 << 10, '\0');
    Random random(7);
    for (char& byte : *bytes) byte = static_cast<char>(random.Next());
    return bytes;
  }();
  return *noise;
}

// Counts those who are at work, and waits until nobody is.
class WorkGroup {
 public:
  explicit WorkGroup(size_t count) : count_(count) {}

  void Leave() {
    MutexLock lock(mutex_);
    if (--count_ == 0) empty_.SignalAll();
  }

  void Await() {
    MutexLock lock(mutex_);
    while (count_ > 0) empty_.Wait(mutex_);
  }

 private:
  Mutex mutex_;
  CondVar empty_;
  size_t count_ ABSL_GUARDED_BY(mutex_);
};

class Filler {
 public:
  Filler(Target& target, const Records& records, size_t clients)
      : target_(target), records_(records), group_(clients), clients_(clients) {}

  absl::Status Run() {
    for (size_t client = 0; client < clients_; ++client) Next(client);
    group_.Await();
    MutexLock lock(mutex_);
    return failure_;
  }

 private:
  void Next(size_t client) {
    const uint64_t record = next_.fetch_add(1);
    if (record >= records_.count || has_failed_) return group_.Leave();
    Put(client, record, 1);
  }

  void Put(size_t client, uint64_t record, int attempt) {
    target_.Put(client, KeyOf(record), ValueOf(record, records_.value_bytes),
                [this, client, record, attempt](const absl::Status& status) {
                  if (status.ok()) return Next(client);
                  if (attempt < kFillAttempts) return Put(client, record, attempt + 1);
                  has_failed_ = true;
                  {
                    MutexLock lock(mutex_);
                    failure_.Update(status);
                  }
                  group_.Leave();
                });
  }

  Target& target_;
  const Records records_;
  WorkGroup group_;
  const size_t clients_;
  std::atomic<uint64_t> next_{0};
  std::atomic<bool> has_failed_{false};
  Mutex mutex_;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
};

class Runner {
 public:
  Runner(Target& target, Clock& clock, const Records& records, const Load& load)
      : target_(target), clock_(clock), records_(records), load_(load), group_(load.clients) {
    for (size_t i = 0; i < load.clients; ++i) randoms_.emplace_back(load.seed * 1'000'003 + i);
  }

  LoadResult Run(const std::function<void()>& mark) {
    for (size_t client = 0; client < load_.clients; ++client) Next(client);
    clock_.SleepFor(load_.warmup);
    mark();
    const uint64_t begin = clock_.MonotonicNanos();
    is_measuring_ = true;
    clock_.SleepFor(load_.measured);
    is_measuring_ = false;
    const uint64_t end = clock_.MonotonicNanos();
    mark();
    is_over_ = true;
    group_.Await();
    MutexLock lock(mutex_);
    result_.seconds = static_cast<double>(end - begin) * 1e-9;
    return result_;
  }

 private:
  void Next(size_t client) {
    if (is_over_) return group_.Leave();
    const uint64_t record = randoms_[client].Uniform(records_.count);
    const uint64_t begin = clock_.MonotonicNanos();
    if (load_.is_put) {
      target_.Put(
          client, KeyOf(record), ValueOf(record, records_.value_bytes),
          [this, client, begin](const absl::Status& status) { End(client, begin, status); });
    } else {
      target_.Get(client, KeyOf(record),
                  [this, client, begin, record](const absl::StatusOr<std::string>& value) {
                    End(client, begin, Check(record, value));
                  });
    }
  }

  absl::Status Check(uint64_t record, const absl::StatusOr<std::string>& value) const {
    RETURN_IF_ERROR(value.status());
    if (*value == ValueOf(record, records_.value_bytes)) return absl::OkStatus();
    return DataLossError("the value of {} is not the one that was written", KeyOf(record));
  }

  // What began before the measured time, and ended in it, counts: as much begins in it and ends
  // after.
  void End(size_t client, uint64_t begin, const absl::Status& status) {
    if (is_measuring_) {
      const uint64_t nanos = clock_.MonotonicNanos() - begin;
      MutexLock lock(mutex_);
      if (status.ok()) {
        ++result_.operations;
        result_.nanos.Add(nanos);
      } else if (++result_.failures == 1) {
        result_.first_failure = std::string(StdView(status.message()));
      }
    }
    Next(client);
  }

  Target& target_;
  Clock& clock_;
  const Records records_;
  const Load load_;
  WorkGroup group_;
  std::vector<Random> randoms_;  // Of a client each.
  std::atomic<bool> is_measuring_{false};
  std::atomic<bool> is_over_{false};
  Mutex mutex_;
  LoadResult result_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

std::string KeyOf(uint64_t record) { return fmt::format("user{:020}", record); }

std::string ValueOf(uint64_t record, size_t bytes) {
  std::string value = KeyOf(record);
  const std::string& noise = Noise();
  size_t from = static_cast<size_t>(record * 8191 % noise.size());
  while (value.size() < bytes) {
    const size_t part = std::min(bytes - value.size(), noise.size() - from);
    value.append(noise, from, part);
    from = 0;
  }
  value.resize(bytes);
  return value;
}

absl::Status Fill(Target& target, const Records& records, size_t clients) {
  return Filler(target, records, clients).Run();
}

LoadResult Run(Target& target, Clock& clock, const Records& records, const Load& load,
               const std::function<void()>& mark) {
  return Runner(target, clock, records, load).Run(mark);
}

}  // namespace nokv::bench
