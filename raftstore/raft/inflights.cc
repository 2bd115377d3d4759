#include "raftstore/raft/inflights.h"

#include "engine/base/check.h"
#include "engine/base/codec.h"

#include <algorithm>

namespace nokv::raft {
namespace {

constexpr size_t kFirstSize = 8;
constexpr size_t kKeptSize = 16;  // A larger ring is given back when it runs empty.

}  // namespace

void Inflights::Add(Index last, uint64_t bytes) {
  NOKV_CHECK(count_ == 0 || at(count_ - 1).last < last);
  if (count_ == ring_.size()) {
    std::vector<Item> larger(std::max(kFirstSize, 2 * ring_.size()));
    for (size_t i = 0; i < count_; ++i) larger[i] = at(i);
    ring_ = std::move(larger);
    head_ = 0;
  }
  ring_[(head_ + count_) % ring_.size()] = {last, bytes};
  ++count_;
  bytes_ += bytes;
}

void Inflights::FreeTo(Index index) {
  while (count_ > 0 && at(0).last <= index) {
    bytes_ -= at(0).bytes;
    head_ = (head_ + 1) % ring_.size();
    --count_;
  }
  if (count_ == 0) Clear();
}

void Inflights::Clear() {
  head_ = count_ = 0;
  bytes_ = 0;
  if (ring_.size() > kKeptSize) std::vector<Item>().swap(ring_);
}

void Inflights::AppendStateTo(std::string& out) const {
  PutVarint(out, count_);
  for (size_t i = 0; i < count_; ++i) {
    PutVarint(out, at(i).last);
    PutVarint(out, at(i).bytes);
  }
}

}  // namespace nokv::raft
