// Waiting for background work, by blocking or, where one thread does everything, by doing it.
//
// Thread-safety: as DBImpl.
#pragma once

#include "engine/db/db_impl.h"

namespace nokv {

template <typename Condition>
void DBImpl::WaitUntil(CondVar& signal, Condition done) {
  while (!done()) {
    mutex_.Unlock();
    const bool helped = executor_.HelpOnce();
    mutex_.Lock();
    if (!helped && !done()) signal.Wait(mutex_);
  }
}

}  // namespace nokv
