// The search for an order of one key's operations.
//
// Thread-safety: none.
#pragma once

#include "tests/checker/history.h"
#include "tests/checker/model.h"
#include "tests/checker/seen_set.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace nokv::checker {

class Search {
 public:
  enum class Result : uint8_t { kFound, kNone, kLimit };

  // Asked now and then with the bytes in use; false ends the search.
  using MayGoOn = std::function<bool(size_t memory_bytes)>;

  // `operations` are of one key and sorted by call, `actions` are theirs in the model.
  Search(const History& operations, const std::vector<Action>& actions, const Model& model,
         MayGoOn may_go_on);

  Result Run() { return Run(kNone); }

  uint64_t steps() const { return steps_; }

  // After kNone: the operation whose end no order passes, the last of all in time.
  size_t stuck() const { return events_[furthest_].operation; }

  // After kNone: an order that gets as far as that. Searches again, up to there.
  std::vector<size_t> LongestOrder();

 private:
  // Events are numbered from 1 in order of time; 0 is both ends of the list.
  struct Event {
    size_t operation = 0;
    bool is_end = false;
    uint32_t next = 0;
    uint32_t previous = 0;
  };

  // An operation that has its place in the order, and what was before.
  struct Taken {
    size_t operation;
    uint64_t state_before;
    bool is_forced;  // There is no need to try anything else in its place.
    bool unseen_before;
  };

  // Where the search is among the choices of one configuration: first the known operations of the
  // list, from `event` on, then those of unknown outcome, from unknowns_[unknown] on.
  struct Choice {
    uint32_t event = 0;
    size_t unknown = 0;
    bool is_known = true;
  };

  static constexpr uint32_t kNone = 0;

  Result Run(uint32_t stop_at);
  void Restart();
  void SortEvents();

  void Unlink(uint32_t event);
  void Relink(uint32_t event);

  void Take(size_t operation, uint64_t next_state, bool is_forced);
  void Untake();

  // Takes all observations that fit, then begins with the first choice.
  Choice Enter();

  // Undoes the last step that had a choice; false if there is none.
  bool GoBack(Choice* choice);

  // Tries the operation: true if it is taken and the configuration is new.
  bool Try(size_t operation);

  // The next operation to try; false if the configuration has no more.
  bool NextCandidate(Choice* choice, size_t* operation) const;

  bool Remember();

  const History& operations_;
  const std::vector<Action>& actions_;
  const Model& model_;
  const MayGoOn may_go_on_;

  std::vector<Event> events_;
  std::vector<uint32_t> call_event_;  // By operation.
  std::vector<uint32_t> end_event_;   // By operation; 0: unknown outcome.
  std::vector<size_t> bit_;           // By operation: its number among the known or the unknown.
  std::vector<size_t> unknowns_;      // Operations of unknown outcome, by call.
  std::vector<size_t> twin_;  // By unknown: the one before it that is no different, or itself.

  uint64_t state_ = 0;
  // The last step was an operation of unknown outcome, whose effect nothing has seen yet.
  bool has_unseen_ = false;
  size_t known_left_ = 0;
  std::vector<Taken> taken_;
  std::vector<uint64_t> known_bits_;
  std::vector<uint64_t> unknown_bits_;
  size_t first_word_ = 0;  // All words of known_bits_ before it are full.
  size_t end_word_ = 0;    // All words from it on are empty.

  SeenSet seen_;
  std::vector<uint64_t> buffer_;
  uint64_t steps_ = 0;
  uint32_t furthest_ = 0;  // The last end event that stood in the way.
};

}  // namespace nokv::checker
