#include "engine/table/block_cache.h"

#include "engine/base/check.h"
#include "engine/base/epoch.h"
#include "engine/base/mutex.h"

#include <array>
#include <utility>
#include <vector>

namespace nokv::table {
namespace {

constexpr size_t kShards = 16;

struct alignas(64) HitShard {
  std::atomic<uint64_t> hits{0};
};

size_t ThisThreadsShard() {
  static std::atomic<size_t> threads{0};
  thread_local const size_t shard = threads.fetch_add(1, std::memory_order_relaxed) % kShards;
  return shard;
}

// Drops the references of slots that were emptied, once no guard can still see the blocks.
void Retire(std::vector<Block*> blocks) {
  if (blocks.empty()) return;
  EpochRetire([blocks = std::move(blocks)] {
    for (Block* block : blocks) block->Unref();
  });
}

}  // namespace

struct BlockCache::State {
  struct Held {
    BlockSlot* slot;
    Block* block;
  };

  // Brings the bytes under the budget, but leaves `keep`.
  void EvictLocked(const Block* keep, std::vector<Block*>* evicted)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void TakeOutLocked(Held held) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);

  uint64_t capacity_bytes = 0;
  std::atomic<int64_t> used_bytes{0};
  std::atomic<uint64_t> misses{0};
  std::array<HitShard, kShards> shards;

  Mutex mutex;
  std::vector<Held> clock ABSL_GUARDED_BY(mutex);  // Blocks know their places in it.
  size_t hand ABSL_GUARDED_BY(mutex) = 0;
};

// Empties the slot of `held`; the last of the clock takes its place.
void BlockCache::State::TakeOutLocked(Held held) {
  held.slot->store(nullptr);
  used_bytes.fetch_sub(static_cast<int64_t>(held.block->memory_bytes()));
  const uint32_t place = held.block->clock_position_;
  clock[place] = clock.back();
  clock[place].block->clock_position_ = place;
  clock.pop_back();
}

// Used blocks get one round of mercy: readers may mark them faster than the hand goes round.
void BlockCache::State::EvictLocked(const Block* keep, std::vector<Block*>* evicted) {
  size_t mercies = clock.size();
  const size_t kept = keep == nullptr ? 0 : 1;
  while (used_bytes.load() > static_cast<int64_t>(capacity_bytes) && clock.size() > kept) {
    if (hand >= clock.size()) hand = 0;
    const Held held = clock[hand];
    if (held.block == keep) {
      ++hand;
    } else if (mercies > 0 && held.block->TakeUsed()) {
      --mercies;
      ++hand;
    } else {
      TakeOutLocked(held);
      evicted->push_back(held.block);
    }
  }
}

BlockCache::BlockCache(uint64_t capacity_bytes) : state_(std::make_unique<State>()) {
  state_->capacity_bytes = capacity_bytes;
}

BlockCache::~BlockCache() {
  MutexLock lock(state_->mutex);
  NOKV_CHECK(state_->clock.empty());
}

uint64_t BlockCache::capacity_bytes() const { return state_->capacity_bytes; }

uint64_t BlockCache::used_bytes() const { return static_cast<uint64_t>(state_->used_bytes.load()); }

uint64_t BlockCache::hits() const {
  uint64_t hits = 0;
  for (const HitShard& shard : state_->shards) hits += shard.hits.load(std::memory_order_relaxed);
  return hits;
}

uint64_t BlockCache::misses() const { return state_->misses.load(std::memory_order_relaxed); }

void BlockCache::Charge(int64_t bytes) {
  std::vector<Block*> evicted;
  {
    MutexLock lock(state_->mutex);
    state_->used_bytes.fetch_add(bytes);
    state_->EvictLocked(nullptr, &evicted);
  }
  Retire(std::move(evicted));
}

Block* BlockCache::Install(BlockSlot& slot, BlockRef fresh) {
  State& state = *state_;
  state.misses.fetch_add(1, std::memory_order_relaxed);
  std::vector<Block*> evicted;
  Block* block = nullptr;
  {
    MutexLock lock(state.mutex);
    if (Block* const present = slot.load(); present != nullptr) return present;
    block = fresh.Release();
    block->clock_position_ = static_cast<uint32_t>(state.clock.size());
    state.clock.push_back({.slot = &slot, .block = block});
    state.used_bytes.fetch_add(static_cast<int64_t>(block->memory_bytes()));
    slot.store(block);
    state.EvictLocked(block, &evicted);
  }
  Retire(std::move(evicted));
  return block;
}

void BlockCache::Remove(std::span<BlockSlot> slots) {
  std::vector<Block*> removed;
  {
    MutexLock lock(state_->mutex);
    for (BlockSlot& slot : slots) {
      Block* const block = slot.load();
      if (block == nullptr) continue;
      state_->TakeOutLocked({.slot = &slot, .block = block});
      removed.push_back(block);
    }
  }
  Retire(std::move(removed));
}

// Not an atomic increment: that would cost as much as finding the block. Threads of one shard may
// lose each other's counts.
void BlockCache::CountHit() {
  std::atomic<uint64_t>& hits = state_->shards[ThisThreadsShard()].hits;
  hits.store(hits.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

}  // namespace nokv::table
