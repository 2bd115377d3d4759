#include "benchmark/ycsb/operations.h"

#include "benchmark/ycsb/zipfian.h"
#include "engine/base/check.h"
#include "engine/base/random.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

namespace nokv::bench {
namespace {

// The load inserts only. Percentages are those of the core package's property files.
constexpr std::array<Workload, 7> kWorkloads = {{
    {.name = 'L', .insert_percent = 100},
    {.name = 'A', .read_percent = 50, .update_percent = 50},
    {.name = 'B', .read_percent = 95, .update_percent = 5},
    {.name = 'C', .read_percent = 100},
    {.name = 'D', .read_percent = 95, .insert_percent = 5, .reads_latest = true},
    {.name = 'E', .insert_percent = 5, .scan_percent = 95},
    {.name = 'F', .read_percent = 50, .read_modify_write_percent = 50},
}};

// Popular ranks are drawn from this many whatever the number of records, and scattered over the
// records by a hash, as the core package does: the most popular record gets 3.8 % of the draws.
constexpr uint64_t kScrambledItems = 10'000'000'000;

uint64_t Fnv64(uint64_t number) {
  uint64_t hash = 0xcbf29ce484222325;
  for (int i = 0; i < 8; ++i) {
    hash = (hash ^ (number & 0xff)) * 0x100000001b3;
    number >>= 8;
  }
  return hash;
}

OperationKind DrawKind(const Workload& workload, Random& random) {
  auto draw = static_cast<int>(random.Uniform(100));
  if ((draw -= workload.read_percent) < 0) return OperationKind::kRead;
  if ((draw -= workload.update_percent) < 0) return OperationKind::kUpdate;
  if ((draw -= workload.insert_percent) < 0) return OperationKind::kInsert;
  if ((draw -= workload.scan_percent) < 0) return OperationKind::kScan;
  return OperationKind::kReadModifyWrite;
}

// Draws the records that one thread reads and updates.
class RecordChooser {
 public:
  RecordChooser(const StreamOptions& options, const Zipfian* popularity, uint64_t seed)
      : options_(options), popularity_(popularity), random_(seed) {}

  Random& random() { return random_; }

  void Inserted(uint64_t record) { inserted_.push_back(record); }

  uint64_t Choose() {
    if (options_.workload->reads_latest) return ChooseLatest();
    if (options_.distribution == Distribution::kUniform) return random_.Uniform(options_.records);
    return Fnv64(popularity_->Next(random_)) % options_.records;
  }

 private:
  // Ages the records as if every thread had inserted as many as this one; of those it picks its
  // own, because another thread's may not be there yet.
  uint64_t ChooseLatest() {
    const uint64_t age = popularity_->Next(random_);
    const uint64_t fresh = inserted_.size() * options_.threads;
    if (age >= fresh) return options_.records - 1 - (age - fresh);
    return inserted_[inserted_.size() - 1 - age / options_.threads];
  }

  const StreamOptions& options_;
  const Zipfian* const popularity_;
  Random random_;
  std::vector<uint64_t> inserted_;
};

}  // namespace

const Workload* FindWorkload(std::string_view name) {
  const auto found = std::find_if(kWorkloads.begin(), kWorkloads.end(), [&](const Workload& w) {
    return w.name == 'L' ? name == "load" : name == std::string_view(&w.name, 1);
  });
  return found == kWorkloads.end() ? nullptr : &*found;
}

void FormatKey(uint64_t record, std::span<char, kKeyBytes> key) {
  std::memcpy(key.data(), "user", 4);
  uint64_t rest = Fnv64(record) >> 1;  // 63 bits have at most 19 digits.
  for (size_t i = kKeyBytes; i > 4; --i) {
    key[i - 1] = static_cast<char>('0' + rest % 10);
    rest /= 10;
  }
}

Streams MakeStreams(const StreamOptions& options) {
  const Workload& workload = *options.workload;
  const bool inserts_only = workload.insert_percent == 100;
  NOKV_CHECK(options.threads > 0);
  NOKV_CHECK(inserts_only || options.records >= 2);
  std::optional<Zipfian> popularity;
  if (!inserts_only) popularity.emplace(workload.reads_latest ? options.records : kScrambledItems);

  Streams streams;
  streams.threads.resize(options.threads);
  std::vector<RecordChooser> choosers;
  for (uint32_t thread = 0; thread < options.threads; ++thread) {
    streams.threads[thread].reserve(options.operations / options.threads + 1);
    choosers.emplace_back(options, popularity ? &*popularity : nullptr,
                          options.seed * 1'000'003 + thread);
  }

  // One operation for each thread in turn, so that inserts are numbered about as they will happen.
  uint64_t next_record = options.records;
  for (uint64_t i = 0; i < options.operations; ++i) {
    const size_t thread = i % options.threads;
    RecordChooser& chooser = choosers[thread];
    Operation operation = {};
    operation.kind = inserts_only ? OperationKind::kInsert : DrawKind(workload, chooser.random());
    uint64_t record;
    if (operation.kind == OperationKind::kInsert) {
      record = next_record++;
      chooser.Inserted(record);
    } else {
      record = chooser.Choose();
    }
    if (operation.kind == OperationKind::kScan) {
      operation.rows = 1 + static_cast<uint32_t>(chooser.random().Uniform(kScanRowsMax));
    }
    operation.record = static_cast<uint32_t>(record);
    FormatKey(record, operation.key_bytes);
    streams.threads[thread].push_back(operation);
  }
  streams.records_after = next_record;
  return streams;
}

}  // namespace nokv::bench
