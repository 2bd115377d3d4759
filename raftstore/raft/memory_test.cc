// What an idle peer takes: there may be a hundred thousand of them in a store.
#include "raftstore/raft/raft.h"
#include "raftstore/raft/testing/memory_disk.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <malloc.h>
#include <memory>
#include <new>
#include <vector>

namespace {

// What the allocator has really set aside, and not only what was asked for.
size_t live_bytes = 0;

}  // namespace

void* operator new(size_t size) {
  void* const memory = std::malloc(size);
  if (memory == nullptr) std::abort();
  live_bytes += malloc_usable_size(memory);
  return memory;
}

void operator delete(void* memory) noexcept {
  live_bytes -= memory == nullptr ? 0 : malloc_usable_size(memory);
  std::free(memory);
}

void operator delete(void* memory, size_t) noexcept { operator delete(memory); }

namespace nokv::raft {
namespace {

using testing::MemoryDisk;

constexpr size_t kPeers = 3;

struct Group {
  Group() {
    for (size_t i = 0; i < kPeers; ++i) {
      disks[i] = MemoryDisk(MakeConfiguration({1, 2, 3}));
      Options options;
      options.id = options.seed = i + 1;
      peers[i] = Raft::Create(options, disks[i], disks[i].initial_state()).value();
    }
  }

  void Settle() {
    for (bool is_quiet = false; !is_quiet;) {
      is_quiet = true;
      for (size_t i = 0; i < kPeers; ++i) {
        while (peers[i]->HasReady()) {
          is_quiet = false;
          Ready ready = peers[i]->TakeReady();
          disks[i].Write(ready);
          peers[i]->Persisted(ready.number);
          if (!ready.committed.empty()) peers[i]->Applied(ready.committed.back().index);
          for (auto* messages : {&ready.messages_now, &ready.messages_after_persist}) {
            for (Message& message : *messages) {
              static_cast<void>(peers[message.to - 1]->Step(std::move(message)));
            }
          }
        }
      }
    }
  }

  std::array<MemoryDisk, kPeers> disks;
  std::array<std::unique_ptr<Raft>, kPeers> peers;
};

TEST_CASE("an idle peer takes no more than two kibibytes, whatever it did before",
          "[raft][memory]") {
  Group group;
  REQUIRE(group.peers[0]->Campaign().ok());
  group.Settle();
  for (int round = 0; round < 200; ++round) {
    std::vector<Payload> entries;
    for (int i = 0; i < 50; ++i) entries.emplace_back(std::string(100, 'x'));
    REQUIRE(group.peers[0]->Propose(std::move(entries), 2).ok());
    REQUIRE(group.peers[0]->ReadIndex(1).ok());
    if (round % 10 == 9) group.Settle();
  }
  group.peers[0]->Tick(3);
  group.Settle();
  REQUIRE(group.peers[2]->applied() == group.peers[0]->last_index());
  for (const auto& [name, peer] : {std::pair("leader", 0), std::pair("follower", 1)}) {
    const size_t before = live_bytes;
    group.peers[static_cast<size_t>(peer)] = nullptr;
    const size_t bytes = before - live_bytes;
    fmt::print("{}: {} bytes, of which the object takes {}\n", name, bytes, sizeof(Raft));
    CHECK(bytes <= 2048);
  }
}

}  // namespace
}  // namespace nokv::raft
