// What nokv-redis tells a Prometheus, and the same figures as JSON.
//
// Thread-safety: safe; everything it reads may be read from any thread.
#pragma once

#include "engine/db.h"
#include "gateway/backend/backend.h"
#include "gateway/command/statistics.h"

#include <prometheus/collectable.h>

#include <string>
#include <vector>

namespace nokv::redis {

// All must outlive the object.
struct Sources {
  const command::Statistics& statistics;
  const backend::Backend& backend;
  DB* db;  // Null if the data is in a cluster.
};

class Metrics final : public prometheus::Collectable {
 public:
  explicit Metrics(const Sources& sources) : sources_(sources) {}

  std::vector<prometheus::MetricFamily> Collect() const override;

  // For /debug/vars: {"NoKV.Stats": {...}}.
  std::string ToJson() const;

 private:
  const Sources sources_;
};

}  // namespace nokv::redis
