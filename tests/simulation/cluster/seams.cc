#include "tests/simulation/cluster/seams.h"

namespace nokv::simulation {
namespace {

constexpr absl::Duration kDriverTimeout = absl::Seconds(3);

}  // namespace

void SimKvNetwork::Call(const std::string& address, kv::v1::Command command, absl::Duration timeout,
                        Done done) {
  command.set_id(++next_id_);
  calls_.Call<kv::v1::CommandResult>(
      host_, address, timeout,
      [&services = services_, address, command = std::move(command)](Done answer) {
        const auto store = services.stores.find(address);
        if (store != services.stores.end()) store->second(command, std::move(answer));
      },
      std::move(done));
}

template <typename Request, typename Response>
void SimPdClient::Ask(void (pd::Service::*method)(Request, pd::Reply<Response>), Request request,
                      pd::Done<Response> done) {
  calls_.Call<Response>(
      host_, kDriverAddress, kDriverTimeout,
      [&services = services_, method, request = std::move(request)](pd::Done<Response> answer) {
        if (services.driver != nullptr) (services.driver->*method)(request, std::move(answer));
      },
      std::move(done));
}

void SimPdClient::Tso(pd::v1::TsoRequest request, pd::Done<pd::v1::TsoResponse> done) {
  using Response = pd::v1::TsoResponse;
  calls_.Call<Response>(
      host_, kDriverAddress, kDriverTimeout,
      [&services = services_, request](pd::Done<Response> answer) {
        if (services.driver == nullptr) return;
        services.driver->Tso(request, [&services, answer](absl::StatusOr<Response> response) {
          if (response.ok() && services.on_timestamps) services.on_timestamps(*response);
          answer(std::move(response));
        });
      },
      std::move(done));
}

void SimPdClient::StoreHeartbeat(pd::v1::StoreHeartbeatRequest request,
                                 pd::Done<pd::v1::StoreHeartbeatResponse> done) {
  Ask(&pd::Service::StoreHeartbeat, std::move(request), std::move(done));
}

void SimPdClient::RegionHeartbeat(pd::v1::RegionHeartbeatRequest request,
                                  pd::Done<pd::v1::RegionHeartbeatResponse> done) {
  Ask(&pd::Service::RegionHeartbeat, std::move(request), std::move(done));
}

void SimPdClient::GetRegionByKey(pd::v1::GetRegionByKeyRequest request,
                                 pd::Done<pd::v1::GetRegionByKeyResponse> done) {
  Ask(&pd::Service::GetRegionByKey, std::move(request), std::move(done));
}

void SimPdClient::ScanRegions(pd::v1::ScanRegionsRequest request,
                              pd::Done<pd::v1::ScanRegionsResponse> done) {
  Ask(&pd::Service::ScanRegions, std::move(request), std::move(done));
}

void SimPdClient::AllocId(pd::v1::AllocIdRequest request, pd::Done<pd::v1::AllocIdResponse> done) {
  Ask(&pd::Service::AllocId, std::move(request), std::move(done));
}

}  // namespace nokv::simulation
