#include "pd/model/store.h"

namespace nokv::pd {

std::string_view ToString(StoreState state) {
  switch (state) {
    case StoreState::kUp:
      return "up";
    case StoreState::kDisconnected:
      return "disconnected";
    case StoreState::kDown:
      return "down";
    case StoreState::kDraining:
      return "draining";
    case StoreState::kTombstone:
      return "tombstone";
  }
  return "unknown";
}

StoreState StateOf(const Store& store, const LivenessOptions& options, uint64_t now_ms) {
  if (store.record.intent == StoreIntent::kTombstone) return StoreState::kTombstone;
  if (store.record.intent == StoreIntent::kDraining) return StoreState::kDraining;
  const uint64_t silent_ms = now_ms - store.last_report_ms;
  if (silent_ms >= options.down_after_ms) return StoreState::kDown;
  if (silent_ms >= options.disconnected_after_ms) return StoreState::kDisconnected;
  return StoreState::kUp;
}

bool IsAlive(const Store& store, const LivenessOptions& options, uint64_t now_ms) {
  return store.record.intent != StoreIntent::kTombstone &&
         now_ms - store.last_report_ms < options.disconnected_after_ms;
}

}  // namespace nokv::pd
