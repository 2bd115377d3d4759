// One client's socket: its unfinished input, its session, its unsent output.
//
// Input goes straight into the round's arena and commands are parsed there. Only what is left of an
// unfinished command moves into the connection's own buffer, so an idle connection holds none. An
// unfinished command that is already large keeps growing in that buffer and is parsed there: each
// byte is copied a bounded number of times however the stream is cut.
//
// Readiness is edge-triggered: may_read() stays true until the socket has been read empty.
//
// Thread-safety: none; the event loop's thread owns it.
#pragma once

#include "gateway/backend/arena.h"
#include "gateway/command/session.h"
#include "gateway/command/statistics.h"
#include "gateway/resp/parser.h"
#include "gateway/server/options.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nokv::server {

class Connection {
 public:
  Connection(int file_descriptor, const ServerOptions& options, command::Statistics& statistics);
  ~Connection();

  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  command::Session& session() { return session_; }

  // From the event loop's poll.
  void NoteReadable() { may_read_ = true; }

  void NotePeerClosed() { may_read_ = peer_may_have_closed_ = true; }

  void NoteWritable() { may_write_ = true; }

  // Reads a bounded number of bytes and parses them. Each command is passed to `add`, its words as
  // views that stay in place until EndRound(). False from `add` ends the parsing for this round.
  template <typename Add>
  void ReadCommands(backend::Arena& arena, std::vector<std::string_view>* words, Add&& add);

  // Keeps what is left of the input; the arena may be cleared after it. Answers a broken stream.
  void EndRound();

  // Sends as much output as the socket takes.
  void Flush();

  // There is input to read or to parse, and the client takes its replies.
  bool wants_round() const {
    return !is_finished() && !is_paused() && (may_read_ || has_unparsed_commands_);
  }

  // Nothing more will be read from it, and everything it is to get is sent; or it is broken.
  bool is_done() const { return is_broken_ || (is_finished() && unsent_bytes() == 0); }

  void Break(std::string_view reason);

  // Why it ends, if not by the client's wish: for the log.
  const std::string& reason() const { return reason_; }

  size_t unsent_bytes() const { return session_.output.size() - sent_; }

  // Kept by the event loop for itself.
  bool is_queued = false;    // For the next round.
  bool is_in_round = false;  // Its output belongs to the round until that is done.

 private:
  bool is_finished() const {
    return is_broken_ || has_protocol_error_ || session_.closes_after_reply ||
           (peer_closed_ && !has_unparsed_commands_);
  }

  bool is_paused() const { return unsent_bytes() > options_.output_pause_bytes; }

  // Reads into room of at least `size` bytes. How many came; 0 if none.
  size_t ReadInto(char* room, size_t size);
  void Read(backend::Arena& arena);
  void ReadIntoArena(backend::Arena& arena);
  void ReadIntoOwnBuffer();
  resp::Limits limits() const;

  const int file_descriptor_;
  const ServerOptions& options_;
  command::Statistics& statistics_;
  command::Session session_;
  resp::Parser parser_;

  // Input: all of it is in input_, a part of the arena, or of buffer_.
  std::vector<char> buffer_;
  size_t buffered_ = 0;  // Bytes of buffer_ that are input.
  std::span<char> input_;
  bool input_is_own_ = false;
  size_t parsed_ = 0;  // Bytes of input_ that belong to commands already passed on.

  size_t sent_ = 0;  // Bytes of session_.output that are sent.

  bool may_read_ = false;
  bool may_write_ = true;
  bool peer_may_have_closed_ = false;
  bool peer_closed_ = false;
  bool has_unparsed_commands_ = false;
  bool has_protocol_error_ = false;
  bool is_broken_ = false;
  std::string reason_;
};

template <typename Add>
void Connection::ReadCommands(backend::Arena& arena, std::vector<std::string_view>* words,
                              Add&& add) {
  if (may_read_ && !has_unparsed_commands_) {
    Read(arena);
  } else {
    input_ = {buffer_.data(), buffered_};
    input_is_own_ = true;
  }
  has_unparsed_commands_ = false;
  while (parsed_ < input_.size() && !is_broken_) {
    const size_t first_word = words->size();
    const resp::Progress progress = parser_.Parse(input_.subspan(parsed_), limits(), words);
    if (progress == resp::Progress::kNeedMore) break;
    if (progress == resp::Progress::kError) {
      has_protocol_error_ = true;
      break;
    }
    parsed_ += parser_.consumed();
    if (words->size() > first_word && !add(first_word, words->size() - first_word)) {
      has_unparsed_commands_ = parsed_ < input_.size();
      break;
    }
  }
}

}  // namespace nokv::server
