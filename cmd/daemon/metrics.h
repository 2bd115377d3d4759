// Building Prometheus families from counters that are kept elsewhere, and writing them as text.
//
// Thread-safety: pure functions, but for ProcessMemoryBytes() which asks the system.
#pragma once

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <cstdint>
#include <string>
#include <vector>

namespace nokv::daemon {

struct FamilyName {
  std::string name;
  std::string help;
};

using Labels = std::vector<prometheus::ClientMetric::Label>;

prometheus::MetricFamily CounterFamily(FamilyName name);
prometheus::MetricFamily GaugeFamily(FamilyName name);

void AddValue(prometheus::MetricFamily& family, double value, Labels labels = {});

// A family of one value without labels.
prometheus::MetricFamily Counter(FamilyName name, double value);
prometheus::MetricFamily Gauge(FamilyName name, double value);

// The bytes of the process in memory, its CPU time, its descriptors: process_*.
std::vector<prometheus::MetricFamily> ProcessMetrics();

uint64_t ProcessMemoryBytes();

std::string ToPrometheusText(const prometheus::Collectable& source);

}  // namespace nokv::daemon
