// What one key does when operations come one after the other: the specification that a history is
// compared with.
//
// A state is one number, so that the search can compare and store it; a model whose states are
// larger numbers them as they come up.
//
// Thread-safety: none.
#pragma once

#include "engine/base/status.h"
#include "tests/checker/history.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace nokv::checker {

// An operation with its values as numbers of the model.
struct Action {
  OperationKind kind = OperationKind::kGet;
  bool is_known = false;
  std::optional<bool> did = {};
  uint64_t expected = 0;
  uint64_t value = 0;
  uint64_t found = 0;
  int64_t delta = 0;

  bool operator==(const Action&) const = default;

  // With its result it changes nothing, in whatever state it happens.
  bool is_observation() const {
    return is_known && (kind == OperationKind::kGet || (did.has_value() && !*did));
  }

  // It takes place in every state, and the next state does not depend on the last.
  bool is_blind() const {
    return kind == OperationKind::kPut || (kind == OperationKind::kDelete && !did.has_value());
  }
};

class Model {
 public:
  virtual ~Model() = default;

  virtual uint64_t initial() const = 0;

  // InvalidArgument if the object has no such operation.
  virtual absl::StatusOr<Action> Compile(const Operation& operation) = 0;

  // The state after `action`; nothing if it can't happen in `state`, or not with its result. With
  // an unknown outcome any result will do, and what would change nothing need not happen.
  virtual std::optional<uint64_t> Step(uint64_t state, const Action& action) const = 0;
};

// A value of bytes or none: get, put, delete (which may tell whether it found), cas.
std::unique_ptr<Model> NewRegister();

// A whole number, a text or none: the same, and incr, which takes none for 0 and returns the sum,
// or refuses a text.
std::unique_ptr<Model> NewCounter();

}  // namespace nokv::checker
