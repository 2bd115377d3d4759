#include "tests/simulation/network.h"

#include "engine/base/check.h"

#include <algorithm>
#include <utility>

namespace nokv::simulation {

using transport::Connection;
using transport::ConnectionEvents;
using transport::Frame;
using transport::Lane;

namespace {

constexpr size_t kPastFrames = 2;

Frame Damaged(const Frame& frame, Random& random) {
  std::string bytes;
  for (const raft::Payload& slice : frame.slices) bytes += slice.view();
  const uint64_t bit = random.Uniform(bytes.size() * 8);
  bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
  return {.slices = {raft::Payload(bytes)}, .size_bytes = bytes.size()};
}

}  // namespace

class SimNetwork::View final : public transport::Network {
 public:
  View(SimNetwork& network, HostId host) : network_(network), host_(host) {}

  std::shared_ptr<Connection> Open(const std::string& address, Lane lane,
                                   std::shared_ptr<ConnectionEvents> events) override {
    return network_.Open(host_, address, lane, std::move(events));
  }

 private:
  SimNetwork& network_;
  const HostId host_;
};

class SimNetwork::StreamConnection final : public Connection {
 public:
  StreamConnection(SimNetwork& network, StreamPtr stream, size_t end)
      : network_(network), stream_(std::move(stream)), end_(end) {}

  void Send(Frame frame) override { network_.Send(stream_, end_, std::move(frame)); }

  void Close() override { network_.Close(stream_, end_); }

 private:
  SimNetwork& network_;
  const StreamPtr stream_;
  const size_t end_;
};

std::unique_ptr<transport::Network> SimNetwork::ViewOf(HostId host) {
  return std::make_unique<View>(*this, host);
}

void SimNetwork::Listen(HostId host, const std::string& address,
                        std::weak_ptr<transport::Acceptor> acceptor) {
  listeners_[address] = {.host = host, .acceptor = std::move(acceptor)};
}

std::shared_ptr<Connection> SimNetwork::Open(HostId from, const std::string& address, Lane lane,
                                             std::shared_ptr<ConnectionEvents> events) {
  auto stream = std::make_shared<Stream>();
  stream->id = ++next_id_;
  stream->lane = lane;
  stream->ends[0].host = from;
  stream->ends[0].events = std::move(events);
  streams_[stream->id] = stream;
  queue_.After(kWorld, Latency(), [this, stream, address] { Connect(stream, address); });
  return std::make_shared<StreamConnection>(*this, stream, 0);
}

// The call has come to the other machine.
void SimNetwork::Connect(const StreamPtr& stream, const std::string& address) {
  End& caller = stream->ends[0];
  if (caller.events == nullptr) return;
  const auto found = listeners_.find(address);
  if (found == listeners_.end()) return Tell(stream, 0, Latency(), "nobody listens");
  End& called = stream->ends[1];
  called.host = found->second.host;
  if (found->second.is_silent || IsCut(caller.host, called.host) ||
      IsCut(called.host, caller.host)) {
    return Tell(stream, 0, options_.keepalive, "no answer");
  }
  const auto acceptor = found->second.acceptor.lock();
  if (acceptor == nullptr) return Tell(stream, 0, Latency(), "nobody listens");

  ++counters_.opened;
  stream->is_open = true;
  if (queue_.Happens(options_.repeat_per_mille)) {
    const auto& past = past_[{caller.host, called.host, stream->lane}];
    stream->to_repeat.assign(past.begin(), past.end());
  }
  called.events = acceptor->Accept(std::make_shared<StreamConnection>(*this, stream, 1));
  for (const size_t end : {size_t{0}, size_t{1}}) GrantWritable(stream, end);
  if (called.is_unwanted) Close(stream, 1);
}

void SimNetwork::Send(const StreamPtr& stream, size_t end, Frame frame) {
  End& sender = stream->ends[end];
  if (sender.events == nullptr) return;  // It has not heard yet, or does not care.
  NOKV_CHECK(stream->is_open);
  ++counters_.sent;
  if (!stream->is_dead && queue_.Happens(options_.break_per_mille)) Break(stream);
  if (queue_.Happens(options_.damage_per_mille)) {
    ++counters_.damaged;
    frame = Damaged(frame, queue_.random());
  }
  // Frames of the stream before come in front of this one or after it.
  std::vector<Frame> repeated =
      end == 0 ? std::exchange(stream->to_repeat, {}) : std::vector<Frame>();
  counters_.repeated += repeated.size();
  repeated.insert(queue_.random().OneIn(2) ? repeated.begin() : repeated.end(), std::move(frame));
  for (Frame& each : repeated) Push(stream, end, {.frame = std::move(each)});
  if (sender.out_bytes < options_.buffer_bytes) {
    GrantWritable(stream, end);
  } else {
    sender.owes_writable = true;
  }
}

void SimNetwork::Push(const StreamPtr& stream, size_t end, Item item) {
  End& sender = stream->ends[end];
  const uint64_t size = item.frame.size_bytes;
  const uint64_t now = queue_.now_nanos();
  sender.out_bytes += size;
  sender.out.push_back(std::move(item));
  if (stream->is_dead) return;  // Into the void, until the buffer is full.

  uint64_t& busy_until = busy_until_[{sender.host, stream->ends[1 - end].host}];
  busy_until = std::max(busy_until, now);
  if (options_.bytes_per_second > 0) {
    busy_until += size * 1'000'000'000 / options_.bytes_per_second;
  }
  const auto latency = static_cast<uint64_t>(absl::ToInt64Nanoseconds(Latency()));
  sender.last_arrival = std::max(sender.last_arrival, busy_until + latency);
  queue_.After(kWorld, absl::Nanoseconds(sender.last_arrival - now),
               [this, stream, end] { Arrive(stream, end); });
}

// One frame of `end` comes to the other: always the first of those that are on their way.
void SimNetwork::Arrive(const StreamPtr& stream, size_t end) {
  End& sender = stream->ends[end];
  if (stream->is_dead || sender.out.empty()) return;
  if (IsCut(sender.host, stream->ends[1 - end].host)) {
    ++sender.held;
    return;
  }
  const Item item = std::move(sender.out.front());
  sender.out.pop_front();
  sender.out_bytes -= item.frame.size_bytes;
  if (sender.owes_writable && sender.out_bytes < options_.buffer_bytes) {
    sender.owes_writable = false;
    GrantWritable(stream, end);
  }
  if (item.is_end) return Tell(stream, 1 - end, absl::ZeroDuration(), "closed by the other end");
  Deliver(stream, end, item.frame);
}

void SimNetwork::Deliver(const StreamPtr& stream, size_t end, const Frame& frame) {
  const End& receiver = stream->ends[1 - end];
  const std::shared_ptr<ConnectionEvents> events = receiver.events;
  if (events == nullptr) return;
  ++counters_.delivered;
  queue_.Trace(stream->id * 2 + end);
  queue_.Trace(frame.size_bytes);
  if (end == 0) {
    auto& past = past_[{stream->ends[0].host, receiver.host, stream->lane}];
    past.push_back(frame);
    if (past.size() > kPastFrames) past.pop_front();
  }
  std::vector<std::string_view> pieces;
  pieces.reserve(frame.slices.size());
  for (const raft::Payload& slice : frame.slices) pieces.push_back(slice.view());
  events->OnReceived(pieces);
}

void SimNetwork::Close(const StreamPtr& stream, size_t end) {
  End& closing = stream->ends[end];
  closing.is_unwanted = true;
  if (closing.events == nullptr) return;
  // Freed later: an event of this very object may be what closes.
  queue_.After(kWorld, absl::ZeroDuration(), [events = std::move(closing.events)] {});
  closing.events = nullptr;
  if (stream->is_open && stream->ends[1 - end].events != nullptr) {
    Push(stream, end, {.is_end = true});
  }
  Forget(stream);
}

void SimNetwork::GrantWritable(const StreamPtr& stream, size_t end) {
  queue_.After(kWorld, queue_.Between(absl::Microseconds(5), absl::Microseconds(60)),
               [stream, end] {
                 const std::shared_ptr<ConnectionEvents> events = stream->ends[end].events;
                 if (events != nullptr) events->OnWritable();
               });
}

void SimNetwork::Break(const StreamPtr& stream) {
  ++counters_.broken;
  stream->is_dead = true;
  const bool is_half_open = queue_.Happens(options_.half_open_per_mille);
  counters_.half_open += is_half_open ? 1 : 0;
  const size_t late_end = queue_.random().Uniform(2);
  for (const size_t end : {size_t{0}, size_t{1}}) {
    const bool is_late = is_half_open && end == late_end;
    Tell(stream, end, is_late ? options_.keepalive : Latency(), "connection reset");
  }
}

// The stream ends for one end, after `delay`.
void SimNetwork::Tell(const StreamPtr& stream, size_t end, absl::Duration delay, const char* why) {
  queue_.After(kWorld, delay, [this, stream, end, why] {
    const std::shared_ptr<ConnectionEvents> events =
        std::exchange(stream->ends[end].events, nullptr);
    if (events != nullptr) {
      queue_.Trace(stream->id * 2 + end);
      events->OnClosed(UnavailableError("stream {}: {}", stream->id, why));
    }
    Forget(stream);
  });
}

void SimNetwork::Cut(HostId from, HostId to) {
  if (IsCut(from, to)) return;
  const uint64_t cut = ++next_id_;
  cuts_[{from, to}] = cut;
  queue_.After(kWorld, options_.keepalive, [this, from, to, cut] { GiveUp(from, to, cut); });
}

// Keep-alive has had no answer for too long, if the cut is still the same.
void SimNetwork::GiveUp(HostId from, HostId to, uint64_t cut) {
  const auto found = cuts_.find({from, to});
  if (found == cuts_.end() || found->second != cut) return;
  for (const auto& [id, stream] : streams_) {
    const HostId a = stream->ends[0].host;
    const HostId b = stream->ends[1].host;
    if ((a != from || b != to) && (a != to || b != from)) continue;
    stream->is_dead = true;
    for (const size_t end : {size_t{0}, size_t{1}}) Tell(stream, end, Latency(), "keep-alive");
  }
}

void SimNetwork::Heal() {
  cuts_.clear();
  busy_until_.clear();
  for (const auto& [id, stream] : streams_) {
    for (const size_t end : {size_t{0}, size_t{1}}) {
      for (size_t held = std::exchange(stream->ends[end].held, 0); held > 0; --held) {
        queue_.After(kWorld, Latency(), [this, stream = stream, end] { Arrive(stream, end); });
      }
    }
  }
}

void SimNetwork::EndHost(HostId host, bool is_silent) {
  for (auto& [address, listener] : listeners_) {
    if (listener.host == host) listener.is_silent = is_silent;
  }
  if (!is_silent) {
    std::erase_if(listeners_, [&](const auto& item) { return item.second.host == host; });
  }
  for (const auto& [id, stream] : streams_) {
    for (const size_t end : {size_t{0}, size_t{1}}) {
      if (stream->ends[end].host != host) continue;
      stream->is_dead = true;
      queue_.After(kWorld, absl::ZeroDuration(), [events = std::move(stream->ends[end].events)] {});
      stream->ends[end].events = nullptr;
      Tell(stream, 1 - end, is_silent ? options_.keepalive : Latency(), "the other end has died");
    }
  }
}

void SimNetwork::Forget(const StreamPtr& stream) {
  // The frames of an end that has closed are still on their way to the other.
  if (stream->ends[0].events != nullptr || stream->ends[1].events != nullptr) return;
  streams_.erase(stream->id);
}

uint64_t SimNetwork::BytesTo(HostId host) const {
  uint64_t bytes = 0;
  for (const auto& [id, stream] : streams_) {
    for (const size_t end : {size_t{0}, size_t{1}}) {
      if (stream->ends[1 - end].host == host) bytes += stream->ends[end].out_bytes;
    }
  }
  return bytes;
}

absl::Duration SimNetwork::Latency() {
  const bool is_late = queue_.Happens(options_.late_per_mille);
  return queue_.Between(options_.latency_min, is_late ? options_.late_max : options_.latency_max);
}

}  // namespace nokv::simulation
