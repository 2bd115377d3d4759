#include "pd/client/grpc/pd_connection.h"

#include "proto/net/channel.h"

#include <grpcpp/channel.h>

namespace nokv::pd {
namespace {

constexpr absl::Duration kGrain = absl::Milliseconds(50);  // Of the time that streams have.
constexpr absl::Duration kLate = absl::Milliseconds(200);  // Of a tick.

}  // namespace

PdConnection::PdConnection(const GrpcPdOptions& options, Executor& executor, Clock& clock,
                           std::shared_ptr<net::Poller> poller)
    : options_(options),
      executor_(executor),
      clock_(clock),
      loop_(std::make_shared<net::CompletionLoop>(std::move(poller))),
      stub_(v1::Pd::NewStub(net::NewChannel(options.address, {}))),
      cluster_id_(options.cluster_id),
      sharing_(options.calls_max) {}

void PdConnection::Close() {
  loop_->Close();
  decltype(calls_) calls;
  decltype(nameless_) nameless;
  {
    MutexLock lock(mutex_);
    is_closed_ = true;
    calls.swap(calls_);
    nameless.swap(nameless_);
    if (timestamps_ != nullptr) timestamps_->Forget();
    if (heartbeats_ != nullptr) heartbeats_->Forget();
  }
  for (const auto& [address, call] : calls) call->Cancel();
  alarm_.Cancel();
  loop_->Stop();
}

uint64_t PdConnection::cluster_id() {
  MutexLock lock(mutex_);
  return cluster_id_;
}

absl::StatusOr<uint64_t> PdConnection::ClusterForLocked(uint64_t wanted) const {
  if (wanted == 0 || wanted == cluster_id_) return cluster_id_;
  return FailedPreconditionError("this is a client of cluster {:016x}, and not of {:016x}",
                                 cluster_id_, wanted);
}

absl::Status PdConnection::Adopt(uint64_t cluster_id) {
  MutexLock lock(mutex_);
  if (cluster_id_ == 0) cluster_id_ = cluster_id;
  if (cluster_id_ == cluster_id && cluster_id != 0) return absl::OkStatus();
  return FailedPreconditionError(
      "the placement driver at {} serves cluster {:016x}, but cluster {:016x} is wanted",
      options_.address, cluster_id, cluster_id_);
}

void PdConnection::WithCluster(uint64_t wanted, ClusterDone done) {
  std::optional<absl::StatusOr<uint64_t>> answer;
  {
    MutexLock lock(mutex_);
    if (is_closed_) return;
    if (cluster_id_ != 0) {
      answer = ClusterForLocked(wanted);
    } else if (nameless_.size() >= options_.calls_max) {
      answer = UnavailableError("{} calls wait for the cluster's id already", nameless_.size());
    } else {
      nameless_.push_back({.wanted = wanted, .done = std::move(done)});
      if (std::exchange(is_introducing_, true)) return;
    }
  }
  if (answer.has_value()) return done(*std::move(answer));
  Call<v1::GetRegionByKeyRequest, v1::GetRegionByKeyResponse>(
      {}, &v1::Pd::Stub::PrepareAsyncGetRegionByKey,
      [connection =
           shared_from_this()](const absl::StatusOr<v1::GetRegionByKeyResponse>& response) {
        connection->OnIntroduced(response);
      });
}

void PdConnection::OnIntroduced(const absl::StatusOr<v1::GetRegionByKeyResponse>& response) {
  const absl::Status status = response.ok() ? Adopt(response->cluster_id()) : response.status();
  std::vector<std::pair<ClusterDone, absl::StatusOr<uint64_t>>> answers;
  {
    MutexLock lock(mutex_);
    is_introducing_ = false;
    for (Nameless& waiting : nameless_) {
      answers.emplace_back(std::move(waiting.done),
                           status.ok() ? ClusterForLocked(waiting.wanted) : status);
    }
    nameless_.clear();
  }
  for (auto& [done, answer] : answers) done(std::move(answer));
}

void PdConnection::DrawTimestamps(uint32_t count, TimestampsDone done) {
  absl::Status status;
  uint32_t request_count = 0;
  {
    MutexLock lock(mutex_);
    if (is_closed_) return;
    status = sharing_.Add(count, done);
    request_count = sharing_.BeginRequest();
  }
  if (!status.ok()) Post<v1::TsoResponse>(std::move(done), std::move(status));
  AskForTimestamps(request_count);
}

void PdConnection::AskForTimestamps(uint32_t count) {
  if (count == 0) return;
  TsoStream::Answer answer =
      [connection = shared_from_this()](const absl::StatusOr<v1::TsoResponse>& response) {
        connection->OnTimestamps(response);
      };
  MutexLock lock(mutex_);
  if (is_closed_) return;
  v1::TsoRequest request;
  request.set_cluster_id(cluster_id_);
  request.set_count(count);
  if (timestamps_ == nullptr || !timestamps_->Add(request, Deadline(), answer)) {
    timestamps_ = std::make_shared<TsoStream>(loop_);
    timestamps_->Add(request, Deadline(), answer);
    timestamps_->Start([this](grpc::ClientContext* context, grpc::CompletionQueue* queue) {
      return stub_->PrepareAsyncTsoStream(context, queue);
    });
  }
  ArmLocked();
}

void PdConnection::OnTimestamps(const absl::StatusOr<v1::TsoResponse>& response) {
  TimestampSharing::Answers answers;
  uint32_t request_count = 0;
  {
    MutexLock lock(mutex_);
    if (is_closed_) return;
    answers = sharing_.EndRequest(response);
    request_count = sharing_.BeginRequest();
  }
  // The next request is on its way before anybody is told.
  AskForTimestamps(request_count);
  executor_.Submit(Priority::kHigh, [answers = std::move(answers)]() mutable {
    for (auto& [done, answer] : answers) done(std::move(answer));
  });
}

void PdConnection::SendHeartbeat(v1::HeartbeatRequest request, HeartbeatDone done) {
  MutexLock lock(mutex_);
  if (is_closed_) return;
  if (heartbeats_ == nullptr || !heartbeats_->Add(request, Deadline(), done)) {
    heartbeats_ = std::make_shared<HeartbeatStream>(loop_);
    if (request.has_regions() && store_.has_value()) {
      v1::HeartbeatRequest first;
      *first.mutable_store() = *store_;
      // If it is refused now, so are the regions.
      HeartbeatStream::Answer nobody = [](const absl::StatusOr<v1::HeartbeatResponse>&) {};
      heartbeats_->Add(first, Deadline(), nobody);
    }
    heartbeats_->Add(request, Deadline(), done);
    heartbeats_->Start([this](grpc::ClientContext* context, grpc::CompletionQueue* queue) {
      return stub_->PrepareAsyncHeartbeats(context, queue);
    });
  }
  ArmLocked();
}

void PdConnection::RememberStore(const v1::StoreHeartbeatRequest& request) {
  MutexLock lock(mutex_);
  store_ = request;
  store_->set_cluster_id(cluster_id_);
}

bool PdConnection::KnowsStore(uint64_t store_id) {
  MutexLock lock(mutex_);
  return store_.has_value() && store_->store_id() == store_id;
}

bool PdConnection::Register(const std::shared_ptr<CancellableCall>& call) {
  MutexLock lock(mutex_);
  if (calls_.size() >= options_.calls_max) return false;
  if (!is_closed_) calls_.emplace(call.get(), call);
  return true;  // A closed loop begins nothing.
}

void PdConnection::Unregister(const CancellableCall* call) {
  MutexLock lock(mutex_);
  calls_.erase(call);
}

uint64_t PdConnection::Deadline() const {
  return clock_.MonotonicNanos() +
         static_cast<uint64_t>(absl::ToInt64Nanoseconds(options_.timeout));
}

// Ticks as long as requests wait on a stream.
void PdConnection::ArmLocked() {
  if (is_armed_ || is_closed_) return;
  void* const tag = tick_.Begin(loop_, shared_from_this());
  if (tag == nullptr) return;
  is_armed_ = true;
  armed_nanos_ = clock_.MonotonicNanos();
  alarm_.Set(loop_->queue(), gpr_time_from_micros(absl::ToInt64Microseconds(kGrain), GPR_TIMESPAN),
             tag);
}

void PdConnection::OnTick(bool /*ok*/) {
  MutexLock lock(mutex_);
  is_armed_ = false;
  const uint64_t now_nanos = clock_.MonotonicNanos();
  // If the poller was held up, answers may have come that nobody has read: there is one more tick.
  is_forbearing_ = !is_forbearing_ && absl::Nanoseconds(now_nanos - armed_nanos_) > kLate;
  if (timestamps_ != nullptr && !is_forbearing_) timestamps_->Tick(now_nanos);
  if (heartbeats_ != nullptr && !is_forbearing_) heartbeats_->Tick(now_nanos);
  const bool is_busy = (timestamps_ != nullptr && timestamps_->is_busy()) ||
                       (heartbeats_ != nullptr && heartbeats_->is_busy());
  if (is_busy) ArmLocked();
}

}  // namespace nokv::pd
