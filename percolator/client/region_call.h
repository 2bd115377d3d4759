// One command, sent to whichever store leads the region of a key, until it is answered or its time
// is up: the loop of every operation.
//
//   locate ─► send ─► answer: accepted, done
//     ▲        │
//     └ wait ◄─┴── refused, silent, or not accepted yet
//
// A derived class makes the command and takes the answer. Exactly one of two ends the call:
// Accept() that returns nothing, or Fail().
//
// Thread-safety: none; only inside the gate. A call keeps itself alive while it is under way.
#pragma once

#include "percolator/client/backoff.h"
#include "percolator/client/core.h"
#include "percolator/client/region_cache.h"
#include "proto/kv.pb.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace nokv::client {

struct Answer {
  kv::v1::CommandResult& result;  // Of the right kind, and not a region error.
  const meta::v1::Region& region;
};

class RegionCall : public std::enable_shared_from_this<RegionCall> {
 public:
  struct Goal {
    std::string key;         // The region that holds it, or
    bool is_before = false;  // the one of the keys right before it; empty is behind all keys.
    bool is_write = false;
    uint64_t deadline_nanos = 0;
  };

  virtual ~RegionCall() = default;

  RegionCall(const RegionCall&) = delete;
  RegionCall& operator=(const RegionCall&) = delete;

 protected:
  RegionCall(Core& core, Goal goal) : core_(core), goal_(std::move(goal)) {}

  // Makes the command for the region, all but its context. Once for each attempt.
  virtual void Build(const meta::v1::Region& region, kv::v1::Command* command) = 0;

  // Takes the answer, which ends the call; or says what to wait for before the next attempt.
  virtual std::optional<Wait> Accept(const Answer& answer) = 0;

  // Ends the call without an answer.
  virtual void Fail(const absl::Status& status) = 0;

  // For messages: "get of key 6b6579".
  virtual std::string Describe() const = 0;

  // Begins, once.
  void Locate();

  // Ends the call with `status`; undetermined if an attempt to write may still arrive.
  void GiveUp(const absl::Status& status);

  const Goal& goal() const { return goal_; }

  // An attempt to write got no answer: it may have been done, or still arrive.
  bool has_open_attempt() const { return has_open_attempt_; }

  Core& core_;

 private:
  void LookUp(const std::optional<Target>& known);
  void Send(const Target& target);
  void TakeReply(const Target& target, absl::StatusOr<kv::v1::CommandResult> reply);
  void FollowBusy(const errors::v1::RegionError& error, const Target& target);
  void Pause(Wait wait, absl::Duration delay_min = absl::ZeroDuration());
  void TimeIsUp();
  absl::Duration TimeLeft() const;

  const Goal goal_;
  Backoff backoff_;
  kv::v1::Command::RequestCase sent_ = kv::v1::Command::REQUEST_NOT_SET;
  int attempts_ = 0;
  int busy_in_a_row_ = 0;
  bool has_looked_up_ = false;  // Since the last attempt.
  bool has_open_attempt_ = false;
  std::string last_failure_ = "no store was asked";
};

}  // namespace nokv::client
