#include "cmd/serve/metrics.h"

#include "cmd/daemon/metrics.h"

#include <nlohmann/json.hpp>

#include <utility>

namespace nokv::serve {
namespace {

using daemon::AddValue;
using daemon::Counter;
using daemon::CounterFamily;
using daemon::Gauge;
using daemon::GaugeFamily;
using Families = std::vector<prometheus::MetricFamily>;
using Json = nlohmann::ordered_json;

double Number(uint64_t value) { return static_cast<double>(value); }

struct Figure {
  const char* name;
  const char* help;
  uint64_t value;
};

uint64_t CountLeaders(const store::Report& report) {
  uint64_t leaders = 0;
  for (const store::PeerStatus& peer : report.peers) leaders += peer.is_leader ? 1 : 0;
  return leaders;
}

std::vector<Figure> StoreCounters(const store::Statistics& from) {
  return {
      {"rounds", "Rounds of the store's loop", from.rounds},
      {"log_writes", "Rounds that wrote to the log", from.log_writes},
      {"log_entries", "Entries written to the log", from.entries},
      {"applied_entries", "Entries applied", from.applied_entries},
      {"applied_commands", "Commands applied", from.applied_commands},
      {"stale_commands", "Commands without effect: the region had changed", from.stale_commands},
      {"reads", "Reads answered", from.reads},
      {"read_confirmations", "Confirmations of leadership that reads shared", from.read_rounds},
      {"timestamp_calls", "Calls for timestamps that writes shared", from.timestamp_calls},
      {"messages_dropped", "Messages of other stores without room or peer", from.messages_dropped},
      {"messages_of_other_regions", "Messages whose sender means another region by the same id",
       from.messages_of_other_regions},
      {"compactions", "Times that a region's log was cut", from.compactions},
      {"busy_refusals", "Commands refused for want of room", from.refused_busy},
  };
}

std::vector<Figure> StoreGauges(const store::Report& report) {
  return {
      {"regions", "Regions with a peer here", report.peers.size()},
      {"regions_led", "Regions led from here", CountLeaders(report)},
      {"commands_waiting", "Commands that are not answered yet",
       report.statistics.commands_waiting},
  };
}

std::vector<Figure> EngineCounters(const Stats& from) {
  return {
      {"log_written_bytes", "Bytes written to the log", from.log_bytes_written},
      {"table_written_bytes", "Bytes written by flush and compaction", from.table_bytes_written},
      {"syncs", "Syncs of the log", from.syncs},
      {"flushes", "Memtables flushed", from.flushes},
      {"engine_compactions", "Compactions of tables", from.compactions},
  };
}

void AddLanes(transport::Transport& transport, Families& out) {
  auto messages = CounterFamily({"nokv_store_lane_messages_total", "Raft messages sent"});
  auto frames = CounterFamily({"nokv_store_lane_frames_total", "Frames that carried them"});
  auto dropped = CounterFamily({"nokv_store_lane_dropped_total", "Raft messages never sent"});
  auto failures = CounterFamily({"nokv_store_lane_failures_total", "Streams that broke"});
  auto up = GaugeFamily({"nokv_store_lane_up", "Whether the stream is open"});
  for (const transport::LaneStatus& lane : transport.lanes()) {
    const daemon::Labels labels = {{"store", std::to_string(lane.to)},
                                   {"lane", std::string(transport::ToString(lane.lane))}};
    AddValue(messages, Number(lane.messages), labels);
    AddValue(frames, Number(lane.frames), labels);
    AddValue(dropped, Number(lane.dropped), labels);
    AddValue(failures, Number(lane.failures), labels);
    AddValue(up, lane.state == transport::LaneState::kUp ? 1 : 0, labels);
  }
  for (auto* family : {&messages, &frames, &dropped, &failures, &up}) {
    out.push_back(std::move(*family));
  }
}

}  // namespace

Families Metrics::Collect() const {
  const store::Report report = sources_.report();
  const Stats stats = sources_.db.GetStats();
  Families out;
  for (const auto& figures : {StoreCounters(report.statistics), EngineCounters(stats)}) {
    for (const Figure& figure : figures) {
      out.push_back(Counter({fmt::format("nokv_store_{}_total", figure.name), figure.help},
                            Number(figure.value)));
    }
  }
  for (const Figure& figure : StoreGauges(report)) {
    out.push_back(
        Gauge({fmt::format("nokv_store_{}", figure.name), figure.help}, Number(figure.value)));
  }
  out.push_back(Gauge({"nokv_store_disk_bytes", "Everything in the store's directory"},
                      Number(stats.disk_bytes)));
  AddLanes(sources_.transport, out);
  for (auto& family : daemon::ProcessMetrics()) out.push_back(std::move(family));
  return out;
}

std::string Metrics::ToJson() const {
  const store::Report report = sources_.report();
  Json store = Json::object();
  for (const Figure& figure : StoreCounters(report.statistics)) store[figure.name] = figure.value;
  for (const Figure& figure : StoreGauges(report)) store[figure.name] = figure.value;
  Json engine = Json::object();
  for (const Figure& figure : EngineCounters(sources_.db.GetStats())) {
    engine[figure.name] = figure.value;
  }
  Json regions = Json::array();
  for (const store::PeerStatus& peer : report.peers) {
    regions.push_back({{"id", peer.region.id},
                       {"peer", peer.peer},
                       {"term", peer.term},
                       {"leader", peer.leader},
                       {"committed", peer.committed},
                       {"applied", peer.applied}});
  }
  Json lanes = Json::array();
  for (const transport::LaneStatus& lane : sources_.transport.lanes()) {
    lanes.push_back({{"store", lane.to},
                     {"lane", transport::ToString(lane.lane)},
                     {"state", transport::ToString(lane.state)},
                     {"messages", lane.messages},
                     {"last_error", lane.last_error}});
  }
  return Json{{"NoKV.Store", store},
              {"NoKV.Stats", engine},
              {"NoKV.Regions", regions},
              {"NoKV.Lanes", lanes}}
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace nokv::serve
