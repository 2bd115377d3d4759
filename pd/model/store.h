// What is known of a store: a process with a directory and an address, hosting peers.
//
// Ids are never reused: a removed store stays as a tombstone, and a store that comes back with
// another directory (another identity) is refused, because the peers that voted under its id are
// gone.
//
// Thread-safety: values.
#pragma once

#include "pd/model/types.h"

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

namespace nokv::pd {

// What somebody decided about a store. Persisted.
enum class StoreIntent : uint8_t {
  kServing = 1,
  kDraining = 2,   // Its leaders and peers are to move away; may still be taken back.
  kTombstone = 3,  // Gone for good.
};

// The intent together with what the store's silence tells.
enum class StoreState : uint8_t {
  kUp,
  kDisconnected,  // Silent for a moment: gets no new leaders.
  kDown,          // Silent for so long that its peers should be replaced.
  kDraining,
  kTombstone,
};

std::string_view ToString(StoreState state);

// The part of a store that is persisted.
struct StoreRecord {
  StoreId id{};
  uint64_t identity = 0;     // Made at random with the store's directory.
  std::string address = {};  // host:port, as others reach it.
  StoreIntent intent = StoreIntent::kServing;

  friend bool operator==(const StoreRecord&, const StoreRecord&) = default;
};

struct StoreStats {
  uint64_t capacity_bytes = 0;
  uint64_t available_bytes = 0;
  bool is_busy = false;  // Too slow at present to be given more work.
};

struct Store {
  StoreRecord record = {};
  StoreStats stats = {};
  uint64_t last_report_ms = 0;  // Monotonic; when it was loaded, if it has not reported since.
};

// What regions put on a store, known or not.
struct StoreLoad {
  uint64_t peer_count = 0;
  std::set<RegionId> leaders = {};  // Regions led from here. Ordered, so that runs repeat.
};

struct LivenessOptions {
  uint64_t disconnected_after_ms = 20'000;
  uint64_t down_after_ms = 30 * 60'000;
};

StoreState StateOf(const Store& store, const LivenessOptions& options, uint64_t now_ms);

// Whether it was heard of lately, whatever is intended with it.
bool IsAlive(const Store& store, const LivenessOptions& options, uint64_t now_ms);

}  // namespace nokv::pd
