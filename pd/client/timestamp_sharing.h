// Many calls for timestamps as one request: who asks while a request is under way shares the next.
//
// One request is under way at a time. Therefore a timestamp comes from a request that began after
// it was asked for, and the answers rise from one request to the next; whatever does not is
// refused, because a driver that gives timestamps twice must not be believed.
//
// Thread-safety: none.
#pragma once

#include "pd/client/pd_client.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

namespace nokv::pd {

class TimestampSharing {
 public:
  using TsoDone = Done<v1::TsoResponse>;
  using Answers = std::vector<std::pair<TsoDone, absl::StatusOr<v1::TsoResponse>>>;

  explicit TimestampSharing(size_t waiting_max) : waiting_max_(waiting_max) {}

  // `count` of 0 counts as 1. InvalidArgument for more than one request may ask for, Unavailable
  // if too many wait: then nothing is taken.
  absl::Status Add(uint32_t count, TsoDone& done);

  // How many timestamps to ask for now; 0 if nobody waits, or a request is under way. A request
  // is under way from here on.
  uint32_t BeginRequest();

  // The request is over. After a failure everybody who waits has failed.
  Answers EndRequest(const absl::StatusOr<v1::TsoResponse>& response);

 private:
  struct Waiting {
    uint32_t count;
    TsoDone done;
  };

  absl::Status Check(const absl::StatusOr<v1::TsoResponse>& response) const;

  const size_t waiting_max_;
  std::deque<Waiting> waiting_;
  std::vector<Waiting> asked_;  // By the request under way.
  uint64_t asked_count_ = 0;    // 0: none is.
  uint64_t newest_ = 0;         // Timestamp ever answered.
};

}  // namespace nokv::pd
