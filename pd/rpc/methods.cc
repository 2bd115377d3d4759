// Which method of the contract is which call of the service.
#include "pd/rpc/stream_call.h"
#include "pd/rpc/unary_call.h"

namespace nokv::pd {
namespace {

template <typename Request, typename Response>
void AcceptUnary(const std::shared_ptr<Core>& core,
                 const typename UnaryCall<Request, Response>::Method& method) {
  UnaryCall<Request, Response>::AcceptNext(core, method);
}

// A stream each of whose messages is a call of its own.
template <typename Request, typename Response>
void AcceptStream(const std::shared_ptr<Core>& core,
                  decltype(StreamCall<Request, Response>::Method::accept) accept,
                  void (Service::*handle)(Request, Reply<Response>)) {
  StreamCall<Request, Response>::AcceptNext(
      core, {.accept = accept, .open = [handle](Service& service) {
               return [&service, handle](Request request, Reply<Response> reply) {
                 (service.*handle)(std::move(request), std::move(reply));
               };
             }});
}

void AcceptHeartbeats(const std::shared_ptr<Core>& core) {
  using Call = StreamCall<v1::HeartbeatRequest, v1::HeartbeatResponse>;
  const auto open = [](Service& service) -> Call::Handler {
    return [session = std::make_shared<HeartbeatSession>(service)](
               v1::HeartbeatRequest request, Reply<v1::HeartbeatResponse> reply) {
      session->Handle(std::move(request), std::move(reply));
    };
  };
  Call::AcceptNext(core, {.accept = &PdAsyncService::RequestHeartbeats, .open = open});
}

}  // namespace

void AcceptEverything(const std::shared_ptr<Core>& core) {
  using Calls = PdAsyncService;
  AcceptUnary<v1::StoreHeartbeatRequest, v1::StoreHeartbeatResponse>(
      core, {&Calls::RequestStoreHeartbeat, &Service::StoreHeartbeat});
  AcceptUnary<v1::RegionHeartbeatRequest, v1::RegionHeartbeatResponse>(
      core, {&Calls::RequestRegionHeartbeat, &Service::RegionHeartbeat});
  AcceptUnary<v1::RemoveRegionRequest, v1::RemoveRegionResponse>(
      core, {&Calls::RequestRemoveRegion, &Service::RemoveRegion});
  AcceptUnary<v1::GetRegionByKeyRequest, v1::GetRegionByKeyResponse>(
      core, {&Calls::RequestGetRegionByKey, &Service::GetRegionByKey});
  AcceptUnary<v1::ScanRegionsRequest, v1::ScanRegionsResponse>(
      core, {&Calls::RequestScanRegions, &Service::ScanRegions});
  AcceptUnary<v1::AllocIdRequest, v1::AllocIdResponse>(core,
                                                       {&Calls::RequestAllocID, &Service::AllocId});
  AcceptUnary<v1::TsoRequest, v1::TsoResponse>(core, {&Calls::RequestTso, &Service::Tso});
  AcceptUnary<v1::SetStoreIntentRequest, v1::SetStoreIntentResponse>(
      core, {&Calls::RequestSetStoreIntent, &Service::SetStoreIntent});
  AcceptUnary<v1::DiagnoseRequest, v1::DiagnoseResponse>(
      core, {&Calls::RequestDiagnose, &Service::Diagnose});
  AcceptStream<v1::TsoRequest, v1::TsoResponse>(core, &Calls::RequestTsoStream, &Service::Tso);
  AcceptStream<v1::RoutesRequest, v1::RoutesResponse>(core, &Calls::RequestRouteStream,
                                                      &Service::Routes);
  AcceptHeartbeats(core);
}

}  // namespace nokv::pd
