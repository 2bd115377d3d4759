#include "cmd/placement/metrics.h"

#include "cmd/daemon/metrics.h"

#include <nlohmann/json.hpp>

#include <array>
#include <utility>

namespace nokv::placement {
namespace {

using Families = std::vector<prometheus::MetricFamily>;
using Json = nlohmann::ordered_json;

struct Figure {
  const char* name;
  const char* help;
  uint64_t value;
};

std::vector<Figure> Counters(const pd::PlacementStats& from, uint64_t clock_steps_back) {
  return {
      {"timestamps", "Timestamps given", from.timestamps},
      {"ids", "Ids given", from.ids},
      {"store_heartbeats", "Heartbeats of stores", from.store_heartbeats},
      {"region_reports", "Reports of regions", from.region_reports},
      {"region_reports_refused", "Reports that contradict what is known",
       from.region_reports_refused},
      {"operators_done", "Orders that were carried out", from.operators_done},
      {"operators_failed", "Orders that came to nothing", from.operators_failed},
      {"clock_steps_back", "Times that the wall clock went back", clock_steps_back},
  };
}

std::vector<Figure> Gauges(const pd::PlacementStats& from) {
  return {
      {"timestamp_lead_milliseconds", "By how much timestamps are ahead of the wall clock",
       from.timestamp_lead_ms},
      {"regions", "Regions known", from.regions},
      {"regions_without_leader", "Regions whose leader has not reported",
       from.regions_without_leader},
      {"operators_running", "Orders under way", from.operators_running},
      {"scheduling_paused", "Whether scheduling is paused", from.is_paused ? 1u : 0u},
  };
}

// Every state, so that a store that changes its own leaves a 0 behind.
std::vector<std::pair<std::string, uint64_t>> StoresByState(const pd::PlacementStats& from) {
  constexpr std::array kStates = {pd::StoreState::kUp, pd::StoreState::kDisconnected,
                                  pd::StoreState::kDown, pd::StoreState::kDraining,
                                  pd::StoreState::kTombstone};
  std::vector<std::pair<std::string, uint64_t>> stores;
  for (const pd::StoreState state : kStates) {
    const auto found = from.stores.find(state);
    stores.emplace_back(ToString(state), found == from.stores.end() ? 0 : found->second);
  }
  return stores;
}

double Number(uint64_t value) { return static_cast<double>(value); }

}  // namespace

Families Metrics::Collect() const {
  const pd::PlacementStats stats = sources_.driver.GetStats();
  Families out;
  for (const Figure& figure : Counters(stats, sources_.clock_steps_back)) {
    out.push_back(daemon::Counter({fmt::format("nokv_pd_{}_total", figure.name), figure.help},
                                  Number(figure.value)));
  }
  for (const Figure& figure : Gauges(stats)) {
    out.push_back(
        daemon::Gauge({fmt::format("nokv_pd_{}", figure.name), figure.help}, Number(figure.value)));
  }
  auto stores = daemon::GaugeFamily({"nokv_pd_stores", "Stores by their state"});
  for (const auto& [state, count] : StoresByState(stats)) {
    daemon::AddValue(stores, Number(count), {{"state", state}});
  }
  out.push_back(std::move(stores));
  for (auto& family : daemon::ProcessMetrics()) out.push_back(std::move(family));
  return out;
}

std::string Metrics::ToJson() const {
  const pd::PlacementStats stats = sources_.driver.GetStats();
  Json out = {{"cluster_id", fmt::format("{:016x}", sources_.driver.cluster_id())}};
  for (const Figure& figure : Counters(stats, sources_.clock_steps_back)) {
    out[figure.name] = figure.value;
  }
  for (const Figure& figure : Gauges(stats)) out[figure.name] = figure.value;
  Json stores = Json::object();
  for (const auto& [state, count] : StoresByState(stats)) stores[state] = count;
  out["stores"] = std::move(stores);
  return Json{{"NoKV.Pd", std::move(out)}}.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace nokv::placement
