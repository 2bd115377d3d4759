#include "gateway/server/connection.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <unistd.h>

namespace nokv::server {
namespace {

constexpr size_t kReadBytes = 32 << 10;        // Room for one read of a client without a backlog.
constexpr size_t kLargeInputBytes = 16 << 10;  // From here on input stays in its own buffer.
constexpr size_t kBufferBytesKept = 64 << 10;
constexpr size_t kOutputBytesKept = 64 << 10;

}  // namespace

Connection::Connection(int file_descriptor, const ServerOptions& options,
                       command::Statistics& statistics)
    : file_descriptor_(file_descriptor), options_(options), statistics_(statistics) {
  session_.file_descriptor = file_descriptor;
}

Connection::~Connection() { close(file_descriptor_); }

resp::Limits Connection::limits() const {
  return {.argument_bytes_max = options_.argument_bytes_max,
          .is_authenticated = session_.is_authenticated};
}

void Connection::Read(backend::Arena& arena) {
  if (buffered_ >= kLargeInputBytes) {
    ReadIntoOwnBuffer();
  } else {
    ReadIntoArena(arena);
  }
  if (input_.size() > options_.query_bytes_max) {
    Break("its unfinished command is larger than the query buffer may be");
  }
}

void Connection::ReadIntoArena(backend::Arena& arena) {
  const size_t capacity = buffered_ + kReadBytes;
  char* const room = arena.Reserve(capacity);
  if (buffered_ > 0) std::memcpy(room, buffer_.data(), buffered_);
  const size_t size = buffered_ + ReadInto(room + buffered_, kReadBytes);
  arena.Take(size);
  input_ = {room, size};
  input_is_own_ = false;
  buffered_ = 0;
}

void Connection::ReadIntoOwnBuffer() {
  const size_t missing =
      std::clamp(parser_.missing_bytes_hint(), kReadBytes, options_.read_bytes_per_round);
  // Grows by doubling what has arrived, never by what was announced.
  if (buffer_.size() - buffered_ < missing) {
    buffer_.resize(std::max(buffer_.size() * 2, buffered_ + missing));
  }
  buffered_ += ReadInto(buffer_.data() + buffered_, buffer_.size() - buffered_);
  input_ = {buffer_.data(), buffered_};
  input_is_own_ = true;
}

size_t Connection::ReadInto(char* room, size_t size) {
  size = std::min(size, options_.read_bytes_per_round);
  while (true) {
    const ssize_t count = recv(file_descriptor_, room, size, 0);
    if (count > 0) {
      const auto received = static_cast<size_t>(count);
      statistics_.bytes_received.Add(received);
      // A short read has emptied the socket; only the end of the stream is not announced again.
      if (received < size && !peer_may_have_closed_) may_read_ = false;
      return received;
    }
    if (count < 0 && errno == EINTR) continue;
    may_read_ = false;
    if (count == 0) {
      peer_closed_ = true;
    } else if (errno != EAGAIN && errno != EWOULDBLOCK) {
      Break("");  // The connection was reset: nothing worth a line in the log.
    }
    return 0;
  }
}

void Connection::EndRound() {
  if (has_protocol_error_ && !session_.closes_after_reply) {
    resp::Writer(&session_.output, session_.protocol).Error("ERR " + parser_.error());
    reason_ = parser_.error();
    statistics_.error_replies.Add();
  }
  const size_t left = input_.size() - parsed_;
  if (input_is_own_) {
    if (parsed_ > 0) std::memmove(buffer_.data(), buffer_.data() + parsed_, left);
  } else if (left > 0) {
    if (buffer_.size() < left) buffer_.resize(std::max(left, 2 * buffer_.size()));
    std::memcpy(buffer_.data(), input_.data() + parsed_, left);
  }
  buffered_ = left;
  if (left == 0 || (buffer_.size() > kBufferBytesKept && left < buffer_.size() / 4)) {
    buffer_.resize(left);
    buffer_.shrink_to_fit();
  }
  input_ = {};
  parsed_ = 0;
}

void Connection::Flush() {
  std::string& output = session_.output;
  while (may_write_ && sent_ < output.size()) {
    const ssize_t count =
        send(file_descriptor_, output.data() + sent_, output.size() - sent_, MSG_NOSIGNAL);
    if (count >= 0) {
      sent_ += static_cast<size_t>(count);
      statistics_.bytes_sent.Add(static_cast<uint64_t>(count));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      may_write_ = false;
    } else if (errno != EINTR) {
      Break("");
      return;
    }
  }
  if (sent_ == output.size()) {
    output.clear();
    sent_ = 0;
    if (output.capacity() > kOutputBytesKept) output.shrink_to_fit();
  } else if (sent_ > output.size() / 2) {
    output.erase(0, sent_);
    sent_ = 0;
  }
  if (unsent_bytes() > options_.output_bytes_max) {
    Break("it does not read its replies, and they fill its output buffer");
  }
}

void Connection::Break(std::string_view reason) {
  is_broken_ = true;
  if (reason_.empty()) reason_ = reason;
}

}  // namespace nokv::server
