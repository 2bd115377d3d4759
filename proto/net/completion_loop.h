// What one user of gRPC has under way: its server, or a part of the process that calls others.
//
// An operation of gRPC is started with a tag and comes back on the queue when it has ended. Here a
// tag is a Step: it keeps its owner alive while the operation is under way, and then calls it.
//
// Invariant: no operation begins after Close(), and Stop() returns when every one that had begun
// has ended. Whoever stops a loop sees to it that they end, by cancelling calls or shutting servers
// down; otherwise Stop() waits for ever. A stopped loop is shared with whoever comes late, and then
// begins nothing.
//
// Thread-safety: safe. Steps run on the poller's thread, one after the other.
#pragma once

#include "engine/base/mutex.h"
#include "proto/net/poller.h"

#include <cstdint>
#include <memory>
#include <utility>

namespace nokv::net {

// What a tag points to.
class Completion {
 public:
  virtual void Complete(bool ok) = 0;

 protected:
  ~Completion() = default;
};

class CompletionLoop {
 public:
  explicit CompletionLoop(std::shared_ptr<Poller> poller) : poller_(std::move(poller)) {}

  // No operation begins from now on.
  void Close();

  // Closes, waits for what is under way, and lets go of the poller. Once, and not on its thread.
  void Stop();

  // For an operation that has begun.
  grpc::CompletionQueue* queue() const { return &poller_->queue(); }

 private:
  template <typename Owner>
  friend class Step;

  bool Begin();
  void End();

  std::shared_ptr<Poller> poller_;

  Mutex mutex_;
  CondVar idle_;
  bool is_closed_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t under_way_ ABSL_GUARDED_BY(mutex_) = 0;
};

// One kind of operation of an owner, which has at most one of it under way at a time.
//
//   if (void* tag = read_.Begin(loop, shared_from_this())) stream.Read(&buffer, tag);
template <typename Owner>
class Step final : public Completion {
 public:
  using Then = void (Owner::*)(bool ok);

  explicit Step(Then then) : then_(then) {}

  // The tag to start the operation with, which then must be started; null if the loop has closed.
  void* Begin(const std::shared_ptr<CompletionLoop>& loop, std::shared_ptr<Owner> owner) {
    if (!loop->Begin()) return nullptr;
    loop_ = loop;
    owner_ = std::move(owner);
    return static_cast<Completion*>(this);
  }

  // The owner may go, and this with it; only then has the operation ended.
  void Complete(bool ok) override {
    const std::shared_ptr<CompletionLoop> loop = std::move(loop_);
    std::shared_ptr<Owner> owner = std::move(owner_);
    (owner.get()->*then_)(ok);
    owner.reset();
    loop->End();
  }

 private:
  const Then then_;
  std::shared_ptr<CompletionLoop> loop_;
  std::shared_ptr<Owner> owner_;
};

}  // namespace nokv::net
