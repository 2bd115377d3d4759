// One run of one engine in a process of its own, so that its memory, its processor time and what
// it leaves behind are its own too.
//
// The child is this same program with the same arguments and a ChildTask; it tells its parent what
// happens in lines of JSON through a pipe.
//
// Thread-safety: none.
#pragma once

#include "benchmark/ycsb/engine_run.h"

#include <functional>
#include <string>
#include <vector>

namespace nokv::bench {

struct ChildListener {
  RunListener run;
  std::function<void()> tick;  // About once a second.
};

// Runs the child to its end, with `arguments` being those of this process. The failure is the
// child's own, or says how it died.
absl::Status RunInChild(const std::vector<std::string>& arguments, const ChildTask& task,
                        const ChildListener& listener);

// What the child does: measures, and reports. Returns its exit code.
int ChildMain(const Settings& settings);

}  // namespace nokv::bench
