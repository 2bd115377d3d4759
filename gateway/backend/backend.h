// Where commands run. The event loop hands over a round, the commands that one pass over the
// sockets brought, and gets all its effects made durable together.
//
// Thread-safety: one thread calls Execute(); what is marked safe may be called from any thread.
#pragma once

#include "gateway/backend/keyspace.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace nokv::backend {

// What is known of a command without running it.
struct Traits {
  uint64_t client = 0;     // Commands of one client take effect one after the other.
  bool may_write = false;  // False: it changes no data, whatever it finds.
};

// Commands in the order in which they take effect. Implemented by whoever knows their replies.
class Round {
 public:
  virtual ~Round() = default;

  virtual size_t size() const = 0;

  virtual Traits TraitsOf(size_t index) const = 0;

  // Appends the keys that command `index` will look at, as far as its words tell. So a backend can
  // fetch those of a whole round together. A hint: commands may look at others too.
  virtual void NameKeys(size_t index, std::vector<KeyUse>* keys) const = 0;

  // Runs command `index`, and leaves its reply in place of that of an earlier run. The status is
  // that of the keyspace; a command that answers the client with an error of its own is OK.
  virtual absl::Status Run(size_t index, Keyspace& keyspace) = 0;

  // Makes `cause` the reply of command `index`: its effect is lost, or it could not read.
  virtual void Fail(size_t index, const absl::Status& cause) = 0;
};

class Backend {
 public:
  virtual ~Backend() = default;

  // Runs every command, makes the effects durable at the backend's level, then calls `done`: before
  // returning, or later from any thread. Until then the round must stay in place and no other may
  // begin. Exactly the commands whose effect was lost have failed. An empty round is welcome: it
  // gives the backend time for upkeep such as expiry.
  virtual void Execute(Round& round, std::function<void()> done) = 0;

  // As of the last round that is done. Safe.
  virtual KeyCounts Counts(int database) const = 0;

  // Keys removed because they had expired. Safe.
  virtual uint64_t expired_keys() const = 0;
};

}  // namespace nokv::backend
