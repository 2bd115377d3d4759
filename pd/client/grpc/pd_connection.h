// What the calls of one client share: the connection, the cluster's id, the streams.
//
// Invariant: once the cluster's id is known it never changes, and no request that names another is
// sent. One loop's thread brings all answers; calls come from anywhere.
//
// Thread-safety: safe. Answers come on the loop's thread, but for the failures that are said to
// come within a call.
#pragma once

#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/base/mutex.h"
#include "pd/client/grpc/client_call.h"
#include "pd/client/grpc/grpc_pd_client.h"
#include "pd/client/grpc/ordered_stream.h"
#include "pd/client/timestamp_sharing.h"
#include "proto/net/completion_loop.h"
#include "proto/pd.grpc.pb.h"

#include <cstdint>
#include <functional>
#include <grpcpp/alarm.h>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

namespace nokv::pd {

class PdConnection final : public std::enable_shared_from_this<PdConnection> {
 public:
  using ClusterDone = std::function<void(absl::StatusOr<uint64_t> cluster_id)>;
  using HeartbeatDone = std::function<void(absl::StatusOr<v1::HeartbeatResponse>)>;
  using TimestampsDone = Done<v1::TsoResponse>;

  PdConnection(const GrpcPdOptions& options, Executor& executor, Clock& clock,
               std::shared_ptr<net::Poller> poller);

  // Nothing is answered any more.
  void Close();

  uint64_t cluster_id();

  // Tells the cluster's id, within the call if it is known; or why it can't be learned, or that it
  // is not `wanted` (0: any).
  void WithCluster(uint64_t wanted, ClusterDone done);

  // An answer came from `cluster_id`: ours, or it becomes ours.
  absl::Status Adopt(uint64_t cluster_id);

  // Within the call if too many wait already.
  template <typename Request, typename Response>
  using PrepareCall = std::unique_ptr<grpc::ClientAsyncResponseReader<Response>> (v1::Pd::Stub::*)(
      grpc::ClientContext*, const Request&, grpc::CompletionQueue*);
  template <typename Request, typename Response>
  void Call(const Request& request, PrepareCall<Request, Response> prepare,
            std::function<void(absl::StatusOr<Response>)> done);

  // `done` comes on the executor.
  void DrawTimestamps(uint32_t count, TimestampsDone done);

  void SendHeartbeat(v1::HeartbeatRequest request, HeartbeatDone done);

  // The store was admitted with this request: a new stream begins with it.
  void RememberStore(const v1::StoreHeartbeatRequest& request);

  // Whether it was, and its regions may go over the stream.
  bool KnowsStore(uint64_t store_id);

  // Hands an answer to the executor.
  template <typename Response>
  void Post(Done<Response> done, absl::StatusOr<Response> response) {
    executor_.Submit(Priority::kHigh,
                     [done = std::move(done), response = std::move(response)]() mutable {
                       done(std::move(response));
                     });
  }

 private:
  using TsoStream = OrderedStream<v1::TsoRequest, v1::TsoResponse>;
  using HeartbeatStream = OrderedStream<v1::HeartbeatRequest, v1::HeartbeatResponse>;

  struct Nameless {
    uint64_t wanted = 0;
    ClusterDone done;
  };

  absl::StatusOr<uint64_t> ClusterForLocked(uint64_t wanted) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnIntroduced(const absl::StatusOr<v1::GetRegionByKeyResponse>& response);
  void AskForTimestamps(uint32_t count);
  void OnTimestamps(const absl::StatusOr<v1::TsoResponse>& response);

  bool Register(const std::shared_ptr<CancellableCall>& call);
  void Unregister(const CancellableCall* call);

  uint64_t Deadline() const;
  void ArmLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnTick(bool ok);

  const GrpcPdOptions options_;
  Executor& executor_;
  Clock& clock_;
  const std::shared_ptr<net::CompletionLoop> loop_;
  const std::unique_ptr<v1::Pd::Stub> stub_;
  grpc::Alarm alarm_;

  Mutex mutex_;
  bool is_closed_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t cluster_id_ ABSL_GUARDED_BY(mutex_);
  bool is_introducing_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<Nameless> nameless_ ABSL_GUARDED_BY(mutex_);  // Wait for the cluster's id.
  std::unordered_map<const CancellableCall*, std::shared_ptr<CancellableCall>> calls_
      ABSL_GUARDED_BY(mutex_);
  TimestampSharing sharing_ ABSL_GUARDED_BY(mutex_);
  std::optional<v1::StoreHeartbeatRequest> store_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<TsoStream> timestamps_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<HeartbeatStream> heartbeats_ ABSL_GUARDED_BY(mutex_);
  bool is_armed_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t armed_nanos_ ABSL_GUARDED_BY(mutex_) = 0;
  bool is_forbearing_ ABSL_GUARDED_BY(mutex_) = false;  // The last tick came late.

  net::Step<PdConnection> tick_{&PdConnection::OnTick};
};

template <typename Request, typename Response>
void PdConnection::Call(const Request& request, PrepareCall<Request, Response> prepare,
                        std::function<void(absl::StatusOr<Response>)> done) {
  // The call knows itself, so that its end takes it out of the list of those under way.
  const auto self = std::make_shared<const CancellableCall*>(nullptr);
  const auto call = std::make_shared<ClientCall<Response>>(
      options_.timeout,
      [connection = shared_from_this(), self, done](absl::StatusOr<Response> response) {
        connection->Unregister(*self);
        done(std::move(response));
      });
  *self = call.get();
  if (!Register(call)) {
    return done(UnavailableError("{} calls to the placement driver are under way already",
                                 options_.calls_max));
  }
  call->Start(loop_, [&](grpc::ClientContext* context, grpc::CompletionQueue* queue) {
    return (stub_.get()->*prepare)(context, request, queue);
  });
}

}  // namespace nokv::pd
