// What each writer of the killed process does, as a function of its number and of a step's number:
// the program that dies and the test that judges it compute the same.
//
// Thread-safety: pure functions.
#pragma once

#include "engine/write_batch.h"

#include <cstdint>
#include <string>

namespace nokv::tests {

inline constexpr int kWriters = 3;

// Sent through the pipe after a step was acknowledged. Smaller than PIPE_BUF, so never torn.
struct Acknowledgement {
  uint64_t writer;
  uint64_t step;
};

std::string WriterPrefix(int writer);

// Step `step` (from 1) of `writer`: touches only keys under its prefix. The batch always sets the
// key "<prefix>step" to the number, so that no two states of a writer are alike.
WriteBatch LoadStep(int writer, uint64_t step);

bool IsPowerStep(int writer, uint64_t step);

}  // namespace nokv::tests
