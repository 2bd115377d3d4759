#include "cmd/daemon/metrics.h"

#include <prometheus/text_serializer.h>

#include <cstdio>
#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>
#include <utility>

namespace nokv::daemon {
namespace {

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double OpenDescriptors() {
  DIR* const directory = opendir("/proc/self/fd");
  if (directory == nullptr) return 0;
  int count = -3;  // Itself, "." and "..".
  while (readdir(directory) != nullptr) ++count;
  closedir(directory);
  return count;
}

}  // namespace

prometheus::MetricFamily CounterFamily(FamilyName name) {
  return {std::move(name.name), std::move(name.help), prometheus::MetricType::Counter, {}};
}

prometheus::MetricFamily GaugeFamily(FamilyName name) {
  return {std::move(name.name), std::move(name.help), prometheus::MetricType::Gauge, {}};
}

void AddValue(prometheus::MetricFamily& family, double value, Labels labels) {
  prometheus::ClientMetric& metric = family.metric.emplace_back();
  metric.label = std::move(labels);
  if (family.type == prometheus::MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
}

prometheus::MetricFamily Counter(FamilyName name, double value) {
  prometheus::MetricFamily family = CounterFamily(std::move(name));
  AddValue(family, value);
  return family;
}

prometheus::MetricFamily Gauge(FamilyName name, double value) {
  prometheus::MetricFamily family = GaugeFamily(std::move(name));
  AddValue(family, value);
  return family;
}

std::vector<prometheus::MetricFamily> ProcessMetrics() {
  return {
      Counter({"process_cpu_seconds_total", "CPU time of the process"}, CpuSeconds()),
      Gauge({"process_resident_memory_bytes", "Memory of the process"},
            static_cast<double>(ProcessMemoryBytes())),
      Gauge({"process_open_fds", "Open file descriptors"}, OpenDescriptors()),
  };
}

uint64_t ProcessMemoryBytes() {
  std::FILE* const file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr) return 0;
  unsigned long total = 0;
  unsigned long resident = 0;
  const int fields = std::fscanf(file, "%lu %lu", &total, &resident);
  std::fclose(file);
  return fields == 2 ? resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE)) : 0;
}

std::string ToPrometheusText(const prometheus::Collectable& source) {
  return prometheus::TextSerializer().Serialize(source.Collect());
}

}  // namespace nokv::daemon
