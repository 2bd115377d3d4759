// For tests: histories of a simulated object that does one thing at a time, and of one that does
// not.
//
// Thread-safety: pure functions.
#pragma once

#include "engine/base/random.h"
#include "tests/checker/history.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace nokv::checker {

struct Simulation {
  size_t operations = 1000;
  size_t keys = 10;
  size_t clients = 10;
  bool is_counter = false;  // Or a register.
  // One operation in so many has an unknown outcome; 0: none. Half of those happen, some of them
  // long after everything else.
  uint64_t one_unknown_in = 0;
};

// Every put and cas writes a value of its own. Clients call, wait and call again; each operation
// takes place at a random moment between its call and its end.
History Simulate(const Simulation& simulation, Random& random);

// Changes one result so that the history can't be linearizable any more, whatever else happened; in
// words what. Nothing if there is no place for such a change.
std::optional<std::string> Spoil(History& history, Random& random);

}  // namespace nokv::checker
