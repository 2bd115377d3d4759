// Whether a history could have come from an object that does one thing at a time.
//
// A history is linearizable if each operation can be given one moment between its call and its end
// so that, in the order of those moments, every result is what the model says (Herlihy and Wing,
// 1990). An operation whose outcome is unknown may have its moment at any time after its call, or
// never.
//
// Keys are looked at one by one: a history is linearizable if each key's part is
// (P-compositionality, Horn and Kroening, 2015). The search is that of Wing and Gong (1993) with
// Lowe's memory of the configurations that led nowhere (2017). README.md says what else cuts it
// short.
//
// Thread-safety: pure, except for the clock that it is given.
#pragma once

#include "engine/base/clock.h"
#include "engine/base/status.h"
#include "tests/checker/history.h"
#include "tests/checker/model.h"

#include <absl/time/time.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace nokv::checker {

struct Limits {
  absl::Duration time_max = absl::Seconds(60);  // Of all keys together.
  size_t memory_bytes_max = size_t{1} << 30;    // Of what is remembered for one key.
};

enum class Verdict : uint8_t {
  kLinearizable,
  kNotLinearizable,
  kUnknown,  // A limit was reached first. Never to be taken for a pass.
};

// Why one key's part has no order.
struct BadKey {
  std::string key;
  // Its operations in order of their calls, up to the last moment that any order reached: already
  // these have no order.
  History operations;
  // An order that reaches as far as any, as indices; and the operation whose end it can't pass.
  std::vector<size_t> order;
  size_t stuck = 0;
};

struct Report {
  Verdict verdict = Verdict::kLinearizable;
  size_t operations = 0;
  size_t keys = 0;
  uint64_t steps = 0;                     // Of the search.
  std::optional<BadKey> bad;              // The bad key with the fewest operations.
  std::vector<std::string> unknown_keys;  // Those that reached a limit.
};

using ModelFactory = std::function<std::unique_ptr<Model>()>;  // One model a key.

// InvalidArgument if the model has no such operation, or one ends before it was called.
absl::StatusOr<Report> CheckLinearizable(const History& history, const ModelFactory& new_model,
                                         Clock& clock, const Limits& limits = {});

// For people: the verdict, and the bad key's operations in order, numbered as far as they have one.
std::string Describe(const Report& report);

}  // namespace nokv::checker
