// INFO: the process in sections of lines, with the names that clients and exporters know.
#include "gateway/command/arguments.h"
#include "gateway/command/handlers.h"
#include "gateway/command/host.h"

#include <array>
#include <string>

namespace nokv::command {
namespace {

using Section = absl::Status (*)(Call& call, std::string& out);

template <typename T>
void AddLine(std::string& out, std::string_view name, const T& value) {
  fmt::format_to(std::back_inserter(out), "{}:{}\r\n", name, value);
}

absl::Status AddServer(Call& call, std::string& out) {
  const Host& host = call.host;
  const uint64_t uptime_seconds = (host.clock.WallMillis() - host.started_ms) / 1000;
  out += "# Server\r\n";
  AddLine(out, "redis_version", kRedisVersion);
  AddLine(out, "nokv_version", host.version);
  AddLine(out, "redis_mode", "standalone");
  AddLine(out, "os", "Linux");
  AddLine(out, "arch_bits", 64);
  AddLine(out, "multiplexing_api", "epoll");
  AddLine(out, "process_id", host.process_id);
  AddLine(out, "tcp_port", host.port);
  AddLine(out, "uptime_in_seconds", uptime_seconds);
  AddLine(out, "uptime_in_days", uptime_seconds / 86400);
  AddLine(out, "hz", 10);
  return absl::OkStatus();
}

absl::Status AddClients(Call& call, std::string& out) {
  out += "# Clients\r\n";
  AddLine(out, "connected_clients", call.host.statistics.connections.value());
  AddLine(out, "cluster_connections", 0);
  AddLine(out, "maxclients", call.host.settings["maxclients"]);
  AddLine(out, "blocked_clients", 0);
  AddLine(out, "tracking_clients", 0);
  return absl::OkStatus();
}

absl::Status AddMemory(Call& call, std::string& out) {
  const uint64_t bytes = call.host.memory_bytes ? call.host.memory_bytes() : 0;
  out += "# Memory\r\n";
  AddLine(out, "used_memory", bytes);
  AddLine(out, "used_memory_human",
          fmt::format("{:.2f}M", static_cast<double>(bytes) / (1024 * 1024)));
  AddLine(out, "used_memory_rss", bytes);
  AddLine(out, "maxmemory", 0);
  AddLine(out, "maxmemory_human", "0B");
  AddLine(out, "maxmemory_policy", "noeviction");
  return absl::OkStatus();
}

absl::Status AddPersistence(Call& call, std::string& out) {
  out += "# Persistence\r\n";
  AddLine(out, "loading", 0);
  AddLine(out, "async_loading", 0);
  AddLine(out, "rdb_bgsave_in_progress", 0);
  AddLine(out, "rdb_last_bgsave_status", "ok");
  AddLine(out, "aof_enabled", 1);
  AddLine(out, "aof_rewrite_in_progress", 0);
  AddLine(out, "aof_last_write_status", "ok");
  AddLine(out, "nokv_durability", call.host.durability);
  return absl::OkStatus();
}

absl::Status AddStats(Call& call, std::string& out) {
  const Statistics& statistics = call.host.statistics;
  out += "# Stats\r\n";
  AddLine(out, "total_connections_received", statistics.connections_accepted.value());
  AddLine(out, "total_commands_processed", statistics.commands.value());
  AddLine(out, "total_net_input_bytes", statistics.bytes_received.value());
  AddLine(out, "total_net_output_bytes", statistics.bytes_sent.value());
  AddLine(out, "rejected_connections", statistics.connections_rejected.value());
  AddLine(out, "expired_keys", call.host.backend.expired_keys());
  AddLine(out, "evicted_keys", 0);
  AddLine(out, "keyspace_hits", statistics.keyspace_hits.value());
  AddLine(out, "keyspace_misses", statistics.keyspace_misses.value());
  AddLine(out, "total_error_replies", statistics.error_replies.value());
  return absl::OkStatus();
}

absl::Status AddReplication(Call&, std::string& out) {
  out += "# Replication\r\n";
  AddLine(out, "role", "master");
  AddLine(out, "connected_slaves", 0);
  return absl::OkStatus();
}

absl::Status AddCluster(Call&, std::string& out) {
  out += "# Cluster\r\n";
  AddLine(out, "cluster_enabled", 0);
  return absl::OkStatus();
}

absl::Status AddCommandStats(Call& call, std::string& out) {
  out += "# Commandstats\r\n";
  for (size_t i = 0; i < Table().size(); ++i) {
    const Statistics::PerCommand& counters = call.host.statistics.per_command[i];
    if (counters.calls.value() == 0) continue;
    AddLine(
        out, fmt::format("cmdstat_{}", Table()[i].name),
        fmt::format("calls={},failed_calls={}", counters.calls.value(), counters.errors.value()));
  }
  return absl::OkStatus();
}

absl::Status AddKeyspace(Call& call, std::string& out) {
  out += "# Keyspace\r\n";
  for (int i = 0; i < backend::kDatabases; ++i) {
    const absl::StatusOr<backend::KeyCounts> found = call.keyspace.Count(i);
    if (absl::IsUnimplemented(found.status())) return absl::OkStatus();  // Nobody counts.
    ASSIGN_OR_RETURN(const backend::KeyCounts counts, found);
    if (counts.keys == 0) continue;
    AddLine(out, fmt::format("db{}", i),
            fmt::format("keys={},expires={},avg_ttl=0", counts.keys, counts.expiring));
  }
  return absl::OkStatus();
}

struct NamedSection {
  std::string_view name;
  Section add;
  bool is_default;
};

constexpr std::array<NamedSection, 9> kSections = {{
    {"server", AddServer, true},
    {"clients", AddClients, true},
    {"memory", AddMemory, true},
    {"persistence", AddPersistence, true},
    {"stats", AddStats, true},
    {"replication", AddReplication, true},
    {"commandstats", AddCommandStats, false},
    {"cluster", AddCluster, true},
    {"keyspace", AddKeyspace, true},
}};

bool IsWanted(const Call& call, const NamedSection& section) {
  if (call.arguments.size() == 1) return section.is_default;
  for (const std::string_view word : call.arguments.subspan(1)) {
    if (IsWord(word, section.name) || IsWord(word, "all") || IsWord(word, "everything"))
      return true;
    if (IsWord(word, "default") && section.is_default) return true;
  }
  return false;
}

}  // namespace

absl::Status Info(Call& call) {
  std::string text;
  for (const NamedSection& section : kSections) {
    if (!IsWanted(call, section)) continue;
    if (!text.empty()) text += "\r\n";
    RETURN_IF_ERROR(section.add(call, text));
  }
  call.reply.Verbatim(text);
  return absl::OkStatus();
}

}  // namespace nokv::command
