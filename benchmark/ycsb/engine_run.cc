#include "benchmark/ycsb/engine_run.h"

#include "benchmark/ycsb/clients.h"
#include "benchmark/ycsb/ticks.h"
#include "benchmark/ycsb/usage.h"

#include <algorithm>
#include <memory>

namespace nokv::bench {
namespace {

absl::StatusOr<Measurement> MeasureStreams(Engine& engine, const Streams& streams,
                                           const Settings& settings, const std::string& workload,
                                           absl::Status* client_error) {
  const std::string& directory = settings.child->directory;
  RETURN_IF_ERROR(SyncFileSystem(directory));
  ResetPeakResidentBytes();
  const uint64_t written_before = ProcessDeviceBytesWritten();
  const double cpu_before = ProcessCpuSeconds();
  const double busy_before = MachineBusySeconds();
  const uint64_t start_nanos = MonotonicNanos();
  const ClientsResult result =
      RunClients(engine, streams, settings.value_size, settings.seed + workload.front());
  const double cpu_seconds = ProcessCpuSeconds() - cpu_before;
  const double others_seconds = MachineBusySeconds() - busy_before - cpu_seconds;
  const double elapsed_seconds = static_cast<double>(MonotonicNanos() - start_nanos) * 1e-9;
  RETURN_IF_ERROR(SyncFileSystem(directory));
  const uint64_t written_after = ProcessDeviceBytesWritten();

  const double micros_per_tick = MachineTickRate().nanos_per_tick * 1e-3;
  const auto micros = [&](double fraction) {
    return static_cast<double>(result.latency_ticks.Percentile(fraction)) * micros_per_tick;
  };
  const auto operations = static_cast<double>(result.operations);
  Measurement measurement;
  measurement.engine = settings.child->engine;
  measurement.workload = workload;
  measurement.run = settings.child->run;
  measurement.threads = settings.threads;
  measurement.durability = NameOf(settings.durability);
  measurement.ops_per_s = operations / result.seconds;
  measurement.p50_us = micros(0.50);
  measurement.p95_us = micros(0.95);
  measurement.p99_us = micros(0.99);
  measurement.p999_us = micros(0.999);
  measurement.max_us = micros(1.0);
  measurement.cpu_us_per_op = cpu_seconds * 1e6 / operations;
  if (result.user_bytes_written > 0 && written_after > written_before) {
    measurement.device_bytes_per_user_byte = static_cast<double>(written_after - written_before) /
                                             static_cast<double>(result.user_bytes_written);
  }
  ASSIGN_OR_RETURN(measurement.space_bytes, AllocatedBytes(directory));
  measurement.peak_rss_bytes = PeakResidentBytes();
  measurement.errors = result.errors;
  measurement.records = streams.records_after;
  measurement.value_size = settings.value_size;
  measurement.others_processors = std::max(others_seconds, 0.0) / elapsed_seconds;
  *client_error = result.first_error;
  return measurement;
}

}  // namespace

absl::Status RunEngine(const Settings& settings, const RunListener& listener) {
  // D and E insert one record in twenty, their warm-up too; some room for chance.
  const uint64_t records_max = settings.records + (settings.operations + settings.warmup) / 5;
  ASSIGN_OR_RETURN(const std::unique_ptr<Engine> engine,
                   OpenEngine(settings.child->engine,
                              {.directory = settings.child->directory,
                               .durability = settings.durability,
                               .memory_bytes = settings.memory_bytes,
                               .data_bytes_max = records_max * (kKeyBytes + settings.value_size),
                               .threads = settings.threads,
                               .value_threshold_bytes = settings.value_threshold_bytes}));
  MachineTickRate();  // Calibrates now, outside of what is measured.
  uint64_t records = 0;
  uint64_t seed = settings.seed;
  for (const std::string& name : settings.workloads) {
    listener.starting(name);
    const Workload* workload = FindWorkload(name);
    const bool is_load = name == "load";
    const uint64_t operations = is_load       ? settings.records
                                : name == "E" ? settings.scans
                                              : settings.operations;
    const uint64_t warmup_operations = is_load ? 0 : std::min(settings.warmup, operations);
    StreamOptions options = {.workload = workload,
                             .distribution = settings.distribution,
                             .records = records,
                             .operations = warmup_operations,
                             .threads = settings.threads,
                             .seed = ++seed};
    if (warmup_operations > 0) {
      const Streams warmup = MakeStreams(options);
      const ClientsResult result = RunClients(*engine, warmup, settings.value_size, seed);
      RETURN_IF_ERROR(result.first_error);
      options.records = warmup.records_after;
    }
    options.operations = operations;
    options.seed = ++seed;
    const Streams streams = MakeStreams(options);
    absl::Status client_error;
    ASSIGN_OR_RETURN(const Measurement measurement,
                     MeasureStreams(*engine, streams, settings, name, &client_error));
    listener.measured(measurement);
    RETURN_IF_ERROR(client_error);
    records = streams.records_after;
  }
  return absl::OkStatus();
}

}  // namespace nokv::bench
