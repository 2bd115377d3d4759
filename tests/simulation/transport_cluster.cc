#include "tests/simulation/transport_cluster.h"

#include "engine/base/check.h"

#include <algorithm>
#include <utility>

namespace nokv::simulation {

using transport::Envelope;
using transport::Lane;
using transport::LaneStatus;
using transport::StoreId;
using transport::Undelivered;

namespace {

constexpr uint64_t kCluster = 0x6e6f6b76;

// The bytes of a message: as good as unique, and known to both sides.
std::string BytesOf(const Way& way, uint64_t number, size_t size) {
  const auto& [from, incarnation, to, lane] = way;
  Random random(number * 1'000'003 + from * 1009 + to * 31 + incarnation * 7 +
                static_cast<uint64_t>(lane));
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; i += 97) bytes[i] = static_cast<char>(random.Next());
  return bytes;
}

Envelope MakeEnvelope(const Way& way, uint64_t number, size_t bytes) {
  const auto& [from, incarnation, to, lane] = way;
  Envelope envelope{.region = 1 + number % 100, .epoch = {incarnation, number}};
  raft::Message& m = envelope.message;
  m.type = lane == Lane::kAppend ? raft::MessageType::kAppend : raft::MessageType::kHeartbeat;
  m.from = from;
  m.to = to;
  m.term = incarnation;
  m.round = number;
  if (lane == Lane::kAppend) {
    m.entries.push_back(
        {1, incarnation, raft::EntryKind::kData, raft::Payload(BytesOf(way, number, bytes))});
  }
  return envelope;
}

}  // namespace

class TransportCluster::StoreInbox final : public transport::Inbox {
 public:
  StoreInbox(TransportCluster& cluster, StoreId at) : cluster_(cluster), at_(at) {}

  void OnMessages(StoreId from, std::vector<Envelope> messages) override {
    for (const Envelope& envelope : messages) cluster_.Take(from, at_, envelope);
  }

  void OnUndelivered(StoreId to, std::vector<Undelivered> undelivered) override {
    cluster_.ledger_.undelivered_reports += undelivered.size();
    for (const Undelivered& one : undelivered) {
      if (one.to != to) cluster_.ledger_.Violate("a report about another store");
    }
  }

 private:
  TransportCluster& cluster_;
  const StoreId at_;
};

class TransportCluster::PlacementResolver final : public transport::Resolver {
 public:
  PlacementResolver(TransportCluster& cluster, StoreId of) : cluster_(cluster), of_(of) {}

  void Resolve(StoreId store,
               std::function<void(const absl::StatusOr<std::string>&)> done) override {
    cluster_.queue_.After(of_, absl::Milliseconds(1), [this, store, done = std::move(done)] {
      if (!cluster_.pd_is_up_) return done(UnavailableError("PD does not answer"));
      done(cluster_.AddressOf(cluster_.At(store)));
    });
  }

 private:
  TransportCluster& cluster_;
  const StoreId of_;
};

TransportCluster::TransportCluster(uint64_t seed, size_t stores, const transport::Options& options,
                                   const NetworkOptions& network)
    : queue_(seed),
      network_(queue_, network),
      options_(options),
      repeats_(network.repeat_per_mille > 0),
      stores_(stores) {
  for (StoreId id = 1; id <= stores; ++id) {
    At(id).id = id;
    Start(At(id));
  }
}

TransportCluster::~TransportCluster() {
  for (Store& store : stores_) Stop(store);
}

void TransportCluster::Say(StoreId from, StoreId to, Lane lane, size_t count, size_t bytes) {
  Store& store = At(from);
  if (store.running == nullptr || from == to) return;
  const Way way{from, store.incarnation, to, lane};
  std::vector<Envelope> envelopes;
  for (size_t i = 0; i < count; ++i) {
    envelopes.push_back(MakeEnvelope(way, ++ledger_.sent[way], bytes));
  }
  ledger_.sent_count += count;
  store.running->Send(to, std::move(envelopes));
}

void TransportCluster::Restart(StoreId id, bool machine_dies, absl::Duration pause) {
  if (!is_up(id)) return;
  queue_.Kill(id);
  if (machine_dies) {
    network_.Vanish(id);
  } else {
    network_.Kill(id);
  }
  Stop(At(id));
  queue_.After(kWorld, pause, [this, id] { Start(At(id)); });
}

void TransportCluster::Move(StoreId id) {
  Store& store = At(id);
  ++store.address;
  if (store.running == nullptr) return;
  network_.Listen(id, AddressOf(store), store.running->acceptor());
}

std::string TransportCluster::AddressOf(const Store& store) const {
  return fmt::format("store-{}.{}", store.id, store.address);
}

void TransportCluster::Start(Store& store) {
  ++store.incarnation;
  store.clock = std::make_unique<SimClock>(queue_);
  store.clock->set_rate_ppm(static_cast<int64_t>(queue_.random().Uniform(1001)) - 500);
  store.executor =
      std::make_unique<SimExecutor>(queue_, store.id, SimExecutor::Options{.is_shuffled = true});
  store.view = network_.ViewOf(store.id);
  store.random = std::make_unique<Random>(queue_.random().Next());
  store.inbox = std::make_unique<StoreInbox>(*this, store.id);
  store.resolver = std::make_unique<PlacementResolver>(*this, store.id);
  const transport::Seams seams{.network = *store.view,
                               .resolver = *store.resolver,
                               .executor = *store.executor,
                               .clock = *store.clock,
                               .inbox = *store.inbox,
                               .random = *store.random};
  auto created = transport::Transport::Create(
      {.cluster = kCluster, .store = store.id, .incarnation = store.incarnation}, options_, seams);
  NOKV_CHECK(created.ok());
  store.running = *std::move(created);
  network_.Listen(store.id, AddressOf(store), store.running->acceptor());
  Tick(store.id);
}

void TransportCluster::Stop(Store& store) {
  store.running.reset();
  store.resolver.reset();
  store.inbox.reset();
  store.random.reset();
  store.view.reset();
  store.executor.reset();
  store.clock.reset();
}

void TransportCluster::Tick(StoreId id) {
  queue_.After(id, absl::Milliseconds(100), [this, id] { Tick(id); });
  Store& store = At(id);
  store.running->Tick();
  for (const LaneStatus& lane : store.running->lanes()) {
    ledger_.waiting_messages_peak =
        std::max<uint64_t>(ledger_.waiting_messages_peak, lane.waiting_messages);
    ledger_.waiting_bytes_peak = std::max(ledger_.waiting_bytes_peak, lane.waiting_bytes);
  }
}

void TransportCluster::Take(StoreId from, StoreId at, const Envelope& envelope) {
  const raft::Message& m = envelope.message;
  const Way way{m.from, m.term, m.to, transport::LaneOf(m)};
  const auto describe = [&](const char* what) {
    return fmt::format("store {} got {} from {}: {}", at, raft::ToString(m), from, what);
  };
  if (m.from != from || m.to != at) return ledger_.Violate(describe("not for it, or not from it"));
  const auto sent = ledger_.sent.find(way);
  if (sent == ledger_.sent.end() || m.round == 0 || m.round > sent->second) {
    return ledger_.Violate(describe("never sent"));
  }
  // A store that has forgotten everything cannot tell a repeated stream from a new one; over
  // restarts of the receiver, once means once only if the network repeats nothing.
  uint64_t& last = ledger_.last_delivered[{way, repeats_ ? At(at).incarnation : 0}];
  if (m.round <= last) return ledger_.Violate(describe("again, or after a later one"));
  last = m.round;
  ++ledger_.delivered_count;
  ++ledger_.delivered[{from, at}];
  const size_t bytes = m.entries.empty() ? 0 : m.entries[0].data.size();
  const Envelope expected = MakeEnvelope(way, m.round, bytes);
  if (envelope.region != expected.region || envelope.epoch != expected.epoch ||
      m.entries != expected.message.entries) {
    ledger_.Violate(describe("changed"));
  }
}

}  // namespace nokv::simulation
