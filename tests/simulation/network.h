// Hosts' streams in virtual time, with everything that real networks do to them.
//
// A stream is what the transport's seam promises: frames in order, each once, or the end. What is
// not promised is decided by the world's seed: latency and lateness; streams that break, with both
// ends told or only one (half-open); cuts in one or both directions, where frames wait as TCP's
// would, and are delivered after healing or lost when keep-alive gives up; bandwidth; and two
// faults that no stream may have but a broken middlebox does: damaged bytes, and frames of an
// earlier stream that are repeated on the next. Streams are independent of each other: none keeps
// order with another.
//
// Invariant: no event happens inside a call of the seam, and frames and bytes in a stream are
// bounded by what its buffer grants.
//
// Thread-safety: none; a world has one thread.
#pragma once

#include "raftstore/transport/network.h"
#include "tests/simulation/event_queue.h"

#include <absl/time/time.h>

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace nokv::simulation {

struct NetworkOptions {
  absl::Duration latency_min = absl::Microseconds(100);
  absl::Duration latency_max = absl::Milliseconds(2);
  uint32_t late_per_mille = 0;  // Frames that take up to `late_max`.
  absl::Duration late_max = absl::Milliseconds(800);

  uint32_t break_per_mille = 0;      // Frames that break their stream.
  uint32_t half_open_per_mille = 0;  // Of broken streams: one end learns of it by keep-alive only.
  uint32_t damage_per_mille = 0;     // Frames in which a bit is turned over.
  uint32_t repeat_per_mille = 0;     // Streams that repeat the last frames of the one before.

  uint64_t bytes_per_second = 0;  // From one host to another; 0: no limit.
  uint64_t buffer_bytes =
      256 << 10;  // Of one direction of a stream, before it stops being writable.
  absl::Duration keepalive = absl::Seconds(13);
};

struct NetworkCounters {
  uint64_t opened = 0;
  uint64_t broken = 0;
  uint64_t half_open = 0;
  uint64_t damaged = 0;
  uint64_t repeated = 0;
  uint64_t sent = 0;       // Frames handed over,
  uint64_t delivered = 0;  // and handed on.
};

class SimNetwork {
 public:
  SimNetwork(EventQueue& queue, const NetworkOptions& options) : queue_(queue), options_(options) {}

  // The network as a process on `host` sees it.
  std::unique_ptr<transport::Network> ViewOf(HostId host);

  // `acceptor` gets the streams that are opened to the address, until the host dies.
  void Listen(HostId host, const std::string& address, std::weak_ptr<transport::Acceptor> acceptor);

  // Nothing from `from` reaches `to` any more. Both directions: a full cut.
  void Cut(HostId from, HostId to);

  // All cuts are over.
  void Heal();

  // The process dies: its machine tells the others.
  void Kill(HostId host) { EndHost(host, /*is_silent=*/false); }

  // The machine dies, and tells nobody.
  void Vanish(HostId host) { EndHost(host, /*is_silent=*/true); }

  void set_options(const NetworkOptions& options) { options_ = options; }

  const NetworkOptions& options() const { return options_; }

  const NetworkCounters& counters() const { return counters_; }

  bool IsCut(HostId from, HostId to) const { return cuts_.contains({from, to}); }

  // That are on their way from anywhere to `host`, or wait for it.
  uint64_t BytesTo(HostId host) const;

 private:
  class View;
  class StreamConnection;

  struct Item {
    transport::Frame frame = {};
    bool is_end = false;  // The sender has closed.
  };

  // What one end hears and says.
  struct End {
    HostId host = kWorld;
    std::shared_ptr<transport::ConnectionEvents> events;  // Null once it is over for this end.
    std::deque<Item> out;                                 // Sent and not delivered.
    uint64_t out_bytes = 0;
    uint64_t last_arrival = 0;   // Frames do not overtake each other.
    size_t held = 0;             // Arrivals that a cut has stopped.
    bool owes_writable = false;  // Its buffer was full.
    bool is_unwanted = false;    // It was closed while it was being accepted.
  };

  struct Stream {
    uint64_t id = 0;
    transport::Lane lane = transport::Lane::kControl;
    bool is_dead = false;  // Nothing arrives any more.
    bool is_open = false;
    std::array<End, 2> ends;  // Who called, and who was called.
    std::vector<transport::Frame> to_repeat;
  };

  using StreamPtr = std::shared_ptr<Stream>;

  struct Listener {
    HostId host = kWorld;
    std::weak_ptr<transport::Acceptor> acceptor;
    bool is_silent = false;  // The machine is gone: nobody says that nobody listens.
  };

  std::shared_ptr<transport::Connection> Open(HostId from, const std::string& address,
                                              transport::Lane lane,
                                              std::shared_ptr<transport::ConnectionEvents> events);
  void Connect(const StreamPtr& stream, const std::string& address);
  void Send(const StreamPtr& stream, size_t end, transport::Frame frame);
  void Push(const StreamPtr& stream, size_t end, Item item);
  void Arrive(const StreamPtr& stream, size_t end);
  void Deliver(const StreamPtr& stream, size_t end, const transport::Frame& frame);
  void Close(const StreamPtr& stream, size_t end);
  void GrantWritable(const StreamPtr& stream, size_t end);
  void Break(const StreamPtr& stream);
  void Tell(const StreamPtr& stream, size_t end, absl::Duration delay, const char* why);
  void GiveUp(HostId from, HostId to, uint64_t cut);
  void EndHost(HostId host, bool is_silent);
  void Forget(const StreamPtr& stream);
  absl::Duration Latency();

  EventQueue& queue_;
  NetworkOptions options_;
  NetworkCounters counters_;
  uint64_t next_id_ = 0;
  std::map<uint64_t, StreamPtr> streams_;
  std::map<std::string, Listener> listeners_;
  std::map<std::pair<HostId, HostId>, uint64_t> cuts_;  // And which cut it is.
  std::map<std::pair<HostId, HostId>, uint64_t> busy_until_;

  // The last frames that arrived from a caller at whom it called, by lane.
  std::map<std::tuple<HostId, HostId, transport::Lane>, std::deque<transport::Frame>> past_;
};

}  // namespace nokv::simulation
