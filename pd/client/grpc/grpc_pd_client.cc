#include "pd/client/grpc/grpc_pd_client.h"

#include "pd/client/grpc/pd_connection.h"

#include <utility>

namespace nokv::pd {
namespace {

// What an answer on the stream of heartbeats holds, if it is of the right kind.
absl::StatusOr<v1::StoreHeartbeatResponse> StorePart(
    absl::StatusOr<v1::HeartbeatResponse> response) {
  RETURN_IF_ERROR(response.status());
  if (!response->has_store()) return InternalError("a store's heartbeat was answered otherwise");
  return std::move(*response->mutable_store());
}

absl::StatusOr<v1::RegionHeartbeatResponse> RegionPart(
    absl::StatusOr<v1::HeartbeatResponse> response) {
  RETURN_IF_ERROR(response.status());
  if (!response->has_regions()) return InternalError("regions' heartbeats were answered otherwise");
  return std::move(*response->mutable_regions());
}

// A unary call of a request that names its cluster.
template <typename Request, typename Response>
void CallNamed(const std::shared_ptr<PdConnection>& connection, Request request,
               PdConnection::PrepareCall<Request, Response> prepare, Done<Response> done) {
  const uint64_t wanted = request.cluster_id();
  connection->WithCluster(
      wanted, [connection, request = std::move(request), prepare,
               done = std::move(done)](absl::StatusOr<uint64_t> cluster_id) mutable {
        if (!cluster_id.ok()) return connection->Post<Response>(done, cluster_id.status());
        request.set_cluster_id(*cluster_id);
        connection->Call<Request, Response>(request, prepare,
                                            [connection, done](absl::StatusOr<Response> response) {
                                              connection->Post<Response>(done, std::move(response));
                                            });
      });
}

}  // namespace

GrpcPdClient::GrpcPdClient(const GrpcPdOptions& options, Executor& executor, Clock& clock,
                           std::shared_ptr<net::Poller> poller)
    : connection_(std::make_shared<PdConnection>(options, executor, clock, std::move(poller))) {}

GrpcPdClient::~GrpcPdClient() { connection_->Close(); }

uint64_t GrpcPdClient::cluster_id() const { return connection_->cluster_id(); }

void GrpcPdClient::Tso(v1::TsoRequest request, Done<v1::TsoResponse> done) {
  connection_->WithCluster(request.cluster_id(),
                           [connection = connection_, count = request.count(),
                            done = std::move(done)](absl::StatusOr<uint64_t> cluster_id) {
                             if (!cluster_id.ok())
                               return connection->Post<v1::TsoResponse>(done, cluster_id.status());
                             connection->DrawTimestamps(count, done);
                           });
}

void GrpcPdClient::StoreHeartbeat(v1::StoreHeartbeatRequest request,
                                  Done<v1::StoreHeartbeatResponse> done) {
  // A store's first names no cluster, and one that is mistaken is told so by the driver.
  if (request.cluster_id() == 0) request.set_cluster_id(connection_->cluster_id());
  v1::HeartbeatRequest message;
  *message.mutable_store() = request;
  connection_->SendHeartbeat(
      std::move(message), [connection = connection_, request = std::move(request),
                           done = std::move(done)](absl::StatusOr<v1::HeartbeatResponse> response) {
        absl::StatusOr<v1::StoreHeartbeatResponse> answer = StorePart(std::move(response));
        if (answer.ok() && !answer->has_refusal()) {
          const absl::Status status = connection->Adopt(answer->cluster_id());
          if (status.ok()) {
            connection->RememberStore(request);
          } else {
            answer = status;
          }
        }
        connection->Post<v1::StoreHeartbeatResponse>(done, std::move(answer));
      });
}

void GrpcPdClient::RegionHeartbeat(v1::RegionHeartbeatRequest request,
                                   Done<v1::RegionHeartbeatResponse> done) {
  if (!connection_->KnowsStore(request.store_id())) {
    return CallNamed<v1::RegionHeartbeatRequest, v1::RegionHeartbeatResponse>(
        connection_, std::move(request), &v1::Pd::Stub::PrepareAsyncRegionHeartbeat,
        std::move(done));
  }
  const uint64_t wanted = request.cluster_id();
  connection_->WithCluster(
      wanted, [connection = connection_, request = std::move(request),
               done = std::move(done)](absl::StatusOr<uint64_t> cluster_id) mutable {
        if (!cluster_id.ok()) {
          return connection->Post<v1::RegionHeartbeatResponse>(done, cluster_id.status());
        }
        request.set_cluster_id(*cluster_id);
        v1::HeartbeatRequest message;
        *message.mutable_regions() = std::move(request);
        connection->SendHeartbeat(
            std::move(message), [connection, done](absl::StatusOr<v1::HeartbeatResponse> response) {
              connection->Post<v1::RegionHeartbeatResponse>(done, RegionPart(std::move(response)));
            });
      });
}

void GrpcPdClient::GetRegionByKey(v1::GetRegionByKeyRequest request,
                                  Done<v1::GetRegionByKeyResponse> done) {
  // A client's first names no cluster.
  if (request.cluster_id() == 0) request.set_cluster_id(connection_->cluster_id());
  connection_->Call<v1::GetRegionByKeyRequest, v1::GetRegionByKeyResponse>(
      request, &v1::Pd::Stub::PrepareAsyncGetRegionByKey,
      [connection = connection_,
       done = std::move(done)](absl::StatusOr<v1::GetRegionByKeyResponse> response) {
        if (response.ok()) {
          const absl::Status status = connection->Adopt(response->cluster_id());
          if (!status.ok()) response = status;
        }
        connection->Post<v1::GetRegionByKeyResponse>(done, std::move(response));
      });
}

void GrpcPdClient::ScanRegions(v1::ScanRegionsRequest request, Done<v1::ScanRegionsResponse> done) {
  CallNamed<v1::ScanRegionsRequest, v1::ScanRegionsResponse>(
      connection_, std::move(request), &v1::Pd::Stub::PrepareAsyncScanRegions, std::move(done));
}

void GrpcPdClient::AllocId(v1::AllocIdRequest request, Done<v1::AllocIdResponse> done) {
  CallNamed<v1::AllocIdRequest, v1::AllocIdResponse>(
      connection_, std::move(request), &v1::Pd::Stub::PrepareAsyncAllocID, std::move(done));
}

}  // namespace nokv::pd
