// E3: what threads cost each other here: scaling, contended atomics, and waking a sleeper.
#include "benchmark/experiments/experiment.h"

#include <fmt/format.h>

#include <atomic>
#include <climits>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>

namespace nokv::bench {
namespace {

constexpr uint64_t kSpins = 100'000'000;
constexpr uint64_t kAtomics = 4'000'000;
constexpr uint64_t kHandoffs = 200'000;
constexpr uint64_t kWakes = 10'000;

struct alignas(128) Line {
  std::atomic<uint32_t> value{0};
};

// A chain of dependent multiplications: nothing but the core's own units is used.
void MeasureScaling(Experiment& experiment) {
  double alone = 0;
  for (const int threads : {1, 2}) {
    const uint64_t nanos = TimeThreads(threads, [](int thread) {
      PinToProcessor(thread);
      uint64_t x = static_cast<uint64_t>(thread) + 1;
      for (uint64_t i = 0; i < kSpins; ++i) x = x * 6364136223846793005u + 1442695040888963407u;
      KeepAlive(x);
    });
    const double rate = static_cast<double>(kSpins) * threads / static_cast<double>(nanos);
    if (threads == 1) alone = rate;
    if (threads == 2) experiment.Record("arithmetic, 2 threads to 1", "x", rate / alone);
  }
}

void MeasureAtomics(Experiment& experiment) {
  for (const int threads : {1, 2}) {
    Line line;
    const uint64_t nanos = TimeThreads(threads, [&](int thread) {
      PinToProcessor(thread);
      for (uint64_t i = 0; i < kAtomics; ++i) line.value.fetch_add(1, std::memory_order_relaxed);
    });
    experiment.Record(fmt::format("fetch_add on one line, {} thread(s)", threads), "ns/add",
                      static_cast<double>(nanos) / (kAtomics * static_cast<double>(threads)));
  }
  for (const int threads : {1, 2}) {
    Line line;
    const uint64_t nanos = TimeThreads(threads, [&](int thread) {
      PinToProcessor(thread);
      for (uint64_t i = 0; i < kAtomics; ++i) {
        uint32_t seen = line.value.load(std::memory_order_relaxed);
        while (!line.value.compare_exchange_weak(seen, seen + 1, std::memory_order_acq_rel)) {
        }
      }
    });
    experiment.Record(fmt::format("compare-and-swap on one line, {} thread(s)", threads), "ns/swap",
                      static_cast<double>(nanos) / (kAtomics * static_cast<double>(threads)));
  }
}

void FutexWait(std::atomic<uint32_t>& word, uint32_t while_equal) {
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, while_equal, nullptr, nullptr, 0);
}

void FutexWake(std::atomic<uint32_t>& word) {
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

// Two threads take turns; each turn is one wake-up of a sleeper, or one spin until seen.
void MeasureHandoff(Experiment& experiment, std::string_view name, bool sleeps,
                    bool same_processor) {
  const uint64_t turns = sleeps ? kWakes : kHandoffs;
  Line turn;
  const uint64_t nanos = TimeThreads(2, [&](int thread) {
    PinToProcessor(same_processor ? 0 : thread);
    const auto parity = static_cast<uint32_t>(thread);
    while (true) {
      uint32_t now = turn.value.load(std::memory_order_acquire);
      if (now >= turns) break;
      if (now % 2 != parity) {
        if (sleeps) FutexWait(turn.value, now);
        continue;
      }
      turn.value.store(now + 1, std::memory_order_release);
      if (sleeps) FutexWake(turn.value);
    }
    FutexWake(turn.value);
  });
  experiment.Record(name, "us/turn",
                    static_cast<double>(nanos) * 1e-3 / static_cast<double>(turns));
}

// The waker's own cost when nobody sleeps: what an uncontended unlock may pay.
void MeasureIdleWake(Experiment& experiment) {
  Line line;
  const uint64_t start = MonotonicNanos();
  for (uint64_t i = 0; i < kHandoffs; ++i) FutexWake(line.value);
  experiment.Record("futex wake, nobody asleep", "us/call",
                    static_cast<double>(MonotonicNanos() - start) * 1e-3 / kHandoffs);
}

}  // namespace
}  // namespace nokv::bench

int main(int argc, char** argv) {
  using namespace nokv::bench;
  Experiment experiment("e3_threads", "What do threads cost each other on this machine?");
  int exit_code = 0;
  if (!experiment.Parse(argc, argv, &exit_code)) return exit_code;
  Must(std::thread::hardware_concurrency() >= 2, "find two processors");
  for (int round = 0; round < experiment.rounds(); ++round) {
    MeasureScaling(experiment);
    MeasureAtomics(experiment);
    MeasureHandoff(experiment, "handoff by spinning, two processors", false, false);
    MeasureHandoff(experiment, "handoff by futex, two processors", true, false);
    MeasureHandoff(experiment, "handoff by futex, one processor", true, true);
    MeasureIdleWake(experiment);
  }
  return experiment.Finish();
}
