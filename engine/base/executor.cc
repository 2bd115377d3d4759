#include "engine/base/executor.h"

#include "engine/base/check.h"

#include <thread>
#include <utility>
#include <vector>

namespace nokv {
namespace {

class ThreadPool final : public Executor {
 public:
  explicit ThreadPool(int thread_count) {
    NOKV_CHECK(thread_count > 0);
    for (int i = 0; i < thread_count; ++i) threads_.emplace_back([this] { Work(); });
  }

  ~ThreadPool() override {
    {
      MutexLock lock(mutex_);
      stopping_ = true;
    }
    wake_.SignalAll();
    for (std::thread& thread : threads_) thread.join();
  }

  void Submit(Priority priority, Task task) override {
    {
      MutexLock lock(mutex_);
      (priority == Priority::kHigh ? high_ : low_).push_back(std::move(task));
    }
    wake_.SignalOne();
  }

 private:
  void Work() {
    for (;;) {
      Task task;
      {
        MutexLock lock(mutex_);
        while (high_.empty() && low_.empty() && !stopping_) wake_.Wait(mutex_);
        if (high_.empty() && low_.empty()) return;
        std::deque<Task>& queue = high_.empty() ? low_ : high_;
        task = std::move(queue.front());
        queue.pop_front();
      }
      task();
    }
  }

  Mutex mutex_;
  CondVar wake_;
  std::deque<Task> high_ ABSL_GUARDED_BY(mutex_);
  std::deque<Task> low_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace

std::unique_ptr<Executor> NewThreadPool(int thread_count) {
  return std::make_unique<ThreadPool>(thread_count);
}

void ManualExecutor::Submit(Priority priority, Task task) {
  (void)priority;  // A single thread may run them in any order; the random source explores that.
  tasks_.push_back(std::move(task));
}

bool ManualExecutor::RunOne() {
  if (tasks_.empty()) return false;
  const size_t pick = random_ == nullptr ? 0 : random_->Uniform(tasks_.size());
  Task task = std::move(tasks_[pick]);
  tasks_.erase(tasks_.begin() + static_cast<std::ptrdiff_t>(pick));
  task();
  return true;
}

void ManualExecutor::Clear() { tasks_.clear(); }

}  // namespace nokv
