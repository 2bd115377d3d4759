// Metrics::ToJson: the figures under the names of /debug/vars.
#include "cmd/nokv-redis/metrics.h"

#include <nlohmann/json.hpp>

namespace nokv::redis {
namespace {

using Json = nlohmann::ordered_json;

Json LsmJson(const Stats& stats) {
  Json levels = Json::array();
  for (size_t i = 0; i < stats.level_tables.size(); ++i) {
    if (stats.level_tables[i] == 0) continue;
    const uint64_t bytes = i < stats.level_bytes.size() ? stats.level_bytes[i] : 0;
    levels.push_back({{"level", i}, {"tables", stats.level_tables[i]}, {"size_bytes", bytes}});
  }
  return {{"tables", stats.tables},
          {"total_bytes", stats.table_bytes},
          {"memtable_bytes", stats.memtable_bytes},
          {"levels", std::move(levels)}};
}

Json CacheJson(const Stats& stats) {
  const uint64_t lookups = stats.block_cache_hits + stats.block_cache_misses;
  return {{"bytes", stats.block_cache_bytes},
          {"capacity_bytes", stats.block_cache_capacity_bytes},
          {"hits", stats.block_cache_hits},
          {"misses", stats.block_cache_misses},
          {"hit_rate", lookups == 0 ? 0.0
                                    : static_cast<double>(stats.block_cache_hits) /
                                          static_cast<double>(lookups)}};
}

Json RedisJson(const command::Statistics& statistics) {
  const uint64_t rounds = [&] {
    uint64_t count = 0;
    for (size_t i = 0; i < statistics.round_commands.size(); ++i) {
      count += statistics.round_commands.count(i);
    }
    return count;
  }();
  return {{"commands_total", statistics.commands.value()},
          {"errors_total", statistics.error_replies.value()},
          {"connections_active", statistics.connections.value()},
          {"connections_accepted", statistics.connections_accepted.value()},
          {"rounds_total", rounds}};
}

Json EngineJson(const Stats& stats, uint64_t keys) {
  return {
      {"entries", keys},
      {"flush", {{"completed", stats.flushes}, {"pending", stats.immutable_memtables}}},
      {"compaction", {{"runs", stats.compactions}}},
      {"value_log",
       {{"segments", stats.segments},
        {"total_bytes", stats.segment_bytes},
        {"live_bytes", stats.value_bytes_live},
        {"dead_bytes", stats.value_bytes_dead},
        {"gc", {{"gc_runs", stats.collections}}}}},
      {"wal", {{"segment_count", stats.segments}, {"unflushed_bytes", stats.unflushed_log_bytes}}},
      {"write",
       {{"changes_total", stats.writes},
        {"bytes_total", stats.write_bytes},
        {"sync_count", stats.syncs},
        {"throttled", stats.throttled_writes}}},
      {"cache", CacheJson(stats)},
      {"lsm", LsmJson(stats)},
      {"disk_bytes", stats.disk_bytes},
      {"disk_full", stats.disk_full},
      {"read_only", stats.read_only}};
}

}  // namespace

std::string Metrics::ToJson() const {
  Json json = Json::object();
  if (sources_.db != nullptr) {
    uint64_t keys = 0;
    for (int i = 0; i < backend::kDatabases; ++i) keys += sources_.backend.Counts(i).keys;
    json = EngineJson(sources_.db->GetStats(), keys);
  }
  json["redis"] = RedisJson(sources_.statistics);
  return Json{{"NoKV.Stats", json}}.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace nokv::redis
