// Calls between hosts in virtual time: a request, and its answer or the news that there is none.
// Commands to stores and calls of the placement driver travel on it; frames between stores have
// SimNetwork, whose cuts hold here, too.
//
// Every message takes its time by itself, so calls overtake each other. A message may be lost, or
// be very late; a cut holds it until it is healed or given up. A process that is killed breaks the
// calls made to it, a machine that vanishes leaves them to their time limit. Nothing is delivered
// twice: no stream does that. But a request may arrive long after its caller has given up, and
// after the caller's next one.
//
// Invariants: a call ends once, or never if the caller is killed; no event happens inside a call.
//
// Thread-safety: none; a world has one thread.
#pragma once

#include "engine/base/status.h"
#include "tests/simulation/event_queue.h"
#include "tests/simulation/network.h"

#include <absl/time/time.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

namespace nokv::simulation {

struct CallOptions {
  absl::Duration latency_min = absl::Microseconds(50);
  absl::Duration latency_max = absl::Milliseconds(1);
  uint32_t late_per_mille = 0;  // Messages that take up to `late_max`.
  absl::Duration late_max = absl::Seconds(5);
  uint32_t lost_per_mille = 0;    // Messages that never arrive,
  uint32_t told_per_mille = 500;  // and of those: the caller learns that the stream broke.
  absl::Duration keepalive = absl::Seconds(13);
};

struct CallCounters {
  uint64_t calls = 0;
  uint64_t answered = 0;
  uint64_t failed = 0;
  uint64_t late = 0;  // Requests that arrived after their call had ended.
};

class CallNetwork {
 public:
  template <typename Response>
  using Done = std::function<void(absl::StatusOr<Response>)>;

  // Runs at the host that is called, which answers by calling what it is given, once or never.
  template <typename Response>
  using Serve = std::function<void(Done<Response> answer)>;

  // `cuts` is the network whose cuts hold.
  CallNetwork(EventQueue& queue, const SimNetwork& cuts) : queue_(queue), cuts_(cuts) {}

  void Listen(HostId host, const std::string& address) { listeners_[address] = {.host = host}; }

  // Calls `done` at `from`: with the answer; Unavailable if nobody listens there or the connection
  // broke; DeadlineExceeded after `timeout`. Of a failed call it is not known whether it was served
  // or still will be.
  template <typename Response>
  void Call(HostId from, const std::string& address, absl::Duration timeout, Serve<Response> serve,
            Done<Response> done) {
    const auto exchange = std::make_shared<Exchange>();
    exchange->from = from;
    exchange->address = address;
    exchange->fail = [done](const absl::Status& why) { done(why); };
    exchange->serve = [this, weak = std::weak_ptr<Exchange>(exchange), serve = std::move(serve),
                       done = std::move(done)] {
      serve([this, weak, done](absl::StatusOr<Response> response) {
        const ExchangePtr answered = weak.lock();
        if (answered == nullptr) return;
        Answer(answered, [done, response = std::move(response)] { done(response); });
      });
    };
    Begin(exchange, timeout);
  }

  // The process dies: its machine tells the others.
  void Kill(HostId host) { EndHost(host, /*is_silent=*/false); }

  // The machine dies, and tells nobody.
  void Vanish(HostId host) { EndHost(host, /*is_silent=*/true); }

  void set_options(const CallOptions& options) { options_ = options; }

  const CallCounters& counters() const { return counters_; }

  // Calls that have not ended.
  size_t under_way() const { return exchanges_.size(); }

 private:
  struct Listener {
    HostId host = kWorld;
    bool is_silent = false;  // The machine is gone: nobody says that nobody listens.
  };

  struct Exchange {
    uint64_t id = 0;
    HostId from = kWorld;
    HostId to = kWorld;
    std::string address = {};
    bool is_over = false;
    std::function<void()> serve = {};
    std::function<void(const absl::Status&)> fail = {};
  };

  using ExchangePtr = std::shared_ptr<Exchange>;

  void Begin(const ExchangePtr& exchange, absl::Duration timeout);
  void Answer(const ExchangePtr& exchange, EventQueue::Action deliver);

  // Brings a message from one end to the other, where `arrive` happens.
  void Carry(const ExchangePtr& exchange, HostId from, HostId to, EventQueue::Action arrive);
  void PassCut(const ExchangePtr& exchange, HostId from, HostId to, absl::Duration waited,
               EventQueue::Action arrive);

  // The caller learns it, after a while.
  void Break(const ExchangePtr& exchange, const char* why);
  void End(const ExchangePtr& exchange, const EventQueue::Action& tell);
  void EndHost(HostId host, bool is_silent);
  absl::Duration Latency();

  EventQueue& queue_;
  const SimNetwork& cuts_;
  CallOptions options_;
  CallCounters counters_;
  uint64_t next_id_ = 0;
  std::map<uint64_t, ExchangePtr> exchanges_;
  std::map<std::string, Listener> listeners_;
};

}  // namespace nokv::simulation
