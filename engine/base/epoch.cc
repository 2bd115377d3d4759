#include "engine/base/epoch.h"

#include "engine/base/check.h"
#include "engine/base/mutex.h"

#include <array>
#include <atomic>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

namespace nokv {
namespace {

constexpr uint64_t kIdle = 0;

struct alignas(64) Slot {
  std::atomic<uint64_t> epoch{kIdle};
  std::atomic<bool> taken{false};
};

// Slots come in chunks that are never freed, so the reclaimer walks them without a lock.
struct Chunk {
  std::array<Slot, 64> slots;
  std::atomic<Chunk*> next{nullptr};
};

struct Domain {
  std::atomic<uint64_t> epoch{1};
  Chunk first;
  Mutex mutex;
  std::deque<std::pair<uint64_t, std::function<void()>>> retired ABSL_GUARDED_BY(mutex);
  size_t freeing ABSL_GUARDED_BY(mutex) = 0;  // Taken from `retired` by some thread, not yet freed.

  bool IsEmpty() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    return retired.empty() && freeing == 0;
  }
};

Domain& TheDomain() {
  static Domain* const domain = new Domain;  // Never destroyed: threads may outlive main.
  return *domain;
}

Slot* TakeSlot() {
  for (Chunk* chunk = &TheDomain().first;;) {
    for (Slot& slot : chunk->slots) {
      bool expected = false;
      if (slot.taken.compare_exchange_strong(expected, true)) return &slot;
    }
    Chunk* next = chunk->next.load();
    if (next == nullptr) {
      auto fresh = std::make_unique<Chunk>();
      if (chunk->next.compare_exchange_strong(next, fresh.get())) next = fresh.release();
    }
    chunk = next;
  }
}

struct ThreadState {
  Slot* slot = nullptr;
  int depth = 0;

  ~ThreadState() {
    if (slot != nullptr) slot->taken.store(false);
  }
};

ThreadState& Local() {
  thread_local ThreadState state;
  return state;
}

// The oldest epoch that an open guard may be in.
uint64_t OldestOpen(Domain& domain) {
  uint64_t oldest = domain.epoch.load();
  for (Chunk* chunk = &domain.first; chunk != nullptr; chunk = chunk->next.load()) {
    for (Slot& slot : chunk->slots) {
      const uint64_t epoch = slot.epoch.load();
      if (epoch != kIdle && epoch < oldest) oldest = epoch;
    }
  }
  return oldest;
}

}  // namespace

EpochGuard::EpochGuard() {
  ThreadState& state = Local();
  if (state.depth++ > 0) return;
  if (state.slot == nullptr) state.slot = TakeSlot();
  // Sequentially consistent: a reclaimer that misses this store has advanced the epoch before it,
  // so the loads of this guard see whatever was unlinked before that.
  state.slot->epoch.store(TheDomain().epoch.load());
}

EpochGuard::~EpochGuard() {
  ThreadState& state = Local();
  if (--state.depth > 0) return;
  state.slot->epoch.store(kIdle, std::memory_order_release);
}

void EpochRetire(std::function<void()> free) {
  Domain& domain = TheDomain();
  {
    MutexLock lock(domain.mutex);
    // Guards opened after this hold a later epoch and can't reach the object.
    domain.retired.emplace_back(domain.epoch.fetch_add(1), std::move(free));
  }
  EpochCollect();
}

bool EpochCollect() {
  Domain& domain = TheDomain();
  std::vector<std::function<void()>> ready;
  {
    MutexLock lock(domain.mutex);
    if (domain.retired.empty()) return domain.IsEmpty();
    const uint64_t oldest = OldestOpen(domain);
    while (!domain.retired.empty() && domain.retired.front().first < oldest) {
      ready.push_back(std::move(domain.retired.front().second));
      domain.retired.pop_front();
    }
    if (ready.empty()) return false;
    domain.freeing += ready.size();
  }
  for (const std::function<void()>& free : ready) free();
  MutexLock lock(domain.mutex);
  domain.freeing -= ready.size();
  return domain.IsEmpty();
}

}  // namespace nokv
