#include "cmd/nokv-redis/metrics.h"

#include "cmd/daemon/metrics.h"
#include "gateway/command/command.h"

#include <limits>
#include <utility>

namespace nokv::redis {
namespace {

using daemon::AddValue;
using daemon::Counter;
using daemon::CounterFamily;
using daemon::Gauge;
using daemon::GaugeFamily;
using prometheus::MetricFamily;

using Families = std::vector<MetricFamily>;

double Number(uint64_t value) { return static_cast<double>(value); }

double Number(const command::Counter& counter) { return Number(counter.value()); }

template <size_t kBuckets>
MetricFamily HistogramFamily(daemon::FamilyName name, const command::Histogram<kBuckets>& histogram,
                             double unit) {
  MetricFamily family{
      std::move(name.name), std::move(name.help), prometheus::MetricType::Histogram, {}};
  prometheus::ClientMetric::Histogram& out = family.metric.emplace_back().histogram;
  uint64_t count = 0;
  for (size_t i = 0; i < kBuckets; ++i) {
    count += histogram.count(i);
    const bool is_last = i + 1 == kBuckets;
    out.bucket.push_back({.cumulative_count = count,
                          .upper_bound = is_last ? std::numeric_limits<double>::infinity()
                                                 : Number(histogram.bound(i)) * unit});
  }
  out.sample_count = count;
  out.sample_sum = Number(histogram.sum()) * unit;
  return family;
}

void AddConnections(const command::Statistics& statistics, Families& out) {
  out.push_back(
      Gauge({"nokv_gateway_connections", "Clients connected now"}, Number(statistics.connections)));
  out.push_back(Counter({"nokv_gateway_connections_accepted_total", "Clients served so far"},
                        Number(statistics.connections_accepted)));
  out.push_back(Counter({"nokv_gateway_connections_rejected_total", "Clients refused at the door"},
                        Number(statistics.connections_rejected)));
  out.push_back(Counter({"nokv_gateway_connections_dropped_total",
                         "Clients disconnected for what they sent or did not read"},
                        Number(statistics.connections_dropped)));
  out.push_back(Counter({"nokv_gateway_received_bytes_total", "Bytes read from clients"},
                        Number(statistics.bytes_received)));
  out.push_back(Counter({"nokv_gateway_sent_bytes_total", "Bytes sent to clients"},
                        Number(statistics.bytes_sent)));
}

void AddCommands(const command::Statistics& statistics, Families& out) {
  MetricFamily family =
      CounterFamily({"nokv_gateway_commands_total", "Commands by name and whether they failed"});
  for (size_t i = 0; i < statistics.per_command.size(); ++i) {
    const std::string name(command::Table()[i].name);
    const uint64_t errors = statistics.per_command[i].errors.value();
    const uint64_t calls = statistics.per_command[i].calls.value();
    AddValue(family, Number(calls > errors ? calls - errors : 0),
             {{"command", name}, {"result", "ok"}});
    AddValue(family, Number(errors), {{"command", name}, {"result", "error"}});
  }
  AddValue(family, Number(statistics.unknown_commands),
           {{"command", "unknown"}, {"result", "error"}});
  out.push_back(std::move(family));
  out.push_back(HistogramFamily({"nokv_gateway_round_commands", "Commands that shared one write"},
                                statistics.round_commands, 1));
  out.push_back(HistogramFamily(
      {"nokv_gateway_round_duration_seconds", "From reading a round's first byte to its replies"},
      statistics.round_nanos, 1e-9));
}

void AddKeyspace(const Sources& sources, Families& out) {
  out.push_back(Counter({"nokv_gateway_keyspace_hits_total", "Reads that found their key"},
                        Number(sources.statistics.keyspace_hits)));
  out.push_back(Counter({"nokv_gateway_keyspace_misses_total", "Reads that found no key"},
                        Number(sources.statistics.keyspace_misses)));
  out.push_back(Counter({"nokv_gateway_expired_keys_total", "Keys removed because they expired"},
                        Number(sources.backend.expired_keys())));
  if (sources.db == nullptr) return;  // Nobody counts the keys of a cluster.
  MetricFamily keys = GaugeFamily({"nokv_gateway_keys", "Keys by database"});
  for (int i = 0; i < backend::kDatabases; ++i) {
    AddValue(keys, Number(sources.backend.Counts(i).keys), {{"database", std::to_string(i)}});
  }
  out.push_back(std::move(keys));
}

void AddEngineCounters(const Stats& stats, Families& out) {
  out.push_back(
      Counter({"nokv_engine_writes_total", "Changes acknowledged"}, Number(stats.writes)));
  out.push_back(Counter({"nokv_engine_reads_total", "Keys looked up"}, Number(stats.reads)));
  out.push_back(Counter({"nokv_engine_log_written_bytes_total", "Bytes written to the log"},
                        Number(stats.log_bytes_written)));
  out.push_back(Counter({"nokv_engine_table_written_bytes_total", "Bytes written to tables"},
                        Number(stats.table_bytes_written)));
  out.push_back(Counter(
      {"nokv_engine_collected_written_bytes_total", "Bytes of values moved by garbage collection"},
      Number(stats.collected_bytes_written)));
  out.push_back(Counter({"nokv_engine_flushes_total", "Memtables flushed"}, Number(stats.flushes)));
  out.push_back(
      Counter({"nokv_engine_compactions_total", "Compactions done"}, Number(stats.compactions)));
  out.push_back(
      Counter({"nokv_engine_syncs_total", "Times the log was synced"}, Number(stats.syncs)));
  out.push_back(
      Counter({"nokv_engine_write_stall_seconds_total", "Time that writes were held back"},
              Number(stats.throttle_nanos) * 1e-9));
  out.push_back(Counter({"nokv_engine_block_cache_hits_total", "Blocks found in the cache"},
                        Number(stats.block_cache_hits)));
  out.push_back(Counter({"nokv_engine_block_cache_misses_total", "Blocks read from a table"},
                        Number(stats.block_cache_misses)));
}

void AddEngineSizes(const Stats& stats, Families& out) {
  out.push_back(
      Gauge({"nokv_engine_memtable_bytes", "Memory of memtables"}, Number(stats.memtable_bytes)));
  out.push_back(Gauge({"nokv_engine_block_cache_bytes", "Memory of cached blocks"},
                      Number(stats.block_cache_bytes)));
  MetricFamily level_bytes = GaugeFamily({"nokv_engine_level_bytes", "Bytes of tables by level"});
  MetricFamily level_files = GaugeFamily({"nokv_engine_level_files", "Tables by level"});
  for (size_t i = 0; i < stats.level_tables.size(); ++i) {
    AddValue(level_files, Number(stats.level_tables[i]), {{"level", std::to_string(i)}});
    const uint64_t bytes = i < stats.level_bytes.size() ? stats.level_bytes[i] : 0;
    AddValue(level_bytes, Number(bytes), {{"level", std::to_string(i)}});
  }
  out.push_back(std::move(level_bytes));
  out.push_back(std::move(level_files));
  out.push_back(Gauge({"nokv_engine_log_live_bytes", "Bytes of live values in sealed segments"},
                      Number(stats.value_bytes_live)));
  out.push_back(Gauge({"nokv_engine_log_bytes", "Bytes of segments"}, Number(stats.segment_bytes)));
  out.push_back(
      Gauge({"nokv_engine_disk_bytes", "Bytes of the directory"}, Number(stats.disk_bytes)));
  out.push_back(Gauge({"nokv_engine_read_only", "1 if the database refuses writes"},
                      stats.read_only ? 1 : 0));
  out.push_back(Gauge({"nokv_engine_disk_full", "1 if the disk is full"}, stats.disk_full ? 1 : 0));
}

}  // namespace

std::vector<MetricFamily> Metrics::Collect() const {
  Families out = daemon::ProcessMetrics();
  MetricFamily build = GaugeFamily({"nokv_build_info", "Always 1"});
  AddValue(build, 1, {{"version", NOKV_VERSION}});
  out.push_back(std::move(build));
  AddConnections(sources_.statistics, out);
  AddCommands(sources_.statistics, out);
  AddKeyspace(sources_, out);
  if (sources_.db == nullptr) return out;
  const Stats stats = sources_.db->GetStats();
  AddEngineCounters(stats, out);
  AddEngineSizes(stats, out);
  return out;
}

}  // namespace nokv::redis
