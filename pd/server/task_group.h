// Background steps that end with their owner: after Close() none runs, and none will.
//
// Thread-safety: safe.
#pragma once

#include "engine/base/executor.h"
#include "engine/base/mutex.h"

#include <memory>

namespace nokv::pd {

class TaskGroup {
 public:
  explicit TaskGroup(Executor& executor) : executor_(executor) {}

  ~TaskGroup() { Close(); }

  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  // Runs `task` on the executor, unless Close() comes first.
  void Submit(Priority priority, Executor::Task task);

  // Waits for the tasks that are running; must not be called by one.
  void Close();

 private:
  // Outlives the group, for tasks that the executor still holds.
  struct State {
    Mutex mutex;
    CondVar done;
    int running ABSL_GUARDED_BY(mutex) = 0;
    bool is_closed ABSL_GUARDED_BY(mutex) = false;
  };

  Executor& executor_;
  const std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace nokv::pd
