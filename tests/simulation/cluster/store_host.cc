#include "tests/simulation/cluster/store_host.h"

#include "percolator/mvcc/key_codec.h"

#include <functional>
#include <utility>

namespace nokv::simulation {
namespace {

constexpr absl::Duration kStoreTick = absl::Milliseconds(10);
constexpr int kTransportTicks = 10;  // Of the store's for one of the transport's.

uint64_t Mix(uint64_t hash, std::string_view bytes) {
  for (const char c : bytes) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  return (hash ^ bytes.size()) * 0x100000001b3;
}

// Only who leads in the message's term sends it.
bool IsLeaders(raft::MessageType type) {
  return type == raft::MessageType::kAppend || type == raft::MessageType::kHeartbeat;
}

}  // namespace

// Where the stores are, for the transport.
class StoreHost::AddressBook final : public transport::Resolver {
 public:
  AddressBook(EventQueue& queue, HostId host) : queue_(queue), host_(host) {}

  void Resolve(transport::StoreId store,
               std::function<void(const absl::StatusOr<std::string>&)> done) override {
    queue_.After(host_, absl::Milliseconds(1),
                 [store, done = std::move(done)] { done(AddressOf(store)); });
  }

 private:
  EventQueue& queue_;
  const HostId host_;
};

struct StoreHost::Process : Machine::Process {
  explicit Process(Machine& machine)
      : Machine::Process(machine),
        addresses(machine.world().queue, machine.host()),
        view(machine.world().network.ViewOf(machine.host())),
        pd(machine.world().calls, machine.world().services, machine.host()) {}

  AddressBook addresses;
  std::unique_ptr<transport::Network> view;
  SimPdClient pd;
  std::unique_ptr<DB> db = {};
  std::unique_ptr<store::Store> store = {};
  std::unique_ptr<transport::Transport> transport = {};
  int ticks = 0;
};

StoreHost::StoreHost(World& world, uint64_t id, const StoreHostOptions& options)
    : machine_(world, StoreHostId(id)), id_(id), options_(options) {}

StoreHost::~StoreHost() {
  if (is_up()) Stop(Death::kProcess);
}

void StoreHost::Violate(const std::string& what, const absl::Status& status) {
  machine_.world().oracle.Violate(fmt::format("store {} {}: {}", id_, what, status.ToString()));
}

void StoreHost::Start(uint64_t cluster_id, std::optional<Doom> doom) {
  running_ = std::make_unique<Process>(machine_);
  if (doom.has_value()) Meet(*std::move(doom));
  if (const absl::Status made = Make(cluster_id); !made.ok()) {
    if (!running_->files.dead()) Violate("does not start", made);
    return;
  }
  World& world = machine_.world();
  world.network.Listen(machine_.host(), address(), running_->transport->acceptor());
  world.calls.Listen(machine_.host(), address());
  world.services.stores[address()] = [this](kv::v1::Command command, store::Done done) {
    running_->store->Submit(std::move(command), std::move(done));
  };
  Tick();
}

absl::Status StoreHost::Make(uint64_t cluster_id) {
  Process& process = *running_;
  nokv::Options engine = options_.engine;
  engine.directory = "/store";
  engine.groups = true;
  engine.environment = {
      .files = &process.files, .clock = &process.clock, .executor = &process.disk_executor};
  ASSIGN_OR_RETURN(process.db, DB::Open(engine));

  store::Options options = options_.store;
  options.cluster_id = cluster_id;
  options.store_id = id_;
  options.address = address();
  const store::Seams seams{
      .db = *process.db,
      .loop = process.executor,
      .clock = process.clock,
      .random = process.random,
      .pd = process.pd,
      .send = [this](
                  transport::StoreId to,
                  std::vector<transport::Envelope> envelopes) { Send(to, std::move(envelopes)); },
      .on_failure =
          [this](const absl::Status& why) {
            if (!running_->files.dead()) Violate("fails", why);
          }};
  ASSIGN_OR_RETURN(process.store, store::Store::Open(options, seams));
  for (const region::RegionMeta& region : options_.regions) {
    if (region.PeerOn(id_) != nullptr) RETURN_IF_ERROR(process.store->Bootstrap(region));
  }
  ASSIGN_OR_RETURN(
      process.transport,
      transport::Transport::Create(
          {.cluster = cluster_id, .store = id_, .incarnation = process.store->ident().incarnation},
          {},
          {.network = *process.view,
           .resolver = process.addresses,
           .executor = process.executor,
           .clock = process.clock,
           .inbox = *process.store,
           .random = process.random}));
  process.store->Start();
  return absl::OkStatus();
}

void StoreHost::Stop(Death death) {
  machine_.world().services.stores.erase(address());
  machine_.BeginDeath(*running_, death);
  running_.reset();
  machine_.EndDeath(death);
}

void StoreHost::Meet(Doom doom) {
  vfs::FaultFileSystem& files = running_->files;
  files.CrashAt({.mutation = files.mutation_count() + doom.change,
                 .short_bytes = machine_.world().queue.random().Uniform(8192),
                 .then = [this, then = std::move(doom.then)] {
                   // What runs now is the process itself.
                   machine_.world().queue.After(kWorld, absl::ZeroDuration(), then);
                 }});
}

void StoreHost::Spare() {
  if (is_up()) running_->files.ClearFaults();
}

void StoreHost::JumpClock(int64_t millis) {
  machine_.JumpClock(millis);
  if (is_up()) running_->clock.JumpWall(millis);
}

void StoreHost::StallDisk(absl::Duration duration) {
  if (is_up()) running_->disk_executor.Stall(duration);
}

void StoreHost::Send(transport::StoreId to, std::vector<transport::Envelope> envelopes) {
  if (running_->transport == nullptr || running_->files.dead()) return;
  for (const transport::Envelope& envelope : envelopes) {
    const raft::Message& message = envelope.message;
    if (!IsLeaders(message.type)) continue;
    machine_.world().oracle.SawLeader(envelope.region, message.term, message.from, id_);
  }
  running_->transport->Send(to, std::move(envelopes));
}

void StoreHost::Tick() {
  machine_.world().queue.After(machine_.host(), kStoreTick, [this] { Tick(); });
  running_->store->Tick();
  if (++running_->ticks % kTransportTicks == 0) running_->transport->Tick();
}

void StoreHost::Inspect(std::function<void(const store::Report&)> done) {
  running_->store->Inspect([this, done = std::move(done)](const store::Report& report) {
    for (const store::PeerStatus& peer : report.peers) {
      if (running_->files.dead()) return;
      machine_.world().oracle.SawReplica(peer.region.id, peer.applied, HashOf(peer.region), id_);
    }
    done(report);
  });
}

uint64_t StoreHost::HashOf(const region::RegionMeta& region) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const auto& [name, family] : running_->db->ListColumnFamilies()) {
    if (name != "default" && name != "lock" && name != "write") continue;
    const std::unique_ptr<Iterator> records = running_->db->NewIterator(
        {.column_family = family,
         .lower_bound = region.start.empty() ? "" : mvcc::KeyPrefix(region.start),
         .upper_bound = region.end.empty() ? "" : mvcc::KeyPrefix(region.end)});
    for (records->SeekToFirst(); records->Valid(); records->Next()) {
      hash = Mix(Mix(hash, records->key()), records->value());
    }
    if (!records->status().ok()) Violate("cannot read what it applied", records->status());
  }
  return hash;
}

}  // namespace nokv::simulation
