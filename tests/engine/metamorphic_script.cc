#include "engine/base/random.h"
#include "tests/engine/metamorphic.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace nokv::tests {
namespace {

struct KindWeight {
  OpKind kind;
  const char* name;
  int weight;
};

constexpr KindWeight kKinds[] = {
    {OpKind::kSet, "set", 60},
    {OpKind::kSetWithTTL, "set with ttl", 14},
    {OpKind::kDelete, "delete", 16},
    {OpKind::kDeleteRange, "delete range", 5},
    {OpKind::kBatch, "batch", 14},
    {OpKind::kGet, "get", 20},
    {OpKind::kMultiGet, "multiget", 5},
    {OpKind::kPin, "pin", 6},
    {OpKind::kWalk, "walk", 10},
    {OpKind::kPeerWalk, "peer walk", 6},
    {OpKind::kOpenIterator, "open iterator", 3},
    {OpKind::kWalkOpenIterator, "walk open iterator", 5},
    {OpKind::kSnapshot, "snapshot", 4},
    {OpKind::kReleaseSnapshot, "release snapshot", 4},
    {OpKind::kFlush, "flush", 5},
    {OpKind::kCompact, "compact", 3},
    {OpKind::kCollect, "collect", 4},
    {OpKind::kCheckpoint, "checkpoint", 1},
    {OpKind::kReopen, "reopen", 2},
    {OpKind::kKill, "kill", 2},
    {OpKind::kPowerCut, "power cut", 2},
    {OpKind::kSyncLog, "sync log", 2},
    {OpKind::kAdvance, "advance", 4},
    {OpKind::kBackground, "background", 8},
    {OpKind::kCreateFamily, "create family", 2},
    {OpKind::kDropFamily, "drop family", 1},
    {OpKind::kCompareAll, "compare all", 2},
    {OpKind::kVerify, "verify", 1},
};
static_assert(std::size(kKinds) == static_cast<size_t>(OpKind::kCount));

OpKind RandomKind(Random& random) {
  static const int kTotal = [] {
    int total = 0;
    for (const KindWeight& kind : kKinds) total += kind.weight;
    return total;
  }();
  auto draw = static_cast<int>(random.Uniform(static_cast<uint64_t>(kTotal)));
  for (const KindWeight& kind : kKinds) {
    draw -= kind.weight;
    if (draw < 0) return kind.kind;
  }
  return OpKind::kSet;
}

template <typename T, size_t N>
T Pick(Random& random, const T (&choices)[N]) {
  return choices[random.Uniform(N)];
}

}  // namespace

Options RandomOptions(uint64_t seed) {
  Random random(seed);
  Options options;
  options.directory = "/db";
  options.durability = random.OneIn(4) ? Durability::kPower : Durability::kProcess;
  options.memory_bytes = Pick<uint64_t>(random, {64 << 10, 256 << 10, 1 << 20, 8 << 20});
  options.space_target = Pick<double>(random, {1.3, 1.5, 4.0});
  options.value_threshold_bytes = Pick<uint32_t>(random, {1, 16, 64, 256, 1024, 4096});
  options.segment_bytes_max = Pick<uint64_t>(random, {64 << 10, 64 << 10, 128 << 10, 1 << 20});
  options.log_distance_bytes_max = Pick<uint64_t>(random, {128 << 10, 512 << 10, 8 << 20});
  options.reserve_bytes = random.OneIn(3) ? 64 << 10 : 0;
  options.verify_reads = !random.OneIn(4);
  options.paranoid_reads = random.OneIn(2);
  options.prefer_mapping = !random.OneIn(3);
  options.background_work = !random.OneIn(3);
  options.table_bytes_target = Pick<uint64_t>(random, {1 << 10, 4 << 10, 64 << 10});
  options.level_base_bytes = Pick<uint64_t>(random, {4 << 10, 16 << 10, 256 << 10});
  options.block_bytes_target = Pick<uint32_t>(random, {64, 256, 1024, 4096});
  return options;
}

Script RandomScript(uint64_t seed, size_t op_count) {
  Random random(seed * 0x9e3779b97f4a7c15ull + 1);
  Script script;
  script.seed = seed;
  script.has_expiry = random.OneIn(2);
  while (script.ops.size() < op_count) {
    const OpKind kind = RandomKind(random);
    const Op op{kind, random.Next(), random.Next(), random.Next(), random.Next()};
    if (kind == OpKind::kSetWithTTL && !script.has_expiry) continue;
    script.ops.push_back(op);
  }
  return script;
}

Script Shrink(const Script& script, int runs_max) {
  Script best = script;
  int runs = 0;
  for (size_t chunk = std::max<size_t>(best.ops.size() / 2, 1);;
       chunk = std::max<size_t>(chunk / 2, 1)) {
    bool is_shorter = false;
    for (size_t begin = 0; begin < best.ops.size() && runs < runs_max;) {
      Script candidate = best;
      const auto from = candidate.ops.begin() + static_cast<std::ptrdiff_t>(begin);
      const size_t count = std::min(chunk, candidate.ops.size() - begin);
      candidate.ops.erase(from, from + static_cast<std::ptrdiff_t>(count));
      ++runs;
      if (!RunScript(candidate).empty()) {
        best = std::move(candidate);
        is_shorter = true;
      } else {
        begin += chunk;
      }
    }
    if (runs >= runs_max || (chunk == 1 && !is_shorter)) return best;
  }
}

std::string Print(const Script& script) {
  std::string text = fmt::format("seed {}, {} operations\n", script.seed, script.ops.size());
  for (const Op& op : script.ops) {
    const auto kind = std::find_if(std::begin(kKinds), std::end(kKinds),
                                   [&](const KindWeight& k) { return k.kind == op.kind; });
    text += fmt::format("  {} {} {} {} {}\n", kind->name, op.a, op.b, op.c, op.d);
  }
  return text;
}

}  // namespace nokv::tests
