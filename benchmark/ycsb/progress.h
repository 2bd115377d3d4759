// One line on the error output that says how far the benchmark is. Writes nothing if disabled.
//
// Thread-safety: none.
#pragma once

#include <cstdint>
#include <string>

namespace nokv::bench {

class Progress {
 public:
  Progress(bool enabled, uint64_t steps);

  // `what` is being done now.
  void Show(const std::string& what);

  void StepDone() { ++done_; }

  // Draws the line anew with the time that has passed.
  void Tick();

  // Takes the line away, so that other output begins on an empty one.
  void Clear();

 private:
  const bool enabled_;
  const uint64_t steps_;
  const uint64_t start_nanos_;
  uint64_t done_ = 0;
  std::string what_;
};

}  // namespace nokv::bench
