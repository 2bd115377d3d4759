// The seam below the transport: streams of frames. gRPC implements it in a store, the simulated
// network in tests.
//
// What the transport relies on:
//   1. A stream delivers a prefix of the frames that were sent on it, in order, each once. One that
//      does not is found out by its sequence numbers and closed.
//   2. No call blocks, and no event happens inside a call. Events of one connection come one at a
//      time. OnClosed is the last; after Close() none comes but one that had begun already.
//   3. OnWritable comes once when the stream is open, and once after each Send() when the next
//      frame may be handed over. A stream that takes no more bytes gives none: the backpressure.
//   4. A stream whose other end is gone or unreachable ends with OnClosed within seconds
//      (keep-alive), also if nothing is sent.
//   5. Frames of up to kFrameBytesMax pass.
//
// Thread-safety: implementations are safe. Events may come on any thread.
#pragma once

#include "engine/base/status.h"
#include "raftstore/transport/envelope.h"
#include "raftstore/transport/frame.h"

#include <memory>
#include <string>
#include <string_view>

namespace nokv::transport {

// One end of a bidirectional stream.
class Connection {
 public:
  virtual ~Connection() = default;

  // Hands over a frame. Only after an OnWritable that no Send has used yet.
  virtual void Send(Frame frame) = 0;

  // Ends the stream. Frames whose OnWritable has come may still arrive.
  virtual void Close() = 0;
};

class ConnectionEvents {
 public:
  virtual ~ConnectionEvents() = default;

  virtual void OnWritable() = 0;

  // The pieces are valid during the call. Nothing more is read until it returns.
  virtual void OnReceived(Pieces frame) = 0;

  virtual void OnClosed(const absl::Status& why) = 0;
};

class Network {
 public:
  virtual ~Network() = default;

  // Begins to open a stream. It keeps `events` until the stream has ended; a stream that cannot be
  // opened ends with OnClosed.
  virtual std::shared_ptr<Connection> Open(const std::string& address, Lane lane,
                                           std::shared_ptr<ConnectionEvents> events) = 0;
};

// The side that is called. The network asks it for each stream that another store opens.
class Acceptor {
 public:
  virtual ~Acceptor() = default;

  // Never null. The transport ends what it does not want through the connection.
  virtual std::shared_ptr<ConnectionEvents> Accept(std::shared_ptr<Connection> connection) = 0;
};

}  // namespace nokv::transport
