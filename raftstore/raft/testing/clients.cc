#include "raftstore/raft/testing/clients.h"

#include <algorithm>

namespace nokv::raft::testing {

Clients::Clients(World& world, size_t count, uint64_t think_us)
    : world_(world), think_us_(think_us), clients_(count + 1) {
  world.set_observer(this);
}

void Clients::Start() {
  for (size_t client = 0; client + 1 < clients_.size(); ++client) Think(client);
}

void Clients::Think(size_t client) {
  if (client + 1 == clients_.size()) return;
  world_.After(1 + world_.random().Uniform(2 * think_us_), [this, client] { Act(client); });
}

// An operation without an answer is of unknown outcome, and its client goes on.
void Clients::GiveUpLater(size_t client, uint64_t operation) {
  world_.After(4'000'000, [this, client, operation] {
    if (clients_[client].operation == operation) Done(client);
  });
}

void Clients::Done(size_t client) {
  clients_[client].operation = 0;
  Think(client);
}

void Clients::Act(size_t client) {
  if (is_stopped_) return;
  Client& self = clients_[client];
  Host* host = world_.Find(self.host);
  // A deposed leader is asked too, and must not answer.
  if (host == nullptr || !host->is_up() || !host->raft().is_leader()) {
    const size_t at = world_.random().Uniform(world_.hosts().size());
    host = &std::next(world_.hosts().begin(), static_cast<std::ptrdiff_t>(at))->second;
    self.host = host->options.id;
  }
  if (!host->is_up() || !host->raft().is_leader()) return Think(client);
  self.asked = self.host;
  if (world_.random().OneIn(2)) {
    Read(client, *host);
  } else {
    EvaluateWrite(client, *host);
  }
}

void Clients::Read(size_t client, Host& host) {
  Client& self = clients_[client];
  const uint64_t operation = self.operation = ++operations_;
  self.floor = completed_;
  const absl::Status asked =
      world_.Do(host, [operation](Raft& raft) { return raft.ReadIndex(operation); });
  if (!asked.ok()) return Done(client);
  if (self.operation == operation) GiveUpLater(client, operation);
}

Clients::Client* Clients::Waiting(uint64_t operation) {
  const auto at = std::find_if(clients_.begin(), clients_.end(),
                               [=](const Client& c) { return c.operation == operation; });
  return at == clients_.end() ? nullptr : &*at;
}

// A leader has just acknowledged something. Whoever else thinks that it leads must not answer as if
// nothing had happened.
void Clients::AskStaleLeaders() {
  for (auto& [id, host] : world_.hosts()) {
    if (!host.is_up() || !host.raft().is_leader()) continue;
    const uint64_t operation = ++operations_;
    stale_reads_[operation] = completed_;
    static_cast<void>(
        world_.Do(host, [operation](Raft& raft) { return raft.ReadIndex(operation); }));
  }
  while (stale_reads_.size() > 16) stale_reads_.erase(stale_reads_.begin());
}

void Clients::OnRead(Host& host, const ReadState& read) {
  if (const auto stale = stale_reads_.find(read.context); stale != stale_reads_.end()) {
    if (host.raft().applied() < stale->second) {
      world_.Violate(fmt::format("{} answered a read in term {} up to {}, and {} was complete",
                                 host.options.id, host.raft().term(), host.raft().applied(),
                                 stale->second));
    }
    stale_reads_.erase(stale);
    return;
  }
  Client* const client = Waiting(read.context);
  if (client == nullptr) return;
  // Entries are applied as soon as they can be. One that cannot be yet is not waited for here: the
  // client asks again.
  if (host.raft().applied() >= read.index) {
    const Index view = host.raft().applied();
    if (view < client->floor) {
      world_.Violate(
          fmt::format("a read on {} in term {} saw {}, and {} was complete when it began",
                      host.options.id, host.raft().term(), view, client->floor));
    }
    completed_ = std::max(completed_, view);
    ++world_.result().reads;
    world_.result().lease_reads += host.raft().has_lease();
  }
  Done(static_cast<size_t>(client - clients_.data()));
}

void Clients::OnDroppedRead(uint64_t context) {
  if (Client* const client = Waiting(context); client != nullptr) {
    Done(static_cast<size_t>(client - clients_.data()));
  }
}

// The leader looks at the register under a latch, which it holds until the write is applied or its
// term is over.
void Clients::EvaluateWrite(size_t client, Host& host) {
  const uint64_t key = world_.random().Uniform(Registers::kCount);
  const Term term = host.raft().term();
  Latch& latch = latches_[{host.options.id, key}];
  if (!host.raft().may_evaluate() || latch.term == term) return Think(client);
  const uint64_t operation = clients_[client].operation = ++operations_;
  latch = {term, operation};
  const Write write{key, host.registers.numbers[key], operation};
  // Sometimes the evaluation waits for a lock, or the thread is slow.
  const uint64_t delay_us = world_.random().Uniform(world_.random().OneIn(16) ? 6'000'000 : 2'000);
  world_.After(delay_us, [this, client, id = host.options.id, incarnation = host.incarnation, term,
                          write] { ProposeWrite(client, id, incarnation, term, write); });
}

void Clients::ProposeWrite(size_t client, PeerId id, uint64_t incarnation, Term term,
                           const Write& write) {
  Host* const host = world_.Find(id);
  bool is_proposed = false;
  if (host != nullptr && host->is_up() && host->incarnation == incarnation) {
    is_proposed =
        world_.Do(*host, [&](Raft& raft) { return raft.Propose({write.Encode()}, term); }).ok();
    Latch& latch = latches_[{id, write.key}];
    if (!is_proposed && latch.number == write.number) latch = {};
  }
  if (clients_[client].operation != write.number) return;  // Done already: applied at once.
  if (is_proposed) {
    GiveUpLater(client, write.number);
  } else {
    Done(client);
  }
}

void Clients::OnApplied(Host& host, const Entry& entry) {
  if (entry.kind != EntryKind::kData) return;
  if (entry.data.empty()) {
    if (!host.raft().is_leader() || host.raft().term() != entry.term) return;
    // A new leader: somebody writes at once, before the old one can know.
    const size_t last = clients_.size() - 1;
    if (clients_[last].operation != 0 || is_stopped_) return;
    clients_[last].host = clients_[last].asked = host.options.id;
    world_.After(1, [this, last, id = host.options.id] {
      Host* const leader = world_.Find(id);
      if (leader == nullptr || !leader->is_up() || !leader->raft().is_leader()) return;
      if (clients_[last].operation == 0) EvaluateWrite(last, *leader);
    });
    return;
  }
  const Write write = Write::Decode(entry.data);
  Latch& latch = latches_[{host.options.id, write.key}];
  if (latch.number == write.number) latch = {};
  Client* const client = Waiting(write.number);
  if (client == nullptr || client->asked != host.options.id) return;
  completed_ = std::max(completed_, entry.index);
  ++world_.result().writes;
  size_t leaders = 0;
  for (auto& [id, other] : world_.hosts()) leaders += other.is_up() && other.raft().is_leader();
  if (leaders > 1) world_.After(1, [this] { AskStaleLeaders(); });
  Done(static_cast<size_t>(client - clients_.data()));
}

}  // namespace nokv::raft::testing
