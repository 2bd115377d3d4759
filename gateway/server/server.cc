#include "gateway/server/server.h"

#include "gateway/command/arguments.h"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace nokv::server {
namespace {

constexpr uint64_t kListenerId = UINT64_MAX;
constexpr uint64_t kWakerId = UINT64_MAX - 1;
constexpr uint64_t kUpkeepPeriodMs = 100;
constexpr size_t kEventsPerPoll = 512;
constexpr int kAcceptsPerPoll = 64;  // Clients that are there already must not wait for a crowd.
constexpr uint64_t kDrainMs = 2000;

constexpr uint32_t kClientEvents = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Create(const HostAndPort& address,
                                                       const ServerOptions& options,
                                                       command::Host& host,
                                                       backend::Backend& backend, Log log) {
  std::unique_ptr<Server> server(new Server(options, host, backend, std::move(log)));
  RETURN_IF_ERROR(server->Open(address));
  return server;
}

Server::Server(const ServerOptions& options, command::Host& host, backend::Backend& backend,
               Log log)
    : options_(options), host_(host), backend_(backend), log_(std::move(log)), round_(host) {}

Server::~Server() {
  host_.sessions.clear();
  for (const int descriptor : {listener_, poller_, waker_, spare_descriptor_}) {
    if (descriptor >= 0) close(descriptor);
  }
}

absl::Status Server::Open(const HostAndPort& address) {
  ASSIGN_OR_RETURN(listener_, Listen(address));
  host_.port = port();
  spare_descriptor_ = open("/dev/null", O_RDONLY | O_CLOEXEC);
  poller_ = epoll_create1(EPOLL_CLOEXEC);
  if (poller_ < 0) return ErrnoStatus(errno, "cannot create", "an epoll instance");
  waker_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (waker_ < 0) return ErrnoStatus(errno, "cannot create", "an eventfd");
  RETURN_IF_ERROR(Register(listener_, kListenerId, EPOLLIN));
  return Register(waker_, kWakerId, EPOLLIN);
}

absl::Status Server::Register(int descriptor, uint64_t id, uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = id;
  if (epoll_ctl(poller_, EPOLL_CTL_ADD, descriptor, &event) == 0) return absl::OkStatus();
  return ErrnoStatus(errno, "cannot poll", AddressOf(descriptor, End::kPeer));
}

uint16_t Server::port() const { return LocalPort(listener_); }

void Server::Stop() {
  is_stopping_.store(true);
  Wake();
}

void Server::Wake() {
  const uint64_t one = 1;
  // It fails only when the counter is full, and then the loop is awake anyway.
  [[maybe_unused]] const ssize_t written = write(waker_, &one, sizeof(one));
}

absl::Status Server::Run() {
  loop_thread_ = std::this_thread::get_id();
  while (!is_stopping_.load()) {
    RETURN_IF_ERROR(Poll(PollTimeoutMs()));
    if (is_round_open_ && is_round_done_.load(std::memory_order_acquire)) FinishRound();
    if (!is_round_open_ && (!ready_.empty() || IsUpkeepDue())) StartRound();
  }
  const uint64_t deadline_ms = host_.clock.MonotonicNanos() / 1'000'000 + kDrainMs;
  while (is_round_open_) {
    if (is_round_done_.load(std::memory_order_acquire)) FinishRound();
    if (is_round_open_) RETURN_IF_ERROR(Poll(static_cast<int>(kUpkeepPeriodMs)));
  }
  close(std::exchange(listener_, -1));
  while (HasUnsentOutput() && host_.clock.MonotonicNanos() / 1'000'000 < deadline_ms) {
    RETURN_IF_ERROR(Poll(static_cast<int>(kUpkeepPeriodMs)));
  }
  return absl::OkStatus();
}

bool Server::HasUnsentOutput() const {
  for (const auto& [id, connection] : connections_) {
    if (connection->unsent_bytes() > 0) return true;
  }
  return false;
}

int Server::PollTimeoutMs() const {
  return !ready_.empty() && !is_round_open_ ? 0 : static_cast<int>(kUpkeepPeriodMs);
}

bool Server::IsUpkeepDue() const {
  return host_.clock.MonotonicNanos() / 1'000'000 >= last_upkeep_ms_ + kUpkeepPeriodMs;
}

absl::Status Server::Poll(int timeout_ms) {
  std::array<epoll_event, kEventsPerPoll> events;
  const int count = epoll_wait(poller_, events.data(), static_cast<int>(events.size()), timeout_ms);
  if (count < 0 && errno != EINTR) return ErrnoStatus(errno, "cannot poll", "the clients");
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<size_t>(i)];
    HandleEvent(event.data.u64, event.events);
  }
  return absl::OkStatus();
}

void Server::HandleEvent(uint64_t id, uint32_t events) {
  if (id == kListenerId) return Accept();
  if (id == kWakerId) {
    uint64_t count = 0;
    [[maybe_unused]] const ssize_t size = read(waker_, &count, sizeof(count));
    return;
  }
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  Connection& connection = *found->second;
  if ((events & EPOLLERR) != 0) connection.Break("");
  if ((events & EPOLLIN) != 0) connection.NoteReadable();
  if ((events & (EPOLLRDHUP | EPOLLHUP)) != 0) connection.NotePeerClosed();
  if ((events & EPOLLOUT) != 0) connection.NoteWritable();
  if (connection.is_in_round) return;
  if (connection.unsent_bytes() > 0) connection.Flush();
  if (connection.is_done()) return Drop(id, connection);
  Queue(id, connection);
}

void Server::Queue(uint64_t id, Connection& connection) {
  if (connection.is_queued || !connection.wants_round()) return;
  connection.is_queued = true;
  ready_.push_back(id);
}

void Server::Accept() {
  for (int i = 0; i < kAcceptsPerPoll; ++i) {
    const int descriptor = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor >= 0) {
      if (!Admit(descriptor)) close(descriptor);
      continue;
    }
    if (errno == EINTR || errno == ECONNABORTED) continue;
    if ((errno == EMFILE || errno == ENFILE) && spare_descriptor_ >= 0) {
      // Out of descriptors: the waiting client would keep the listener ready for ever.
      close(spare_descriptor_);
      const int refused = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (refused >= 0) close(refused);
      spare_descriptor_ = open("/dev/null", O_RDONLY | O_CLOEXEC);
      host_.statistics.connections_rejected.Add();
      log_("a client was refused: no file descriptors are left");
    }
    return;
  }
}

bool Server::Admit(int descriptor) {
  if (connections_.size() >= options_.clients_max) {
    constexpr std::string_view kRefusal = "-ERR max number of clients reached\r\n";
    send(descriptor, kRefusal.data(), kRefusal.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    host_.statistics.connections_rejected.Add();
    return false;
  }
  const int one = 1;
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
  setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
  const uint64_t id = next_id_;
  if (absl::Status status = Register(descriptor, id, kClientEvents); !status.ok()) {
    log_(std::string(StdView(status.message())));
    return false;
  }
  ++next_id_;
  auto connection = std::make_unique<Connection>(descriptor, options_, host_.statistics);
  command::Session& session = connection->session();
  session.id = id;
  session.peer_address = AddressOf(descriptor, End::kPeer);
  session.local_address = AddressOf(descriptor, End::kLocal);
  session.connected_ms = session.active_ms = host_.clock.WallMillis();
  session.is_authenticated = host_.password.empty();
  host_.sessions[id] = &session;
  connections_[id] = std::move(connection);
  host_.statistics.connections.Add();
  host_.statistics.connections_accepted.Add();
  return true;
}

void Server::StartRound() {
  round_started_nanos_ = host_.clock.MonotonicNanos();
  last_upkeep_ms_ = round_started_nanos_ / 1'000'000;
  const uint64_t now_ms = host_.clock.WallMillis();
  std::vector<uint64_t> waiting;
  waiting.swap(ready_);
  for (const uint64_t id : waiting) {
    const auto found = connections_.find(id);
    if (found == connections_.end()) continue;
    Connection& connection = *found->second;
    connection.is_queued = false;
    if (round_.size() >= options_.round_commands_max ||
        arena_.size_bytes() >= options_.round_bytes_max) {
      Queue(id, connection);
      continue;
    }
    connection.session().active_ms = now_ms;
    connection.is_in_round = true;
    in_round_.push_back(id);
    Collect(connection);
  }
  is_round_open_ = true;
  is_round_done_.store(false, std::memory_order_relaxed);
  backend_.Execute(round_, [this] {
    is_round_done_.store(true, std::memory_order_release);
    if (std::this_thread::get_id() != loop_thread_) Wake();
  });
  if (is_round_done_.load(std::memory_order_acquire)) FinishRound();
}

void Server::Collect(Connection& connection) {
  command::Session& session = connection.session();
  size_t commands = 0;
  connection.ReadCommands(arena_, round_.words(), [&](size_t first, size_t count) {
    const std::string_view name = (*round_.words())[first];
    if (command::IsWord(name, "post") || command::IsWord(name, "host:")) {
      // A browser was talked into sending a request here: what follows is not the user's.
      connection.Break("it speaks HTTP");
      return false;
    }
    round_.Add(session, first, count);
    // Whether the next bytes are acceptable depends on what AUTH will say.
    return session.is_authenticated && ++commands < options_.commands_per_round;
  });
}

void Server::FinishRound() {
  is_round_open_ = false;
  if (round_.size() > 0) {
    host_.statistics.round_commands.Observe(round_.size());
    host_.statistics.round_nanos.Observe(host_.clock.MonotonicNanos() - round_started_nanos_);
  }
  for (const uint64_t id : in_round_) Settle(id, *connections_.at(id));
  in_round_.clear();
  round_.Clear();
  arena_.Clear();
}

void Server::Settle(uint64_t id, Connection& connection) {
  connection.is_in_round = false;
  connection.EndRound();
  connection.Flush();
  if (connection.is_done()) return Drop(id, connection);
  Queue(id, connection);
}

void Server::Drop(uint64_t id, Connection& connection) {
  if (!connection.reason().empty()) {
    host_.statistics.connections_dropped.Add();
    log_(fmt::format("client {} at {} was disconnected: {}", id, connection.session().peer_address,
                     connection.reason()));
  }
  host_.sessions.erase(id);
  host_.statistics.connections.Subtract();
  connections_.erase(id);
}

}  // namespace nokv::server
