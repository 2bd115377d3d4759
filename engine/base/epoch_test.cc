#include "engine/base/epoch.h"

#include "engine/base/mutex.h"
#include "engine/base/random.h"

#include <catch2/catch.hpp>

#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

namespace nokv {
namespace {

TEST_CASE("without a guard an object is freed at once", "[base][epoch]") {
  bool freed = false;
  EpochRetire([&] { freed = true; });
  REQUIRE(freed);
  REQUIRE(EpochCollect());
}

TEST_CASE("an open guard keeps what was retired after it opened", "[base][epoch]") {
  bool freed = false;
  {
    EpochGuard guard;
    EpochRetire([&] { freed = true; });
    REQUIRE_FALSE(freed);
    REQUIRE_FALSE(EpochCollect());
  }
  REQUIRE_FALSE(freed);  // Leaving frees nothing by itself.
  REQUIRE(EpochCollect());
  REQUIRE(freed);
}

TEST_CASE("a guard that opens later keeps nothing from before", "[base][epoch]") {
  bool freed = false;
  std::optional<EpochGuard> early(std::in_place);
  EpochRetire([&] { freed = true; });
  std::atomic<int> stage{0};
  std::thread late([&] {
    EpochGuard guard;
    stage.store(1);
    while (stage.load() != 2) std::this_thread::yield();
  });
  while (stage.load() != 1) std::this_thread::yield();
  REQUIRE_FALSE(EpochCollect());
  early.reset();
  REQUIRE(EpochCollect());
  REQUIRE(freed);
  stage.store(2);
  late.join();
}

TEST_CASE("guards nest, and only the outermost counts", "[base][epoch]") {
  bool freed = false;
  {
    EpochGuard outer;
    {
      EpochGuard inner;
      EpochRetire([&] { freed = true; });
    }
    REQUIRE_FALSE(EpochCollect());
    REQUIRE_FALSE(freed);
  }
  REQUIRE(EpochCollect());
  REQUIRE(freed);
}

TEST_CASE("more threads than one chunk of slots can hold guards", "[base][epoch]") {
  constexpr int kThreads = 150;
  std::atomic<int> inside{0};
  std::atomic<bool> leave{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      EpochGuard guard;
      ++inside;
      while (!leave.load()) std::this_thread::yield();
    });
  }
  while (inside.load() < kThreads) std::this_thread::yield();
  bool freed = false;
  EpochRetire([&] { freed = true; });
  REQUIRE_FALSE(freed);
  leave.store(true);
  for (std::thread& thread : threads) thread.join();
  REQUIRE(EpochCollect());
  REQUIRE(freed);
}

// Readers follow a pointer that writers replace; whoever meets a freed object sees it poisoned, and
// under the address or thread sanitizer is stopped.
TEST_CASE("readers never meet a freed object", "[base][epoch]") {
  struct Node {
    explicit Node(uint64_t v) : value(v), copy(v) {}

    ~Node() { copy = ~value; }

    uint64_t value;
    uint64_t copy;
  };

  constexpr uint64_t kReplacements = 4000;
  std::atomic<Node*> shared{new Node(0)};
  std::atomic<uint64_t> freed_count{0};
  std::atomic<uint64_t> mistakes{0};
  std::atomic<int> writers_left{2};

  std::vector<std::thread> threads;
  for (uint64_t writer = 0; writer < 2; ++writer) {
    threads.emplace_back([&, writer] {
      for (uint64_t i = 0; i < kReplacements; ++i) {
        Node* const old = shared.exchange(new Node(i * 2 + writer));
        EpochRetire([old, &freed_count] {
          delete old;
          ++freed_count;
        });
      }
      --writers_left;
    });
  }
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    threads.emplace_back([&, seed] {
      Random random(seed);
      while (writers_left.load() > 0) {
        EpochGuard guard;
        for (uint64_t looks = 1 + random.Uniform(3); looks > 0; --looks) {
          const Node* const node = shared.load();
          if (random.OneIn(16)) std::this_thread::yield();
          if (node->value != node->copy) ++mistakes;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  REQUIRE(EpochCollect());
  REQUIRE(freed_count.load() == 2 * kReplacements);
  REQUIRE(mistakes.load() == 0);
  delete shared.load();
}

TEST_CASE("what another thread is still freeing counts as waiting", "[base][epoch]") {
  std::atomic<bool> is_freeing{false};
  std::atomic<bool> may_finish{false};
  std::thread other([&] {
    EpochRetire([&] {
      is_freeing.store(true);
      while (!may_finish.load()) std::this_thread::yield();
    });
  });
  while (!is_freeing.load()) std::this_thread::yield();
  const bool was_empty = EpochCollect();
  may_finish.store(true);
  other.join();
  REQUIRE_FALSE(was_empty);
  REQUIRE(EpochCollect());
}

}  // namespace
}  // namespace nokv
