#include "cmd/nokv-config/commands.h"

#include "cmd/config/key_text.h"
#include "cmd/config/topology.h"
#include "cmd/nokv/layout.h"
#include "cmd/nokv/text.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

namespace nokv::config {
namespace {

using Json = nlohmann::ordered_json;

struct Flags {
  std::string config;
  std::string format = "simple";
  bool json = false;
  std::string scope = "host";
  std::string field = "addr";
  uint64_t store_id = 0;
};

struct CommandText {
  std::string name;
  std::string description;
  std::string example;  // Ends the help.
};

using Command = absl::Status (*)(const Flags&);

CLI::App& AddCommand(CLI::App& app, Action& chosen, const CommandText& text, Command run,
                     const std::shared_ptr<Flags>& flags) {
  CLI::App* command = app.add_subcommand(text.name, text.description);
  command->footer("Example:\n  " + text.example);
  command->callback([flags, run, &chosen] { chosen = [flags, run] { return run(*flags); }; });
  const auto is_not_empty = [](const std::string& path) {
    return path.empty() ? std::string("is empty: give the path of a topology file") : "";
  };
  command->add_option("--config", flags->config, "The topology file")
      ->required()
      ->type_name("FILE")
      ->check(is_not_empty);
  command->add_flag("--json", flags->json, "Print JSON");
  return *command;
}

void AddFormatFlag(CLI::App& command, Flags& flags) {
  command
      .add_option("--format", flags.format,
                  "simple: a line each, words between blanks, - for none; table: with titles; json")
      ->capture_default_str()
      ->check(CLI::IsMember({"simple", "table", "json"}))
      ->type_name("FORMAT");
}

// Rows for people, scripts or programs: the same in three forms.
class Rows {
 public:
  explicit Rows(std::vector<cli::TextTable::Column> columns) : table_(std::move(columns)) {}

  // `cells` for the lines, none of them empty; `object` for JSON, whose names stay as they are.
  void Add(std::vector<std::string> cells, Json object) {
    simple_ += fmt::format("{}\n", fmt::join(cells, " "));
    table_.AddRow(std::move(cells));
    objects_.push_back(std::move(object));
  }

  // `head` is what the JSON tells before the rows, which it has under `name`.
  void Print(const Flags& flags, std::string_view name, Json head = Json::object()) const {
    if (flags.json || flags.format == "json") {
      head[std::string(name)] = objects_;
      cli::PrintLine(cli::JsonText(head));
    } else {
      cli::Print(flags.format == "table" ? table_.ToString() : simple_);
    }
  }

 private:
  cli::TextTable table_;
  std::string simple_;
  Json objects_ = Json::array();
};

absl::StatusOr<Topology> Load(const Flags& flags) {
  return LoadFile(vfs::PosixFileSystem(), flags.config);
}

// A word of its own, for `read` in a shell.
std::string Cell(const std::string& text) { return text.empty() ? "-" : text; }

absl::Status Stores(const Flags& flags) {
  ASSIGN_OR_RETURN(const Topology topology, Load(flags));
  using cli::Align;
  Rows rows({{"ID"},
             {"LISTEN", Align::kLeft},
             {"ADDR", Align::kLeft},
             {"DOCKER_LISTEN", Align::kLeft},
             {"DOCKER_ADDR", Align::kLeft},
             {"WORK_DIR", Align::kLeft},
             {"DOCKER_WORK_DIR", Align::kLeft}});
  for (const Store& store : topology.stores) {
    rows.Add({std::to_string(store.id), store.host.listen_addr, store.host.addr,
              store.docker.listen_addr, store.docker.addr, Cell(store.host.work_dir),
              Cell(store.docker.work_dir)},
             {{"store_id", store.id},
              {"listen_addr", store.host.listen_addr},
              {"addr", store.host.addr},
              {"docker_listen_addr", store.docker.listen_addr},
              {"docker_addr", store.docker.addr},
              {"work_dir", store.host.work_dir},
              {"docker_work_dir", store.docker.work_dir}});
  }
  rows.Print(flags, "stores");
  return absl::OkStatus();
}

Json RegionJson(const Region& region) {
  Json peers = Json::array();
  for (const Peer& peer : region.peers) {
    peers.push_back({{"store_id", peer.store_id}, {"peer_id", peer.peer_id}});
  }
  Json object = {{"id", region.id},
                 {"start_key", KeyToText(region.start_key)},
                 {"end_key", KeyToText(region.end_key)}};
  if (region.slots) {
    object["start_slot"] = region.slots->start;
    object["end_slot"] = region.slots->end;
  }
  object["epoch"] = {{"version", region.epoch_version},
                     {"conf_version", region.epoch_conf_version}};
  object["peers"] = std::move(peers);
  if (region.leader_store_id) object["leader_store_id"] = *region.leader_store_id;
  return object;
}

// "1:101,2:201,3:301"
std::string PeersText(const Region& region) {
  std::vector<std::string> peers;
  for (const Peer& peer : region.peers) {
    peers.push_back(fmt::format("{}:{}", peer.store_id, peer.peer_id));
  }
  return fmt::format("{}", fmt::join(peers, ","));
}

absl::Status Regions(const Flags& flags) {
  ASSIGN_OR_RETURN(const Topology topology, Load(flags));
  using cli::Align;
  Rows rows({{"ID"},
             {"START", Align::kLeft},
             {"END", Align::kLeft},
             {"VERSION"},
             {"CONF_VERSION"},
             {"PEERS", Align::kLeft},
             {"LEADER"}});
  for (const Region& region : topology.regions) {
    rows.Add(
        {std::to_string(region.id), KeyToText(region.start_key), KeyToText(region.end_key),
         std::to_string(region.epoch_version), std::to_string(region.epoch_conf_version),
         PeersText(region), region.leader_store_id ? std::to_string(*region.leader_store_id) : "-"},
        RegionJson(region));
  }
  rows.Print(flags, "regions");
  return absl::OkStatus();
}

absl::Status CheckStoreIsThere(const Topology& topology, const Flags& flags) {
  std::vector<uint64_t> ids;
  for (const Store& store : topology.stores) {
    if (store.id == flags.store_id) return absl::OkStatus();
    ids.push_back(store.id);
  }
  return NotFoundError("store {} is not in {}, which has the stores {}", flags.store_id,
                       flags.config, fmt::join(ids, ", "));
}

// The peers that a store begins with: what it creates in an empty directory.
absl::Status Manifest(const Flags& flags) {
  ASSIGN_OR_RETURN(const Topology topology, Load(flags));
  RETURN_IF_ERROR(CheckStoreIsThere(topology, flags));
  using cli::Align;
  Rows rows({{"ID"},
             {"PEER"},
             {"START", Align::kLeft},
             {"END", Align::kLeft},
             {"VERSION"},
             {"CONF_VERSION"},
             {"PEERS", Align::kLeft},
             {"LEADS", Align::kLeft}});
  for (const Region& region : topology.regions) {
    const auto peer = std::find_if(
        region.peers.begin(), region.peers.end(),
        [&flags](const Peer& candidate) { return candidate.store_id == flags.store_id; });
    if (peer == region.peers.end()) continue;
    const bool leads = region.leader_store_id == flags.store_id;
    Json object = RegionJson(region);
    object["peer_id"] = peer->peer_id;
    object["leads"] = leads;
    rows.Add({std::to_string(region.id), std::to_string(peer->peer_id), KeyToText(region.start_key),
              KeyToText(region.end_key), std::to_string(region.epoch_version),
              std::to_string(region.epoch_conf_version), PeersText(region), leads ? "yes" : "-"},
             std::move(object));
  }
  rows.Print(flags, "regions", {{"store_id", flags.store_id}});
  return absl::OkStatus();
}

absl::Status ShowPd(const Flags& flags) {
  ASSIGN_OR_RETURN(const Topology topology, Load(flags));
  const PdPlace& pd = topology.pd.At(flags.scope == "docker" ? Scope::kDocker : Scope::kHost);
  if (flags.json) {
    cli::PrintLine(
        cli::JsonText({{"scope", flags.scope}, {"addr", pd.addr}, {"work_dir", pd.work_dir}}));
  } else {
    cli::PrintLine(flags.field == "workdir" ? pd.work_dir : pd.addr);
  }
  return absl::OkStatus();
}

Json ProblemsJson(const Problems& problems) {
  Json listed = Json::array();
  for (const Problem& problem : problems.listed) {
    listed.push_back({{"pointer", problem.pointer},
                      {"line", problem.line},
                      {"column", problem.column},
                      {"message", problem.message}});
  }
  return listed;
}

absl::Status ValidateFile(const Flags& flags) {
  Problems problems;
  const auto topology = LoadFile(vfs::PosixFileSystem(), flags.config, &problems);
  if (!topology.ok() && problems.count == 0) return topology.status();  // There was no reading it.
  const size_t stores = topology.ok() ? topology->stores.size() : 0;
  const size_t regions = topology.ok() ? topology->regions.size() : 0;
  if (flags.json) {
    Json out = {{"config", flags.config}, {"ok", topology.ok()}};
    if (topology.ok()) {
      out["stores"] = stores;
      out["regions"] = regions;
    }
    out["problem_count"] = problems.count;
    out["problems"] = ProblemsJson(problems);
    cli::PrintLine(cli::JsonText(out));
  } else if (topology.ok()) {
    cli::PrintLine(fmt::format("{}: {} and {}, nothing wrong", flags.config,
                               cli::Counted(stores, "store", "stores"),
                               cli::Counted(regions, "region", "regions")));
  }
  return topology.status();
}

}  // namespace

void AddStores(CLI::App& app, Action& chosen) {
  const auto flags = std::make_shared<Flags>();
  CLI::App& command = AddCommand(
      app, chosen,
      {.name = "stores",
       .description = "Show each store's id, listen and reach addresses and directories, on the "
                      "host and in containers",
       .example = "nokv-config stores --config deploy/raft_config.example.json --format table"},
      Stores, flags);
  AddFormatFlag(command, *flags);
}

void AddRegions(CLI::App& app, Action& chosen) {
  const auto flags = std::make_shared<Flags>();
  CLI::App& command = AddCommand(
      app, chosen,
      {.name = "regions",
       .description = "Show each region's id, bounds, epoch, peers (STORE:PEER) and first leader",
       .example = "nokv-config regions --config deploy/raft_config.example.json --format table"},
      Regions, flags);
  AddFormatFlag(command, *flags);
}

void AddManifest(CLI::App& app, Action& chosen) {
  const auto flags = std::make_shared<Flags>();
  CLI::App& command = AddCommand(
      app, chosen,
      {.name = "manifest",
       .description = "Show what a store begins with: each region it has a peer of, that peer, its "
                      "bounds, epoch and peers, and whether it leads first",
       .example = "nokv-config manifest --config deploy/raft_config.example.json --store-id 1 "
                  "--format table"},
      Manifest, flags);
  command.add_option("--store-id", flags->store_id, "The store")
      ->required()
      ->check(CLI::Range(uint64_t{1}, kIdMax))
      ->type_name("ID");
  AddFormatFlag(command, *flags);
}

void AddPd(CLI::App& app, Action& chosen) {
  const auto flags = std::make_shared<Flags>();
  CLI::App& command = AddCommand(
      app, chosen,
      {.name = "pd",
       .description = "Show where PD is reached, or its directory",
       .example = "nokv-config pd --config deploy/raft_config.example.json --field addr"},
      ShowPd, flags);
  command.add_option("--scope", flags->scope, "As seen from the host, or between containers")
      ->capture_default_str()
      ->check(CLI::IsMember({"host", "docker"}))
      ->type_name("host|docker");
  command.add_option("--field", flags->field, "Which of the two, as text")
      ->capture_default_str()
      ->check(CLI::IsMember({"addr", "workdir"}))
      ->type_name("addr|workdir");
}

void AddValidate(CLI::App& app, Action& chosen) {
  AddCommand(app, chosen,
             {.name = "validate",
              .description = "Check the file; name each problem with its line and what is expected",
              .example = "nokv-config validate --config deploy/raft_config.example.json"},
             ValidateFile, std::make_shared<Flags>());
}

}  // namespace nokv::config
