// What the experiments share: command line, scratch directory, timing, and a table of medians.
//
// An experiment records one figure a round for each thing it measures, with the things taken in
// turn within a round, so that a noisy neighbour hits all of them. Finish() prints the median and
// the extremes of each and writes them as JSON if asked to.
//
// Thread-safety: none, but for the free functions.
#pragma once

#include "benchmark/ycsb/ticks.h"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace nokv::bench {

// User and system time of the calling thread, and of the whole process.
uint64_t ThreadCpuNanos();
uint64_t ProcessCpuNanos();

// Keeps the compiler from dropping the work that made `value`.
template <typename T>
inline void KeepAlive(const T& value) {
  asm volatile("" : : "g"(value) : "memory");
}

// The element at `fraction` of the sorted `values`, which it sorts. 0 if empty.
double PercentileOf(std::vector<double>& values, double fraction);

// Binds the calling thread to a processor.
void PinToProcessor(int processor);

// Runs `body(thread)` on so many threads that start together; nanoseconds until the last is done.
uint64_t TimeThreads(int threads, const std::function<void(int)>& body);

// Ends the program with a message that names what failed, and the system's text if it was a call
// to the system: an experiment has no use for going on.
void Must(bool ok, std::string_view what);

class Experiment {
 public:
  Experiment(std::string name, std::string question);

  // Removes the scratch directory.
  ~Experiment();

  // False with the code to exit with, after --help or a mistake.
  bool Parse(int argc, char** argv, int* exit_code);

  int rounds() const { return rounds_; }

  // A file of the scratch directory, which Parse() makes under --dir.
  std::string FileInScratch(std::string_view name) const;

  void Record(std::string_view what, std::string_view unit, double value);

  // Returns the exit code.
  int Finish() const;

 private:
  struct Series {
    std::string what;
    std::string unit;
    std::vector<double> values;
  };

  const std::string name_;
  const std::string question_;
  std::string directory_ = ".";
  std::string scratch_;  // Empty until it is made.
  std::string json_file_;
  int rounds_ = 5;
  std::vector<Series> series_;
};

}  // namespace nokv::bench
