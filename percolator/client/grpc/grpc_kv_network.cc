#include "percolator/client/grpc/grpc_kv_network.h"

#include "engine/base/mutex.h"
#include "engine/base/random.h"
#include "percolator/client/grpc/store_stream.h"

#include <algorithm>
#include <grpcpp/alarm.h>
#include <grpcpp/completion_queue.h>
#include <map>
#include <utility>
#include <vector>

namespace nokv::client {

absl::Status Validate(const GrpcKvOptions& options) {
  if (options.backoff_min <= absl::ZeroDuration() || options.backoff_max < options.backoff_min) {
    return InvalidArgumentError("backoff_min {} and backoff_max {}: from above 0, in this order",
                                absl::FormatDuration(options.backoff_min),
                                absl::FormatDuration(options.backoff_max));
  }
  if (options.connect_time_max <= absl::ZeroDuration() ||
      options.timeout_grain < absl::Milliseconds(1)) {
    return InvalidArgumentError("connect_time_max {} and timeout_grain {}: at least 1 ms",
                                absl::FormatDuration(options.connect_time_max),
                                absl::FormatDuration(options.timeout_grain));
  }
  if (options.calls_max == 0 || options.stores_max == 0 ||
      options.waiting_bytes_max < kBatchBytesMax) {
    return InvalidArgumentError(
        "calls_max {}, stores_max {}, waiting_bytes_max {}: at least 1, 1 and {}",
        options.calls_max, options.stores_max, options.waiting_bytes_max, kBatchBytesMax);
  }
  return absl::OkStatus();
}

class GrpcKvNetwork::Core final : public std::enable_shared_from_this<Core> {
 public:
  Core(const GrpcKvOptions& options, Executor& executor, Clock& clock,
       std::shared_ptr<net::Poller> poller)
      : options_(options),
        seams_{.loop = std::make_shared<net::CompletionLoop>(std::move(poller)),
               .executor = executor,
               .clock = clock},
        random_(options.seed) {}

  void Call(const std::string& address, kv::v1::Command command, absl::Duration timeout,
            Done done) {
    absl::Status refusal;
    {
      MutexLock lock(mutex_);
      if (is_closed_) return;
      const absl::StatusOr<std::shared_ptr<StoreStream>> stream = StreamToLocked(address);
      refusal = stream.status();
      // One that has ended in this very moment is replaced by the next call.
      if (refusal.ok() && !(*stream)->Add(command, timeout, done)) refusal = (*stream)->ended().why;
      if (refusal.ok()) ArmLocked();
    }
    if (refusal.ok()) return;
    refusal = NotSent(std::move(refusal));
    seams_.executor.Submit(Priority::kHigh, [done = std::move(done), refusal] { done(refusal); });
  }

  void Close() {
    seams_.loop->Close();
    std::map<std::string, Store> stores;
    {
      MutexLock lock(mutex_);
      is_closed_ = true;
      stores.swap(stores_);
    }
    alarm_.Cancel();
    for (auto& [address, store] : stores) store.stream->Forget();
    seams_.loop->Stop();
  }

 private:
  struct Store {
    std::shared_ptr<StoreStream> stream;
    uint32_t failures = 0;      // In a row, with the stream that is there if it has ended.
    absl::Duration pause = {};  // After its end; 0 until it is drawn.
  };

  // The stream to use: the one that is there, or a new one, if the pause after the last is over.
  absl::StatusOr<std::shared_ptr<StoreStream>> StreamToLocked(const std::string& address)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const auto found = stores_.find(address);
    if (found == stores_.end() && stores_.size() >= options_.stores_max) DropIdleLocked();
    if (found == stores_.end() && stores_.size() >= options_.stores_max) {
      return UnavailableError("{}: calls to {} stores are under way already", address,
                              stores_.size());
    }
    Store& store = stores_[address];
    if (store.stream != nullptr) {
      const StoreStream::Ended ended = store.stream->ended();
      if (!ended.is_ended) return store.stream;
      if (store.pause == absl::ZeroDuration()) {
        store.failures = ended.has_served ? 1 : store.failures + 1;
        store.pause = PauseLocked(store.failures);
      }
      const uint64_t passed = seams_.clock.MonotonicNanos() - ended.at_nanos;
      if (absl::Nanoseconds(passed) < store.pause) return ended.why;
    }
    store.pause = absl::ZeroDuration();
    store.stream = std::make_shared<StoreStream>(address, options_, seams_);
    store.stream->Start();
    return store.stream;
  }

  // Doubles with every failure, and is drawn from its upper half: clients that lost a store
  // together do not come back together.
  absl::Duration PauseLocked(uint32_t failures) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    absl::Duration pause = options_.backoff_min;
    for (uint32_t i = 1; i < failures && pause < options_.backoff_max; ++i) pause *= 2;
    pause = std::min(pause, options_.backoff_max);
    return pause / 2 + random_.NextDouble() * (pause / 2);
  }

  // Stores come and go over the years; their addresses need not be known for ever.
  void DropIdleLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    std::erase_if(stores_, [](auto& item) {
      if (item.second.stream->is_busy()) return false;
      item.second.stream->Forget();
      return true;
    });
  }

  // Ticks as long as calls wait.
  void ArmLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (is_armed_ || is_closed_) return;
    void* const tag = tick_.Begin(seams_.loop, shared_from_this());
    if (tag == nullptr) return;
    is_armed_ = true;
    alarm_.Set(
        seams_.loop->queue(),
        gpr_time_from_micros(absl::ToInt64Microseconds(options_.timeout_grain), GPR_TIMESPAN), tag);
  }

  void OnTick(bool) {
    std::vector<std::shared_ptr<StoreStream>> streams;
    {
      MutexLock lock(mutex_);
      for (const auto& [address, store] : stores_) streams.push_back(store.stream);
    }
    for (const auto& stream : streams) stream->Tick();
    MutexLock lock(mutex_);
    is_armed_ = false;
    const bool is_busy = std::any_of(stores_.begin(), stores_.end(), [](const auto& item) {
      return item.second.stream->is_busy();
    });
    if (is_busy) ArmLocked();
  }

  const GrpcKvOptions options_;
  const StoreStream::Seams seams_;
  grpc::Alarm alarm_;

  Mutex mutex_;
  Random random_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, Store> stores_ ABSL_GUARDED_BY(mutex_);
  bool is_armed_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_closed_ ABSL_GUARDED_BY(mutex_) = false;

  net::Step<Core> tick_{&Core::OnTick};
};

GrpcKvNetwork::GrpcKvNetwork(const GrpcKvOptions& options, Executor& executor, Clock& clock,
                             std::shared_ptr<net::Poller> poller)
    : core_(std::make_shared<Core>(options, executor, clock, std::move(poller))) {}

GrpcKvNetwork::~GrpcKvNetwork() { core_->Close(); }

void GrpcKvNetwork::Call(const std::string& address, kv::v1::Command command,
                         absl::Duration timeout, Done done) {
  core_->Call(address, std::move(command), timeout, std::move(done));
}

}  // namespace nokv::client
