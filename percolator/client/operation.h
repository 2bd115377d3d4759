// The two ends of every operation.
//
// Thread-safety: none; only inside the gate.
#pragma once

#include "percolator/client/core.h"
#include "proto/errors.pb.h"

#include <utility>

namespace nokv::client {

// Answers the user, once everybody has left the gate.
template <typename T>
void End(Core& core, Done<T> done, absl::StatusOr<T> answer) {
  --core.operations;
  core.environment.gate->Leave(
      [done = std::move(done), answer = std::move(answer)]() mutable { done(std::move(answer)); });
}

// Counts an operation in. False after answering, if `check` failed or there are too many.
template <typename T>
bool Begin(Core& core, absl::Status check, const Done<T>& done) {
  const size_t operations_max = core.environment.options.operations_max;
  if (check.ok() && core.operations >= operations_max) {
    check = ResourceExhaustedError("{} operations are under way: no more at once", operations_max);
  }
  ++core.operations;
  if (check.ok()) return true;
  End<T>(core, done, std::move(check));
  return false;
}

// What a key error that the caller can't do anything about says.
absl::Status StatusOf(const errors::v1::KeyError& error);

// The operations behind Client's functions of the same names.
void StartGet(Core& core, GetRequest request, Done<std::optional<Value>> done);
void StartBatchGet(Core& core, BatchGetRequest request,
                   Done<std::vector<std::optional<Value>>> done);
void StartScan(Core& core, ScanRequest request, Done<ScanPage> done);
void StartWrite(Core& core, WriteRequest request, Done<WriteOutcome> done);
void StartAdd(Core& core, AddRequest request, Done<AddOutcome> done);
void StartDrawTimestamp(Core& core, absl::Duration timeout, Done<mvcc::Timestamp> done);

}  // namespace nokv::client
