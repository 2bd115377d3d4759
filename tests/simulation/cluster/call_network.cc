#include "tests/simulation/cluster/call_network.h"

#include <vector>

namespace nokv::simulation {

void CallNetwork::Begin(const ExchangePtr& exchange, absl::Duration timeout) {
  ++counters_.calls;
  exchange->id = ++next_id_;
  exchanges_[exchange->id] = exchange;
  queue_.After(exchange->from, timeout, [this, exchange] {
    End(exchange, [exchange] {
      exchange->fail(absl::DeadlineExceededError(
          AbslView(fmt::format("{} did not answer in time", exchange->address))));
    });
  });

  const auto listener = listeners_.find(exchange->address);
  if (listener == listeners_.end()) return Break(exchange, "nobody listens");
  if (listener->second.is_silent) return;
  exchange->to = listener->second.host;
  Carry(exchange, exchange->from, exchange->to, [this, exchange] {
    if (exchange->is_over) ++counters_.late;
    exchange->serve();
  });
}

void CallNetwork::Answer(const ExchangePtr& exchange, EventQueue::Action deliver) {
  if (exchange->is_over) return;
  Carry(exchange, exchange->to, exchange->from,
        [this, exchange, deliver = std::move(deliver)] { End(exchange, deliver); });
}

void CallNetwork::Carry(const ExchangePtr& exchange, HostId from, HostId to,
                        EventQueue::Action arrive) {
  if (queue_.Happens(options_.lost_per_mille)) {
    if (queue_.Happens(options_.told_per_mille)) Break(exchange, "the connection broke");
    return;
  }
  queue_.After(to, Latency(), [this, exchange, from, to, arrive = std::move(arrive)] {
    PassCut(exchange, from, to, absl::ZeroDuration(), arrive);
  });
}

void CallNetwork::PassCut(const ExchangePtr& exchange, HostId from, HostId to,
                          absl::Duration waited, EventQueue::Action arrive) {
  if (!cuts_.IsCut(from, to)) return arrive();
  if (waited > options_.keepalive) return Break(exchange, "the other end is not reached");
  const absl::Duration pause = queue_.Between(absl::Milliseconds(20), absl::Milliseconds(200));
  queue_.After(to, pause,
               [this, exchange, from, to, waited = waited + pause, arrive = std::move(arrive)] {
                 PassCut(exchange, from, to, waited, arrive);
               });
}

void CallNetwork::Break(const ExchangePtr& exchange, const char* why) {
  queue_.After(exchange->from, Latency(), [this, exchange, why] {
    End(exchange,
        [exchange, why] { exchange->fail(UnavailableError("{}: {}", exchange->address, why)); });
  });
}

void CallNetwork::End(const ExchangePtr& exchange, const EventQueue::Action& tell) {
  if (exchange->is_over) return;
  exchange->is_over = true;
  exchanges_.erase(exchange->id);
  tell();
}

void CallNetwork::EndHost(HostId host, bool is_silent) {
  for (auto& [address, listener] : listeners_) {
    if (listener.host == host) listener.is_silent = is_silent;
  }
  if (!is_silent) {
    std::erase_if(listeners_, [&](const auto& entry) { return entry.second.host == host; });
  }
  std::vector<ExchangePtr> concerned;
  for (const auto& [id, exchange] : exchanges_) {
    if (exchange->from == host || exchange->to == host) concerned.push_back(exchange);
  }
  for (const ExchangePtr& exchange : concerned) {
    if (exchange->from == host) {
      End(exchange, [] {});
    } else if (!is_silent) {
      Break(exchange, "the connection broke");
    }
  }
}

absl::Duration CallNetwork::Latency() {
  if (queue_.Happens(options_.late_per_mille)) {
    return queue_.Between(options_.latency_max, options_.late_max);
  }
  return queue_.Between(options_.latency_min, options_.latency_max);
}

}  // namespace nokv::simulation
