// The state machine of simulated clusters: registers, each holding the number of its last write.
//
// A write names the number that its evaluation saw. Since leaders evaluate under a latch against
// all that may come before, it must still be there when the write is applied.
//
// Thread-safety: values.
#pragma once

#include "engine/base/codec.h"
#include "raftstore/raft/payload.h"

#include <array>
#include <cstdint>
#include <string>

namespace nokv::raft::testing {

struct Write {
  uint64_t key = 0;
  uint64_t seen = 0;    // What the register held when this was evaluated.
  uint64_t number = 0;  // Unique.

  Payload Encode() const {
    char bytes[24];
    StoreFixed(bytes, key);
    StoreFixed(bytes + 8, seen);
    StoreFixed(bytes + 16, number);
    return Payload(std::string_view(bytes, sizeof(bytes)));
  }

  static Write Decode(const Payload& payload) {
    const char* const bytes = payload.view().data();
    return {LoadFixed<uint64_t>(bytes), LoadFixed<uint64_t>(bytes + 8),
            LoadFixed<uint64_t>(bytes + 16)};
  }
};

struct Registers {
  static constexpr uint64_t kCount = 3;

  std::array<uint64_t, kCount> numbers = {};

  Payload Encode() const {
    return Payload(
        std::string_view(reinterpret_cast<const char*>(numbers.data()), sizeof(numbers)));
  }

  static Registers Decode(const Payload& payload) {
    Registers registers;
    if (payload.size() == sizeof(registers.numbers)) {
      std::memcpy(registers.numbers.data(), payload.view().data(), payload.size());
    }
    return registers;
  }
};

}  // namespace nokv::raft::testing
