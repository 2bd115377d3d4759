#include "proto/net/completion_loop.h"

#include "engine/base/check.h"

namespace nokv::net {

void CompletionLoop::Stop() {
  NOKV_CHECK(!poller_->IsThisThread());
  Close();
  {
    MutexLock lock(mutex_);
    while (under_way_ > 0) idle_.Wait(mutex_);
  }
  // The last to hold this may be the poller's thread, which must not end itself.
  poller_.reset();
}

void CompletionLoop::Close() {
  MutexLock lock(mutex_);
  is_closed_ = true;
}

bool CompletionLoop::Begin() {
  MutexLock lock(mutex_);
  if (is_closed_) return false;
  ++under_way_;
  return true;
}

void CompletionLoop::End() {
  MutexLock lock(mutex_);
  if (--under_way_ == 0 && is_closed_) idle_.SignalAll();
}

}  // namespace nokv::net
