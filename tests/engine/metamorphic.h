// Random operations on random options, checked against the model and, where it is installed,
// against RocksDB.
//
// A run is a script: a seed for the options and a list of operations, each with four random
// numbers that are interpreted when it runs. So any operations may be left out and the rest still
// means something, which is what lets a failing script shrink.
//
// Thread-safety: none.
#pragma once

#include "engine/options.h"

#include <cstdint>
#include <string>
#include <vector>

namespace nokv::tests {

enum class OpKind : uint8_t {
  kSet,
  kSetWithTTL,
  kDelete,
  kDeleteRange,
  kBatch,
  kGet,
  kMultiGet,
  kPin,
  kWalk,
  kPeerWalk,
  kOpenIterator,
  kWalkOpenIterator,
  kSnapshot,
  kReleaseSnapshot,
  kFlush,
  kCompact,
  kCollect,
  kCheckpoint,
  kReopen,
  kKill,
  kPowerCut,
  kSyncLog,
  kAdvance,
  kBackground,
  kCreateFamily,
  kDropFamily,
  kCompareAll,
  kVerify,
  kCount,
};

struct Op {
  OpKind kind;
  uint64_t a, b, c, d;
};

struct Script {
  uint64_t seed = 0;
  bool has_expiry = false;  // Then without the peer, which has none.
  std::vector<Op> ops;
};

Script RandomScript(uint64_t seed, size_t op_count);

Options RandomOptions(uint64_t seed);

// In words what went wrong; empty if nothing did.
std::string RunScript(const Script& script);

// A script that still fails, with as few operations as `runs_max` attempts can find.
Script Shrink(const Script& script, int runs_max);

std::string Print(const Script& script);

}  // namespace nokv::tests
