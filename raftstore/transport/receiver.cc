#include "raftstore/transport/receiver.h"

#include "engine/base/check.h"

#include <optional>
#include <utility>
#include <vector>

namespace nokv::transport {

// Its own mutex guards what events and Tick() share; it is never held while calling out.
class Receiver::Stream final : public ConnectionEvents,
                               public std::enable_shared_from_this<Stream> {
 public:
  Stream(std::weak_ptr<Receiver> receiver, std::shared_ptr<Connection> connection,
         const Identity& self, absl::Time hello_before)
      : hello_before_(hello_before),
        receiver_(std::move(receiver)),
        self_(self),
        connection_(std::move(connection)) {}

  void OnWritable() override {
    bool is_over = false;
    {
      MutexLock lock(mutex_);
      is_writable_ = true;
      is_over = state_ == State::kRefused && !answer_;  // The refusal is on its way.
    }
    if (!is_over) return SendAnswer();
    if (const auto receiver = receiver_.lock()) receiver->Leave(*this, absl::OkStatus());
    End();
  }

  void OnReceived(Pieces pieces) override {
    const auto receiver = receiver_.lock();
    if (receiver == nullptr) return End();
    State state = State::kOver;
    {
      MutexLock lock(mutex_);
      state = state_;
    }
    if (state == State::kRefused || state == State::kOver) return;
    const absl::StatusOr<ReceivedFrame> frame = DecodeFrame(pieces);
    absl::Status status = frame.status();
    if (status.ok() && state == State::kUp) {
      status = receiver->TakeBatch(*frame, store_, lane_);
    } else if (status.ok()) {
      status = TakeHello(*receiver, *frame);
    }
    if (status.ok()) return;
    if (state == State::kUp) {
      receiver->Leave(*this, status);
      return End();
    }
    receiver->Refuse(status);
    Answer(FrameKind::kRefusal, EncodeRefusal(status));
  }

  void OnClosed(const absl::Status& why) override {
    if (const auto receiver = receiver_.lock()) receiver->Leave(*this, why);
    End();
  }

  // Thread-safety: safe, from outside of the stream's events too.
  void End() {
    std::shared_ptr<Connection> connection;
    {
      MutexLock lock(mutex_);
      state_ = State::kOver;
      connection = std::exchange(connection_, nullptr);
    }
    if (connection != nullptr) connection->Close();
  }

  const absl::Time hello_before_;

  uint64_t number_ = 0;  // Set once, before any event.

  // Set with the hello, by the stream's events.
  StoreId store_ = 0;
  Lane lane_ = Lane::kControl;

 private:
  enum class State : uint8_t { kStranger, kUp, kRefused, kOver };

  absl::Status TakeHello(Receiver& receiver, const ReceivedFrame& frame) {
    if (frame.header.kind != FrameKind::kHello) {
      return DataLossError("a stream of store {} begins with a frame of kind {}",
                           frame.header.store, static_cast<int>(frame.header.kind));
    }
    ASSIGN_OR_RETURN(const Hello hello, DecodeHello(frame.metadata()));
    RETURN_IF_ERROR(receiver.LetIn(shared_from_this(), frame.header, hello));
    Answer(FrameKind::kWelcome, EncodeWelcome({.to = frame.header.store}));
    return absl::OkStatus();
  }

  void Answer(FrameKind kind, std::string metadata) {
    FrameBody body;
    body.metadata = std::move(metadata);
    const FrameHeader header{.kind = kind,
                             .cluster = self_.cluster,
                             .store = self_.store,
                             .incarnation = self_.incarnation,
                             .sequence = 0};
    absl::StatusOr<Frame> frame = EncodeFrame(header, body);
    NOKV_CHECK(frame.ok());
    {
      MutexLock lock(mutex_);
      if (state_ == State::kOver) return;
      state_ = kind == FrameKind::kWelcome ? State::kUp : State::kRefused;
      answer_ = *std::move(frame);
    }
    SendAnswer();
  }

  void SendAnswer() {
    std::shared_ptr<Connection> connection;
    Frame answer;
    {
      MutexLock lock(mutex_);
      if (!answer_ || !is_writable_ || connection_ == nullptr) return;
      connection = connection_;
      answer = *std::exchange(answer_, std::nullopt);
      is_writable_ = false;
    }
    connection->Send(std::move(answer));
  }

  const std::weak_ptr<Receiver> receiver_;
  const Identity self_;

  Mutex mutex_;
  State state_ ABSL_GUARDED_BY(mutex_) = State::kStranger;
  std::shared_ptr<Connection> connection_ ABSL_GUARDED_BY(mutex_);
  bool is_writable_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<Frame> answer_ ABSL_GUARDED_BY(mutex_);
};

std::shared_ptr<ConnectionEvents> Receiver::Accept(std::shared_ptr<Connection> connection) {
  const auto stream = std::make_shared<Stream>(weak_from_this(), std::move(connection), self_,
                                               Now() + options_.handshake_time_max);
  bool is_welcome = false;
  {
    MutexLock lock(mutex_);
    is_welcome = !is_closed_ && strangers_.size() < options_.strangers_max;
    if (is_welcome) {
      stream->number_ = ++streams_made_;
      strangers_[stream->number_] = stream;
    } else {
      ++status_.refused;
    }
  }
  if (!is_welcome) stream->End();
  return stream;
}

void Receiver::Tick() {
  std::vector<std::shared_ptr<Stream>> late;
  {
    MutexLock lock(mutex_);
    const absl::Time now = Now();
    for (const auto& [key, stream] : strangers_) {
      if (now >= stream->hello_before_) late.push_back(stream);
    }
  }
  for (const auto& stream : late) {
    const absl::Status why = UnavailableError("a stream said no hello, or did not go, in time");
    Refuse(why);
    Leave(*stream, why);
    stream->End();
  }
}

void Receiver::Forget(StoreId store) {
  std::vector<std::shared_ptr<Stream>> gone;
  {
    MutexLock lock(mutex_);
    admission_.Forget(store);
    std::erase_if(streams_, [&](const auto& item) {
      if (item.first.first != store) return false;
      gone.push_back(item.second);
      return true;
    });
  }
  for (const auto& stream : gone) stream->End();
}

void Receiver::Close() {
  std::vector<std::shared_ptr<Stream>> all;
  {
    MutexLock lock(mutex_);
    is_closed_ = true;
    for (const auto& [key, stream] : strangers_) all.push_back(stream);
    for (const auto& [key, stream] : streams_) all.push_back(stream);
    strangers_.clear();
    streams_.clear();
  }
  for (const auto& stream : all) stream->End();
}

ReceiverStatus Receiver::status() {
  MutexLock lock(mutex_);
  ReceiverStatus status = status_;
  status.streams = streams_.size();
  status.strangers = strangers_.size();
  return status;
}

absl::Status Receiver::LetIn(const std::shared_ptr<Stream>& stream, const FrameHeader& header,
                             const Hello& hello) {
  std::vector<std::shared_ptr<Stream>> older;
  {
    MutexLock lock(mutex_);
    if (is_closed_ || !strangers_.contains(stream->number_)) {
      return UnavailableError("store {} is closing, or the hello came too late", self_.store);
    }
    RETURN_IF_ERROR(admission_.TakeHello(header, hello));
    strangers_.erase(stream->number_);
    stream->store_ = header.store;
    stream->lane_ = hello.lane;
    std::shared_ptr<Stream>& place = streams_[{header.store, hello.lane}];
    if (place != nullptr) older.push_back(place);
    place = stream;
  }
  for (const auto& other : older) other->End();
  return absl::OkStatus();
}

absl::Status Receiver::TakeBatch(const ReceivedFrame& frame, StoreId store, Lane lane) {
  if (frame.header.kind != FrameKind::kBatch) {
    return DataLossError("a frame of kind {} after the hello of store {}",
                         static_cast<int>(frame.header.kind), store);
  }
  {
    MutexLock lock(mutex_);
    if (is_closed_) return UnavailableError("store {} is closing", self_.store);
    RETURN_IF_ERROR(admission_.TakeBatch(frame.header, store, lane));
  }
  ASSIGN_OR_RETURN(std::vector<Envelope> messages, DecodeBatch(frame));
  {
    MutexLock lock(mutex_);
    ++status_.frames;
    status_.messages += messages.size();
  }
  seams_.inbox.OnMessages(store, std::move(messages));
  return absl::OkStatus();
}

void Receiver::Refuse(const absl::Status& why) {
  MutexLock lock(mutex_);
  ++status_.refused;
  status_.last_error = why.ToString();
}

void Receiver::Leave(Stream& stream, const absl::Status& why) {
  std::shared_ptr<Stream> held;  // Freed after the lock.
  MutexLock lock(mutex_);
  const auto stranger = strangers_.find(stream.number_);
  const auto known = streams_.find({stream.store_, stream.lane_});
  if (stranger != strangers_.end()) {
    held = stranger->second;
    strangers_.erase(stranger);
  } else if (known != streams_.end() && known->second.get() == &stream) {
    held = known->second;
    streams_.erase(known);
    ++status_.ended;
    status_.last_error = why.ToString();
  }
}

absl::Time Receiver::Now() {
  return absl::FromUnixNanos(static_cast<int64_t>(seams_.clock.MonotonicNanos()));
}

}  // namespace nokv::transport
