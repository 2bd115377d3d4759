#include "raftstore/raft/payload.h"

#include <cstring>
#include <new>

namespace nokv::raft {

Payload::Payload(std::string_view bytes) {
  if (bytes.empty()) return;
  block_ = new (::operator new(sizeof(Block) + bytes.size())) Block{1, bytes.size()};
  std::memcpy(static_cast<void*>(block_ + 1), bytes.data(), bytes.size());
}

void Payload::Release() {
  // The last handle must see everything that the others did to the bytes before they let go.
  if (block_->references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  block_->~Block();
  ::operator delete(block_);
}

}  // namespace nokv::raft
