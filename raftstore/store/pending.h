// A command on its way through the store, and who waits for its answer.
//
// Invariant: `done` is called at most once, and is empty from then on. The ticket lasts as long as
// the command is held, answered or not: what it counts is memory. (Of a proposal that lost its
// leader only the id is held, which the log's own bounds count.)
//
// Thread-safety: Admission is safe; the others belong to whoever holds them.
#pragma once

#include "engine/base/status.h"
#include "proto/kv.pb.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>

namespace nokv::store {

using Done = std::function<void(absl::StatusOr<kv::v1::CommandResult>)>;

// How many commands there are, and how large they are together.
class Admission {
 public:
  Admission(size_t count_max, uint64_t bytes_max) : count_max_(count_max), bytes_max_(bytes_max) {}

  // False if there is no room.
  bool Enter(uint64_t bytes) {
    const bool has_place = count_.fetch_add(1) < count_max_;
    const bool has_room = bytes_.fetch_add(bytes) + bytes <= bytes_max_;
    if (has_place && has_room) return true;
    Leave(bytes);
    return false;
  }

  void Leave(uint64_t bytes) {
    count_.fetch_sub(1);
    bytes_.fetch_sub(bytes);
  }

  size_t count() const { return count_.load(); }

 private:
  const size_t count_max_;
  const uint64_t bytes_max_;
  std::atomic<size_t> count_ = 0;
  std::atomic<uint64_t> bytes_ = 0;
};

// A place in an Admission, given back when it is destroyed.
class Ticket {
 public:
  Ticket() = default;

  Ticket(Admission& admission, uint64_t bytes) : admission_(&admission), bytes_(bytes) {}

  Ticket(Ticket&& other) noexcept
      : admission_(std::exchange(other.admission_, nullptr)), bytes_(other.bytes_) {}

  Ticket& operator=(Ticket&& other) noexcept {
    std::swap(admission_, other.admission_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }

  uint64_t bytes() const { return bytes_; }

  ~Ticket() {
    if (admission_ != nullptr) admission_->Leave(bytes_);
  }

 private:
  Admission* admission_ = nullptr;
  uint64_t bytes_ = 0;
};

// What a command takes beside its own bytes, about.
inline constexpr uint64_t kCommandOverheadBytes = 256;

struct Pending {
  kv::v1::Command command;
  Done done;
  Ticket ticket;
  uint64_t deadline_nanos = 0;  // By the monotonic clock.

  bool is_answered() const { return done == nullptr; }

  void Answer(absl::StatusOr<kv::v1::CommandResult> answer) {
    if (is_answered()) return;
    if (answer.ok()) answer->set_id(command.id());
    std::exchange(done, nullptr)(std::move(answer));
  }
};

}  // namespace nokv::store
