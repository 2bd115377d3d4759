#include "pd/server/task_group.h"

#include <utility>

namespace nokv::pd {

void TaskGroup::Submit(Priority priority, Executor::Task task) {
  executor_.Submit(priority, [state = state_, task = std::move(task)] {
    {
      MutexLock lock(state->mutex);
      if (state->is_closed) return;
      ++state->running;
    }
    task();
    MutexLock lock(state->mutex);
    if (--state->running == 0) state->done.SignalAll();
  });
}

void TaskGroup::Close() {
  MutexLock lock(state_->mutex);
  state_->is_closed = true;
  while (state_->running > 0) state_->done.Wait(state_->mutex);
}

}  // namespace nokv::pd
