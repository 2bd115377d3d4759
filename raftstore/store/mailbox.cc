#include "raftstore/store/mailbox.h"

#include "engine/base/check.h"

#include <iterator>
#include <utility>

namespace nokv::store {

void Mailbox::Start(Round round) {
  MutexLock lock(mutex_);
  NOKV_CHECK(round_ == nullptr && !is_closed_);
  round_ = std::move(round);
  WakeLocked();
}

void Mailbox::Close() {
  Inputs forgotten;  // Destroyed without the lock: its commands may be anybody's.
  MutexLock lock(mutex_);
  is_closed_ = true;
  while (is_running_) changed_.Wait(mutex_);
  std::swap(forgotten, waiting_);
  round_ = nullptr;
}

void Mailbox::Submit(std::unique_ptr<Pending> command) {
  MutexLock lock(mutex_);
  if (is_closed_) return;
  waiting_.commands.push_back(std::move(command));
  WakeLocked();
}

void Mailbox::Receive(transport::StoreId from, std::vector<transport::Envelope> messages) {
  uint64_t bytes = 0;
  for (const transport::Envelope& message : messages) bytes += transport::SizeBytes(message);
  MutexLock lock(mutex_);
  if (is_closed_) return;
  if (messages_ + messages.size() > options_.messages_max ||
      message_bytes_ + bytes > options_.message_bytes_max) {
    messages_dropped_ += messages.size();
    return;
  }
  messages_ += messages.size();
  message_bytes_ += bytes;
  waiting_.received.push_back({from, std::move(messages)});
  WakeLocked();
}

void Mailbox::Return(std::vector<transport::Undelivered> undelivered) {
  MutexLock lock(mutex_);
  if (is_closed_) return;
  std::move(undelivered.begin(), undelivered.end(), std::back_inserter(waiting_.undelivered));
  WakeLocked();
}

void Mailbox::Post(std::function<void()> task) {
  MutexLock lock(mutex_);
  if (is_closed_) return;
  waiting_.tasks.push_back(std::move(task));
  WakeLocked();
}

void Mailbox::Wake() {
  MutexLock lock(mutex_);
  WakeLocked();
}

uint64_t Mailbox::messages_dropped() {
  MutexLock lock(mutex_);
  return messages_dropped_;
}

void Mailbox::WakeLocked() {
  if (is_closed_ || is_scheduled_ || round_ == nullptr) return;
  is_scheduled_ = true;
  loop_.Submit(Priority::kHigh, [self = shared_from_this()] { self->Run(); });
}

void Mailbox::Run() {
  Inputs inputs;
  Round* round = nullptr;  // Stays in place while it runs: Close() waits.
  {
    MutexLock lock(mutex_);
    is_scheduled_ = false;
    if (is_closed_) return;
    if (is_running_) {
      runs_again_ = true;
      return;
    }
    is_running_ = true;
    round = &round_;
    std::swap(inputs, waiting_);
    messages_ = 0;
    message_bytes_ = 0;
  }
  const bool has_more = (*round)(std::move(inputs));
  MutexLock lock(mutex_);
  is_running_ = false;
  if (has_more || std::exchange(runs_again_, false)) WakeLocked();
  changed_.SignalAll();
}

}  // namespace nokv::store
