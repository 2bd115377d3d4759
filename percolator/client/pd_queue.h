// Those who wait for the placement driver. There is one call under way for all of them; who comes
// later shares the next one.
//
// Whoever has waited until its deadline is told why, also while a call is under way. A call that
// fails and may be tried again is, after a pause, for as long as anybody waits.
//
// Thread-safety: none; only inside the gate.
#pragma once

#include "percolator/client/backoff.h"
#include "percolator/client/environment.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <utility>

namespace nokv::client {

inline bool MayTryAgain(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ||
         absl::IsResourceExhausted(status) || absl::IsCancelled(status);
}

template <typename Value>
class PdQueue {
 public:
  using WaiterDone = std::function<void(absl::StatusOr<Value>)>;

  PdQueue(const PdQueue&) = delete;
  PdQueue& operator=(const PdQueue&) = delete;

 protected:
  struct Waiter {
    uint64_t deadline_nanos;
    std::string key;  // Of those who ask for one.
    WaiterDone done;
  };

  // `what` is asked for: for messages. One call is for at most `asked_max`.
  PdQueue(Environment& environment, const char* what, size_t asked_max = SIZE_MAX)
      : environment_(environment), what_(what), asked_max_(asked_max) {}

  virtual ~PdQueue() = default;

  // Calls for those in asked_, and later Answered() or Failed().
  virtual void Call() = 0;

  void Add(Waiter waiter) {
    waiting_.push_back(std::move(waiter));
    ScheduleSweep();
    Pump();
  }

  // Hands asked_ over to be answered, and goes on.
  std::deque<Waiter> Answered() {
    is_calling_ = false;
    backoff_.Reset();
    last_failure_ = absl::OkStatus();
    return std::exchange(asked_, {});
  }

  // The same, and with them those who came during the call.
  std::deque<Waiter> AnsweredForAll() {
    std::deque<Waiter> waiters = Answered();
    for (Waiter& waiter : waiting_) waiters.push_back(std::move(waiter));
    waiting_.clear();
    return waiters;
  }

  void Failed(const absl::Status& status) {
    is_calling_ = false;
    last_failure_ = status;
    std::deque<Waiter> asked = std::exchange(asked_, {});
    if (!MayTryAgain(status)) {
      for (Waiter& waiter : asked) waiter.done(status);
      return Pump();
    }
    for (Waiter& waiter : waiting_) asked.push_back(std::move(waiter));
    waiting_ = std::move(asked);
    if (waiting_.empty()) return;
    is_pausing_ = true;
    environment_.After(backoff_.Next(Wait::kDriver, environment_.random), [this] {
      is_pausing_ = false;
      Pump();
    });
  }

  void Pump() {
    if (is_calling_ || is_pausing_ || waiting_.empty()) return;
    is_calling_ = true;
    while (!waiting_.empty() && asked_.size() < asked_max_) {
      asked_.push_back(std::move(waiting_.front()));
      waiting_.pop_front();
    }
    Call();
  }

  Environment& environment_;
  std::deque<Waiter> asked_;

 private:
  static constexpr absl::Duration kSweepPeriod = absl::Milliseconds(100);

  void ScheduleSweep() {
    if (is_sweep_due_) return;
    is_sweep_due_ = true;
    environment_.After(kSweepPeriod, [this] {
      is_sweep_due_ = false;
      Sweep(waiting_);
      Sweep(asked_);
      if (!waiting_.empty() || !asked_.empty()) ScheduleSweep();
    });
  }

  void Sweep(std::deque<Waiter>& waiters) {
    const uint64_t now_nanos = environment_.now_nanos();
    std::deque<Waiter> kept;
    std::deque<Waiter> late;
    for (Waiter& waiter : waiters) {
      (waiter.deadline_nanos <= now_nanos ? late : kept).push_back(std::move(waiter));
    }
    waiters = std::move(kept);
    for (Waiter& waiter : late) {
      waiter.done(UnavailableError(
          "no {} from the placement driver in time: {}", what_,
          last_failure_.ok() ? "it does not answer" : StdView(last_failure_.message())));
    }
  }

  const char* const what_;
  const size_t asked_max_;
  std::deque<Waiter> waiting_;
  Backoff backoff_;
  absl::Status last_failure_ = absl::OkStatus();
  bool is_calling_ = false;
  bool is_pausing_ = false;
  bool is_sweep_due_ = false;
};

}  // namespace nokv::client
