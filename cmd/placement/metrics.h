// What a placement driver tells a Prometheus, and the same figures as JSON.
//
// Thread-safety: safe; everything it reads may be read from any thread.
#pragma once

#include "pd/server/placement_driver.h"

#include <prometheus/collectable.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

namespace nokv::placement {

// Both must outlive the object.
struct Sources {
  pd::PlacementDriver& driver;
  const std::atomic<uint64_t>& clock_steps_back;
};

class Metrics final : public prometheus::Collectable {
 public:
  explicit Metrics(const Sources& sources) : sources_(sources) {}

  std::vector<prometheus::MetricFamily> Collect() const override;

  // For /debug/vars.
  std::string ToJson() const;

 private:
  const Sources sources_;
};

}  // namespace nokv::placement
