// What the placement driver is told: that the store lives, and which regions it leads.
//
// A store reports itself at an interval, and its regions when their leader changes and at a longer
// interval, many to a call. At most one call of each kind is under way; a region whose report
// failed is told again.
//
// Thread-safety: the loop only.
#pragma once

#include "pd/client/pd_client.h"
#include "raftstore/store/mailbox.h"
#include "raftstore/store/peer.h"

#include <functional>
#include <memory>
#include <set>
#include <vector>

namespace nokv::store {

// What comes back.
struct Orders {
  // Leadership of a region should go to a peer.
  std::function<void(const pd::v1::Order& order)> on_order;
  // The store is admitted: with every answer.
  std::function<void()> on_admission;
  // The store is not admitted, and never will be.
  std::function<void(const absl::Status& why)> on_refusal;
};

class Heartbeats {
 public:
  Heartbeats(pd::PdClient& pd, const std::shared_ptr<Mailbox>& mailbox, Shared& shared,
             Orders orders)
      : pd_(pd), mailbox_(mailbox), shared_(shared), orders_(std::move(orders)) {}

  // This peer leads since a moment ago.
  void ReportSoon(region::RegionId region) { soon_.insert(region); }

  // Sends what is due. `peers` are all of the store's, by region.
  void Run(const std::map<region::RegionId, std::unique_ptr<Peer>>& peers);

 private:
  void ReportStore();
  void TakeStoreReply(const absl::StatusOr<pd::v1::StoreHeartbeatResponse>& reply);
  void RaiseNotAdmitted(std::string_view why);
  void ReportRegions(const std::map<region::RegionId, std::unique_ptr<Peer>>& peers);
  void TakeRegionsReply(const std::vector<region::RegionId>& told,
                        const absl::StatusOr<pd::v1::RegionHeartbeatResponse>& reply);

  pd::PdClient& pd_;
  const std::shared_ptr<Mailbox> mailbox_;
  Shared& shared_;
  const Orders orders_;

  uint64_t store_due_nanos_ = 0;
  bool has_been_welcome_ = false;  // By the driver, in this run.
  bool is_store_call_under_way_ = false;
  uint64_t regions_due_nanos_ = 0;
  bool is_regions_call_under_way_ = false;
  std::set<region::RegionId> soon_;
};

}  // namespace nokv::store
