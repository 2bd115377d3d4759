// The called side: lets streams in or refuses them, checks each frame, and hands messages over.
//
// Invariant: at most one stream of each store and lane is heard; a newer one ends the older. All
// others are strangers, which have not said hello yet or were refused: few, and not for long.
//
// Thread-safety: safe.
#pragma once

#include "engine/base/mutex.h"
#include "raftstore/transport/admission.h"
#include "raftstore/transport/network.h"
#include "raftstore/transport/seams.h"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

namespace nokv::transport {

struct ReceiverStatus {
  uint64_t streams = 0;    // Let in, now.
  uint64_t strangers = 0;  // Not let in, now: they have yet to say hello, or to go.
  uint64_t frames = 0;
  uint64_t messages = 0;
  uint64_t refused = 0;  // Calls.
  uint64_t ended = 0;    // Streams that had been let in.
  std::string last_error = {};
};

class Receiver final : public Acceptor, public std::enable_shared_from_this<Receiver> {
 public:
  Receiver(const Identity& self, const Options& options, const Seams& seams)
      : self_(self), options_(options), seams_(seams), admission_(self, options.stores_max) {}

  std::shared_ptr<ConnectionEvents> Accept(std::shared_ptr<Connection> connection) override;

  // Ends streams that are neither let in nor gone in time.
  void Tick();

  // The store is gone for good.
  void Forget(StoreId store);

  void Close();

  ReceiverStatus status();

 private:
  class Stream;  // One accepted stream.

  absl::Status LetIn(const std::shared_ptr<Stream>& stream, const FrameHeader& header,
                     const Hello& hello);
  absl::Status TakeBatch(const ReceivedFrame& frame, StoreId store, Lane lane);
  void Refuse(const absl::Status& why);
  void Leave(Stream& stream, const absl::Status& why);
  absl::Time Now();

  const Identity self_;
  const Options options_;
  const Seams seams_;

  Mutex mutex_;
  bool is_closed_ ABSL_GUARDED_BY(mutex_) = false;
  Admission admission_ ABSL_GUARDED_BY(mutex_);
  uint64_t streams_made_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<uint64_t, std::shared_ptr<Stream>> strangers_ ABSL_GUARDED_BY(mutex_);  // By number.
  std::map<std::pair<StoreId, Lane>, std::shared_ptr<Stream>> streams_ ABSL_GUARDED_BY(mutex_);
  ReceiverStatus status_ ABSL_GUARDED_BY(mutex_);  // The counters and the last error.
};

}  // namespace nokv::transport
