// Where stores are: what was known at the start, and what the placement driver says since.
//
// Resolve() answers at once with what is known and asks the driver meanwhile, so a store that has
// moved is found at the next attempt, and stores find each other while the driver is away.
//
// Thread-safety: safe.
#pragma once

#include "engine/base/clock.h"
#include "engine/base/mutex.h"
#include "pd/client/pd_client.h"
#include "raftstore/transport/seams.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace nokv::serve {

class Addresses final : public transport::Resolver, public std::enable_shared_from_this<Addresses> {
 public:
  using Known = std::map<transport::StoreId, std::string>;

  // `pd` and `clock` outlive the last call of Resolve().
  Addresses(uint64_t cluster_id, pd::PdClient& pd, Clock& clock, Known known)
      : cluster_id_(cluster_id), pd_(pd), clock_(clock), known_(std::move(known)) {}

  // Unavailable for a store of which nobody has said anything.
  void Resolve(transport::StoreId store,
               std::function<void(const absl::StatusOr<std::string>&)> done) override;

 private:
  struct Waiting {
    transport::StoreId store = 0;
    std::function<void(const absl::StatusOr<std::string>&)> done;
  };

  bool ShouldAskLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Ask(const std::string& start_key);
  void OnRoutes(const std::string& start_key,
                const absl::StatusOr<pd::v1::ScanRegionsResponse>& response);

  const uint64_t cluster_id_;
  pd::PdClient& pd_;
  Clock& clock_;

  Mutex mutex_;
  Known known_ ABSL_GUARDED_BY(mutex_);
  std::vector<Waiting> waiting_ ABSL_GUARDED_BY(mutex_);  // For stores that are not known yet.
  bool is_asking_ ABSL_GUARDED_BY(mutex_) = false;
  bool has_asked_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t asked_nanos_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace nokv::serve
