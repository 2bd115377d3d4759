#include "gateway/command/host.h"

#include "gateway/command/command.h"

#include <fmt/format.h>

namespace nokv::command {

Host::Host(Clock& host_clock, const backend::Backend& host_backend)
    : clock(host_clock),
      backend(host_backend),
      statistics(Table().size()),
      started_ms(host_clock.WallMillis()),
      settings{
          {"appendfsync", "everysec"},
          {"appendonly", "yes"},
          {"bind", "127.0.0.1"},
          {"client-query-buffer-limit", "1073741824"},
          {"databases", "16"},
          {"dir", "."},
          {"latency-monitor-threshold", "0"},
          {"maxclients", "10000"},
          {"maxmemory", "0"},
          {"maxmemory-policy", "noeviction"},
          {"notify-keyspace-events", ""},
          {"port", "6380"},
          {"proto-max-bulk-len", "536870912"},
          {"save", ""},
          {"slowlog-log-slower-than", "10000"},
          {"slowlog-max-len", "128"},
          {"tcp-keepalive", "300"},
          {"timeout", "0"},
      } {}

std::string Host::Describe(const Session& session) const {
  const uint64_t now_ms = clock.WallMillis();
  return fmt::format(
      "id={} addr={} laddr={} fd={} name={} age={} idle={} flags=N db={} sub=0 psub=0 ssub=0 "
      "multi=-1 qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem={} "
      "tot-mem={} events=r cmd={} user=default redir=-1 resp={} lib-name={} lib-ver={}",
      session.id, session.peer_address, session.local_address, session.file_descriptor,
      session.name, (now_ms - session.connected_ms) / 1000, (now_ms - session.active_ms) / 1000,
      session.database, session.output.size(), sizeof(session) + session.output.capacity(),
      session.last_command == nullptr ? "NULL" : session.last_command->name,
      static_cast<int>(session.protocol), session.library_name, session.library_version);
}

}  // namespace nokv::command
