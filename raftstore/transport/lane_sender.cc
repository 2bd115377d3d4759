#include "raftstore/transport/lane_sender.h"

#include "engine/base/check.h"

#include <algorithm>
#include <utility>

namespace nokv::transport {

std::string_view ToString(LaneState state) {
  switch (state) {
    case LaneState::kIdle:
      return "idle";
    case LaneState::kConnecting:
      return "connecting";
    case LaneState::kGreeting:
      return "greeting";
    case LaneState::kUp:
      return "up";
    case LaneState::kBackingOff:
      return "backing off";
    case LaneState::kClosed:
      return "closed";
  }
  return "unknown";
}

absl::Duration Backoff(uint32_t failures, const Options& options, Random& random) {
  absl::Duration pause = 2 * options.backoff_min;
  for (uint32_t i = 1; i < failures && pause < options.backoff_max; ++i) pause *= 2;
  pause = std::min(pause, options.backoff_max);
  return std::max(options.backoff_min, pause / 2 + random.NextDouble() * (pause / 2));
}

class LaneSender::Attempt final : public ConnectionEvents {
 public:
  Attempt(std::weak_ptr<LaneSender> sender, uint64_t attempt)
      : sender_(std::move(sender)), attempt_(attempt) {}

  void OnWritable() override {
    if (const auto sender = sender_.lock()) sender->OnWritable(attempt_);
  }

  void OnReceived(Pieces frame) override {
    if (const auto sender = sender_.lock()) sender->OnReceived(attempt_, frame);
  }

  void OnClosed(const absl::Status& why) override {
    if (const auto sender = sender_.lock()) sender->Fail(attempt_, why);
  }

 private:
  const std::weak_ptr<LaneSender> sender_;
  const uint64_t attempt_;
};

LaneSender::LaneSender(const Identity& self, const Route& route, const Options& options,
                       const Seams& seams)
    : self_(self),
      to_(route.to),
      lane_(route.lane),
      options_(options),
      seams_(seams),
      random_(route.seed),
      queue_(options),
      sequence_(route.sequence) {}

void LaneSender::Send(std::vector<Envelope> envelopes) {
  std::vector<Undelivered> dropped;
  std::erase_if(envelopes, [&](const Envelope& envelope) {
    const bool is_sendable = CheckSendable(envelope).ok();
    if (!is_sendable) dropped.push_back(About(envelope));
    return !is_sendable;
  });
  std::optional<Outgoing> outgoing;
  {
    MutexLock lock(mutex_);
    if (state_ == LaneState::kBackingOff && Now() >= retry_at_) state_ = LaneState::kIdle;
    const bool is_open = state_ != LaneState::kBackingOff && state_ != LaneState::kClosed;
    for (Envelope& envelope : envelopes) {
      if (!is_open || !queue_.Push(envelope)) dropped.push_back(About(envelope));
    }
    status_.dropped += dropped.size();
    if (state_ == LaneState::kIdle && !queue_.empty()) BeginAttemptLocked();
    outgoing = TakeFrameLocked();
  }
  Perform(std::move(outgoing));
  Unite(dropped);
  Report(std::move(dropped));
}

void LaneSender::Tick() {
  uint64_t late = 0;
  {
    MutexLock lock(mutex_);
    const bool is_waiting = state_ == LaneState::kConnecting || state_ == LaneState::kGreeting ||
                            (state_ == LaneState::kUp && !is_writable_);
    if (!is_waiting || Now() < deadline_) return;
    late = attempt_;
  }
  Fail(late, UnavailableError("store {} took no {} in time", to_,
                              lane_ == Lane::kControl ? "control frame" : "append frame"));
}

uint64_t LaneSender::Close() {
  std::shared_ptr<Connection> connection;
  uint64_t sequence = 0;
  {
    MutexLock lock(mutex_);
    state_ = LaneState::kClosed;
    ++attempt_;
    connection = std::exchange(connection_, nullptr);
    queue_.Clear();
    sequence = sequence_;
  }
  if (connection != nullptr) connection->Close();
  return sequence;
}

LaneStatus LaneSender::status() {
  MutexLock lock(mutex_);
  LaneStatus status = status_;
  status.to = to_;
  status.lane = lane_;
  status.state = state_;
  status.waiting_messages = queue_.messages();
  status.waiting_bytes = queue_.bytes();
  return status;
}

void LaneSender::Connect(uint64_t attempt) {
  {
    MutexLock lock(mutex_);
    if (!IsCurrentLocked(attempt)) return;
  }
  seams_.resolver.Resolve(
      to_, [weak = weak_from_this(), attempt](const absl::StatusOr<std::string>& resolved) {
        if (const auto self = weak.lock()) self->OnAddress(attempt, resolved);
      });
}

void LaneSender::OnAddress(uint64_t attempt, const absl::StatusOr<std::string>& resolved) {
  std::string address;
  {
    MutexLock lock(mutex_);
    if (!IsCurrentLocked(attempt)) return;
    if (resolved.ok()) known_address_ = *resolved;
    if (absl::IsNotFound(resolved.status())) known_address_.clear();
    address = known_address_;
  }
  if (address.empty()) {
    Fail(attempt,
         resolved.ok() ? InternalError("store {} has an empty address", to_) : resolved.status());
    return;
  }
  std::shared_ptr<Connection> connection =
      seams_.network.Open(address, lane_, std::make_shared<Attempt>(weak_from_this(), attempt));
  std::optional<Outgoing> outgoing;
  {
    MutexLock lock(mutex_);
    if (IsCurrentLocked(attempt)) {
      connection_ = std::exchange(connection, nullptr);
      outgoing = TakeFrameLocked();
    }
  }
  if (connection != nullptr) connection->Close();  // It came too late.
  Perform(std::move(outgoing));
}

void LaneSender::OnWritable(uint64_t attempt) {
  std::optional<Outgoing> outgoing;
  {
    MutexLock lock(mutex_);
    if (!IsCurrentLocked(attempt)) return;
    is_writable_ = true;
    queue_.Settle();
    outgoing = TakeFrameLocked();
  }
  Perform(std::move(outgoing));
}

void LaneSender::OnReceived(uint64_t attempt, Pieces pieces) {
  const absl::StatusOr<ReceivedFrame> frame = DecodeFrame(pieces);
  absl::Status status = frame.status();
  if (status.ok()) status = CheckAnswer(*frame, self_, to_);
  std::optional<Outgoing> outgoing;
  if (status.ok()) {
    MutexLock lock(mutex_);
    if (!IsCurrentLocked(attempt)) return;
    if (state_ == LaneState::kGreeting) {
      state_ = LaneState::kUp;
      up_since_ = Now();
      deadline_ = up_since_ + options_.send_time_max;  // If the hello itself is still on its way.
      outgoing = TakeFrameLocked();
    } else {
      status = DataLossError("store {} welcomed twice, or before it was greeted", to_);
    }
  }
  if (!status.ok()) Fail(attempt, status);
  Perform(std::move(outgoing));
}

void LaneSender::Fail(uint64_t attempt, const absl::Status& why) {
  std::shared_ptr<Connection> connection;
  std::vector<Undelivered> undelivered;
  {
    MutexLock lock(mutex_);
    if (!IsCurrentLocked(attempt)) return;
    const absl::Time now = Now();
    // Only a connection that has lasted is a reason to try at once again.
    if (state_ == LaneState::kUp && now - up_since_ >= options_.backoff_max) failures_in_row_ = 0;
    ++failures_in_row_;
    ++attempt_;
    state_ = LaneState::kBackingOff;
    retry_at_ = now + Backoff(failures_in_row_, options_, random_);
    connection = std::exchange(connection_, nullptr);
    is_writable_ = false;
    undelivered = queue_.Clear();
    ++status_.failures;
    status_.last_error = why.ToString();
  }
  if (connection != nullptr) connection->Close();
  Report(std::move(undelivered));
}

absl::Time LaneSender::Now() {
  return absl::FromUnixNanos(static_cast<int64_t>(seams_.clock.MonotonicNanos()));
}

void LaneSender::BeginAttemptLocked() {
  state_ = LaneState::kConnecting;
  ++attempt_;
  ++status_.attempts;
  is_writable_ = false;
  deadline_ = Now() + options_.handshake_time_max;
  seams_.executor.Submit(Priority::kHigh, [weak = weak_from_this(), attempt = attempt_] {
    if (const auto self = weak.lock()) self->Connect(attempt);
  });
}

std::optional<LaneSender::Outgoing> LaneSender::TakeFrameLocked() {
  if (!is_writable_ || connection_ == nullptr) return std::nullopt;
  Outgoing outgoing{.connection = connection_, .header = {}, .batch = {}};
  if (state_ == LaneState::kConnecting) {
    state_ = LaneState::kGreeting;
  } else if (state_ == LaneState::kUp && !queue_.empty()) {
    outgoing.batch = queue_.Take();
    deadline_ = Now() + options_.send_time_max;
    ++status_.frames;
    status_.messages += outgoing.batch.size();
  } else {
    return std::nullopt;
  }
  is_writable_ = false;
  outgoing.header = {.kind = outgoing.batch.empty() ? FrameKind::kHello : FrameKind::kBatch,
                     .cluster = self_.cluster,
                     .store = self_.store,
                     .incarnation = self_.incarnation,
                     .sequence = ++sequence_};
  return outgoing;
}

bool LaneSender::IsCurrentLocked(uint64_t attempt) {
  return attempt == attempt_ && state_ != LaneState::kClosed;
}

// Encodes outside the lock. No second frame can overtake it: there is none before OnWritable.
void LaneSender::Perform(std::optional<Outgoing> outgoing) {
  if (!outgoing) return;
  FrameBody body;
  if (outgoing->batch.empty()) {
    body.metadata = EncodeHello({.to = to_, .lane = lane_});
  } else {
    body = EncodeBatch(outgoing->batch);
  }
  absl::StatusOr<Frame> frame = EncodeFrame(outgoing->header, body);
  NOKV_CHECK(frame.ok());  // CheckSendable() and the queue's bounds have seen to that.
  outgoing->connection->Send(*std::move(frame));
}

void LaneSender::Report(std::vector<Undelivered> undelivered) {
  if (undelivered.empty()) return;
  seams_.executor.Submit(Priority::kHigh, [weak = weak_from_this(), lost = std::move(undelivered)] {
    const auto self = weak.lock();
    if (self != nullptr) self->seams_.inbox.OnUndelivered(self->to_, lost);
  });
}

}  // namespace nokv::transport
