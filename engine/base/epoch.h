// Epochs: readers look at shared objects without counting references; an object that was unlinked
// is freed once every reader that might have seen it has left.
//
// A reader enters an epoch by storing to a slot of its own thread, so entering and leaving touch no
// shared cache line (Fraser, "Practical lock-freedom", 2004, section 5.2.3). What must outlive a
// guard (iterators, pinned values) takes a counted reference inside one.
//
// Thread-safety: safe. Guards nest; a guard belongs to its thread.
#pragma once

#include <cstdint>
#include <functional>

namespace nokv {

class EpochGuard {
 public:
  EpochGuard();
  ~EpochGuard();

  EpochGuard(const EpochGuard&) = delete;
  EpochGuard& operator=(const EpochGuard&) = delete;
};

// Calls `free` once no guard that is open now is still open: at once if there is none, else inside
// a later Retire() or EpochCollect(). The caller has already made the object unreachable.
// `free` must not block and must not open a guard.
void EpochRetire(std::function<void()> free);

// Frees what can be freed now. True if nothing is left waiting, nor being freed by another thread:
// then everything retired before the call is gone.
bool EpochCollect();

}  // namespace nokv
