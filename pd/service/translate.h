// The contract's messages as the driver's values, and back.
//
// What comes from outside is taken as it is, whatever it says: the model checks every value before
// it believes it. Only what the model has no value for is mapped to one that it refuses.
//
// Thread-safety: pure functions.
#pragma once

#include "pd/server/placement_driver.h"
#include "proto/pd.pb.h"

#include <cstddef>
#include <vector>

namespace nokv::pd {

Region RegionFrom(const meta::v1::Region& proto);
StoreReport StoreReportFrom(const v1::StoreHeartbeatRequest& proto);
RegionReport RegionReportFrom(const v1::RegionReport& proto);

// InvalidArgument for what is no intent.
absl::StatusOr<StoreIntent> IntentFrom(v1::StoreIntent proto);

void Fill(const Region& region, meta::v1::Region* proto);
void Fill(const Route& route, v1::Route* proto);
void Fill(const Operator& op, v1::Order* proto);
void Fill(const StoreHeartbeatReply& reply, v1::StoreHeartbeatResponse* proto);
void Fill(RegionId id, const RegionOutcome& outcome, v1::RegionOutcome* proto);
void Fill(const Diagnosis& diagnosis, v1::DiagnoseResponse* proto);

// Bytes of a route in a message, about.
size_t SizeOf(const Route& route);

}  // namespace nokv::pd
