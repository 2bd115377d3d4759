#include "cmd/config/key_text.h"
#include "cmd/nokv/command.h"
#include "cmd/nokv/layout.h"
#include "cmd/nokv/text.h"
#include "raftstore/log_store/log_store.h"
#include "raftstore/store/store.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <optional>
#include <vector>

namespace nokv::cli {
namespace {

using Json = nlohmann::ordered_json;

// A region as the directory has it: what it is, and how far its peer here has come.
struct RegionRow {
  region::RegionMeta meta;
  raft::PeerId peer = 0;
  raft::HardState hard_state;
  raft::Index first = 0;  // Of the log.
  raft::Index last = 0;
  raft::Index applied = 0;
};

struct StoreState {
  std::optional<store::Ident> ident;  // Nothing for a database that is no store's.
  std::vector<RegionRow> regions;
};

absl::StatusOr<StoreState> ReadStore(DB& db, uint64_t store_id) {
  StoreState state;
  ASSIGN_OR_RETURN(const std::vector<region::RegionMeta> regions, store::ListRegions(db));
  ASSIGN_OR_RETURN(const std::unique_ptr<log_store::LogStore> logs,
                   log_store::LogStore::Open(db.groups(), nullptr));
  for (const region::RegionMeta& meta : regions) {
    RegionRow row;
    row.meta = meta;
    row.applied = db.groups().MarkOf(meta.id);
    if (const region::Peer* peer = meta.PeerOn(store_id)) row.peer = peer->id;
    // A bootstrap that a crash interrupted has left a region and no log. The store makes it.
    if (const log_store::RegionLog* log = logs->Find(meta.id)) {
      row.hard_state = log->hard_state();
      row.first = log->first_index();
      row.last = log->last_index();
    }
    state.regions.push_back(std::move(row));
  }
  return state;
}

const char* RoleText(region::PeerRole role) {
  return role == region::PeerRole::kVoter ? "voter" : "learner";
}

// "1:101,2:201", with + at learners.
std::string PeersText(const region::RegionMeta& region) {
  std::vector<std::string> peers;
  for (const region::Peer& peer : region.peers) {
    peers.push_back(fmt::format("{}:{}{}", peer.store, peer.id,
                                peer.role == region::PeerRole::kLearner ? "+" : ""));
  }
  return fmt::format("{}", fmt::join(peers, ","));
}

void PrintText(const StoreState& state) {
  if (!state.ident) {
    PrintLine("this is not the directory of a store: it has no regions");
    return;
  }
  PrintLine(fmt::format("store {} of cluster {:016x}, {}", state.ident->store_id,
                        state.ident->cluster_id,
                        Counted(state.regions.size(), "region", "regions")));
  if (state.regions.empty()) return;
  TextTable table({{"ID"},
                   {"START", Align::kLeft},
                   {"END", Align::kLeft},
                   {"VERSION"},
                   {"CONF_VERSION"},
                   {"PEERS", Align::kLeft},
                   {"TERM"},
                   {"FIRST"},
                   {"LAST"},
                   {"COMMIT"},
                   {"APPLIED"}});
  for (const RegionRow& row : state.regions) {
    table.AddRow({std::to_string(row.meta.id), config::KeyToText(row.meta.start),
                  config::KeyToText(row.meta.end), std::to_string(row.meta.epoch.version),
                  std::to_string(row.meta.epoch.conf_version), PeersText(row.meta),
                  std::to_string(row.hard_state.term), std::to_string(row.first),
                  std::to_string(row.last), std::to_string(row.hard_state.commit),
                  std::to_string(row.applied)});
  }
  Print(table.ToString());
}

Json RegionJson(const RegionRow& row) {
  Json peers = Json::array();
  for (const region::Peer& peer : row.meta.peers) {
    peers.push_back(
        {{"store_id", peer.store}, {"peer_id", peer.id}, {"role", RoleText(peer.role)}});
  }
  return {{"id", row.meta.id},
          {"start_key", config::KeyToText(row.meta.start)},
          {"end_key", config::KeyToText(row.meta.end)},
          {"epoch",
           {{"version", row.meta.epoch.version}, {"conf_version", row.meta.epoch.conf_version}}},
          {"peers", std::move(peers)},
          {"peer_id", row.peer},
          {"term", row.hard_state.term},
          {"vote", row.hard_state.vote},
          {"first", row.first},
          {"last", row.last},
          {"commit", row.hard_state.commit},
          {"applied", row.applied}};
}

void PrintJson(const StoreState& state) {
  Json out = {{"cluster_id", nullptr}, {"store_id", nullptr}};
  if (state.ident) {
    out["cluster_id"] = fmt::format("{:016x}", state.ident->cluster_id);  // As everybody shows it.
    out["store_id"] = state.ident->store_id;
  }
  out["regions"] = Json::array();
  for (const RegionRow& row : state.regions) out["regions"].push_back(RegionJson(row));
  PrintLine(JsonText(out));
}

absl::Status Regions(const CommonFlags& flags) {
  ASSIGN_OR_RETURN(const std::unique_ptr<DB> db, OpenReadOnly(flags.workdir));
  StoreState state;
  ASSIGN_OR_RETURN(const std::optional<store::Ident> ident, store::ReadIdent(*db));
  if (ident) {
    ASSIGN_OR_RETURN(state, ReadStore(*db, ident->store_id));
    state.ident = ident;
  }
  flags.json ? PrintJson(state) : PrintText(state);
  return absl::OkStatus();
}

}  // namespace

void AddRegions(CLI::App& app, Action& chosen) {
  AddCommand(app, chosen,
             {.name = "regions",
              .description = "List the regions of a store that is not running: epoch, bounds, "
                             "peers, and how far its peer has come",
              .example = "nokv regions --workdir artifacts/cluster/store-1"},
             Regions);
}

}  // namespace nokv::cli
