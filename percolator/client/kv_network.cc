#include "percolator/client/kv_network.h"

#include <absl/strings/cord.h>

#include <utility>

namespace nokv::client {
namespace {

constexpr char kMark[] = "nokv.client.not_sent";

}  // namespace

absl::Status NotSent(absl::Status status) {
  status.SetPayload(kMark, absl::Cord());
  return status;
}

bool WasNotSent(const absl::Status& status) { return status.GetPayload(kMark).has_value(); }

}  // namespace nokv::client
