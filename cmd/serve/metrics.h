// What a store tells a Prometheus, and the same figures as JSON.
//
// Thread-safety: safe; everything it reads may be read from any thread.
#pragma once

#include "engine/db.h"
#include "raftstore/store/report.h"
#include "raftstore/transport/transport.h"

#include <prometheus/collectable.h>

#include <functional>
#include <string>
#include <vector>

namespace nokv::serve {

// All must outlive the object.
struct Sources {
  std::function<store::Report()> report;  // The latest that the store has made.
  transport::Transport& transport;
  DB& db;
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

}  // namespace nokv::serve
