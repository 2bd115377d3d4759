// What clients did to keys and what came back: the input of the checker, and its text form.
//
// The text form is written while things happen, by any number of processes that share a clock: a
// line before an operation is sent, a line when its outcome is known. A process that is killed
// leaves a history as good as any. Grammar: README.md.
//
// Thread-safety: pure functions and values.
#pragma once

#include "engine/base/status.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nokv::checker {

// Of any clock that never steps back and that all clients read. Equal times overlap.
using Time = uint64_t;

inline constexpr Time kNever = UINT64_MAX;

using Value = std::optional<std::string>;  // Nothing: there is no such key.

enum class OperationKind : uint8_t { kGet, kPut, kDelete, kCas, kIncr };

std::string_view KindName(OperationKind kind);

// One operation of one client. An operation that certainly had no effect is not in a history.
struct Operation {
  uint64_t client = 0;
  Time call = 0;
  Time end = kNever;  // kNever: the outcome is unknown, it may yet happen at any time, or never.

  OperationKind kind = OperationKind::kGet;
  std::string key = {};
  Value expected = {};     // Of a cas.
  std::string value = {};  // Of a put or cas: what it writes.
  int64_t delta = 0;       // Of an incr.

  // Results, when the outcome is known.
  Value found = {};  // Of a get.
  // Of a cas and an incr: whether it wrote. Of a delete, if told: whether it found.
  std::optional<bool> did = {};
  int64_t sum = 0;  // Of an incr: the new value.

  bool is_known() const { return end != kNever; }

  bool operator==(const Operation&) const = default;
};

using History = std::vector<Operation>;

inline constexpr std::string_view kHistoryHeader = "nokv-history 1\n";

// The line that a client writes before it sends the operation.
std::string CallLine(const Operation& operation);

// The line that it writes when it knows: at `end` what came back, or that nothing is known.
std::string EndLine(const Operation& operation);

// The line for an operation that certainly had no effect.
std::string FailLine(const Operation& operation, Time end);

// Header and lines, in order of time.
std::string FormatHistory(const History& history);

// Adds the operations of one file to `history`. A last line without its end, which a killed process
// leaves, is passed over. InvalidArgument with the number of the line if it can't be read, a client
// has two operations at once, or its times go back.
absl::Status ParseHistory(std::string_view text, History& history);

// For people: `get "k" -> "v"`.
std::string Describe(const Operation& operation);

}  // namespace nokv::checker
