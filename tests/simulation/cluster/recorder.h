// The history of all clients of a world, as it happens: what the checker is given in the end.
//
// Thread-safety: none; a world has one thread.
#pragma once

#include "tests/checker/history.h"
#include "tests/simulation/event_queue.h"

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace nokv::simulation {

class Recorder {
 public:
  using Id = size_t;

  explicit Recorder(EventQueue& queue) : queue_(queue) {}

  // The operation begins now.
  Id Begin(checker::Operation operation);

  // To set its results, before it ends.
  checker::Operation& At(Id id) { return records_[id].operation; }

  // It ended now, with its results.
  void End(Id id);

  // Nobody knows what became of it.
  void Forget(Id id) { Settle(id, State::kUnknown); }

  // It certainly had no effect, and told nothing.
  void Drop(Id id) { Settle(id, State::kDropped); }

  // What was not dropped. Operations that have not ended are of unknown outcome.
  checker::History TakeHistory() const;

  size_t begun() const { return records_.size(); }

  size_t ended() const { return ended_; }

  size_t forgotten() const { return forgotten_; }

  size_t dropped() const { return dropped_; }

  size_t open() const { return begun() - ended_ - forgotten_ - dropped_; }

 private:
  enum class State : uint8_t { kOpen, kEnded, kUnknown, kDropped };

  struct Record {
    checker::Operation operation;
    State state = State::kOpen;
  };

  void Settle(Id id, State state);

  EventQueue& queue_;
  std::vector<Record> records_;
  size_t ended_ = 0;
  size_t forgotten_ = 0;
  size_t dropped_ = 0;
};

}  // namespace nokv::simulation
