// Reads and one-phase writes, adds among them, beside a model that keeps versions as a person
// would: a map of commits a key, a set of starts that were given up, and a lock.
#include "engine/base/random.h"
#include "percolator/mvcc/one_phase.h"
#include "percolator/mvcc/test_store.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace nokv::mvcc {
namespace {

using namespace std::string_literals;

struct ModelVersion {
  uint64_t start;
  WriteKind kind;
  std::string value;
  uint64_t expiry_ms;
};

struct ModelLock {
  uint64_t start;
  LockKind kind;
  uint64_t min_commit;
};

struct ModelKey {
  std::map<uint64_t, ModelVersion> versions;  // By commit.
  std::set<uint64_t> given_up;                // Starts.
  std::optional<ModelLock> lock;

  std::optional<uint64_t> CommitOf(uint64_t start) const {
    for (const auto& [commit, version] : versions) {
      if (version.start == start) return commit;
    }
    return std::nullopt;
  }

  bool IsBlockedAt(uint64_t at) const {
    return lock.has_value() && lock->kind != LockKind::kLockOnly && lock->start <= at &&
           lock->min_commit <= at;
  }

  const ModelVersion* Visible(uint64_t at, uint64_t now_ms) const {
    for (auto version = versions.rbegin(); version != versions.rend(); ++version) {
      if (version->first > at || version->second.kind == WriteKind::kLockOnly) continue;
      const bool is_gone = version->second.kind == WriteKind::kDelete ||
                           (version->second.expiry_ms != 0 && version->second.expiry_ms <= now_ms);
      return is_gone ? nullptr : &version->second;
    }
    return nullptr;
  }
};

// Keys that begin with each other, with the bytes that the encoding treats in its own way.
const std::vector<std::string> kKeys = {"\0"s,      "\0\1"s, "a",  "a\0"s, "a\0\0"s, "a\0\1"s,
                                        "a\0\xff"s, "a\1",   "ab", "b",    "\xff",   "\xff\xff"};

// What adds write begins with it, what puts write does not.
constexpr std::string_view kHeader = "i:";

// Expected of a write under the start of another one.
constexpr char kAnother[] = "was another";

class Trial {
 public:
  explicit Trial(uint64_t seed) : random_(seed) {
    if (random_.OneIn(3)) store_.ShowWholeRecords();
  }

  void Step() {
    now_ += 1 + random_.Uniform(3);
    if (random_.OneIn(10)) now_ += Timestamp::kCounterMax;  // Some milliseconds, too.
    switch (random_.Uniform(8)) {
      case 0:
        starts_.push_back(++now_);
        break;
      case 1:
        GiveUp();
        break;
      case 2:
        LockOrUnlock();
        break;
      case 3:
      case 4:
        Read();
        break;
      default:
        Write();
    }
  }

  void Read() {
    const bool is_newest = random_.OneIn(5);
    const uint64_t at = is_newest ? UINT64_MAX : SomeTime();
    const ReadView view = is_newest ? ReadView::Newest(Ts(now_).millis()) : ReadView::At(Ts(at));
    MvccReader reader(store_);
    for (const std::string& key : kKeys) CheckGet(reader, key, view);
    CheckScan(view);
  }

 private:
  const std::string& SomeKey() { return kKeys[random_.Uniform(kKeys.size())]; }

  // Mostly lately, where things are under way.
  uint64_t SomeTime() {
    const uint64_t back = random_.OneIn(2) ? random_.Uniform(20) : random_.Uniform(now_);
    return std::max<uint64_t>(1, now_ > back ? now_ - back : 1);
  }

  // A start that was drawn for a write, used or not; or a new one.
  uint64_t SomeStart() {
    if (starts_.empty() || random_.OneIn(3)) starts_.push_back(++now_);
    return starts_[starts_.size() - 1 - random_.Uniform(std::min<size_t>(starts_.size(), 8))];
  }

  std::string SomeValue() {
    uint64_t size = random_.Uniform(8);
    if (random_.OneIn(8)) size = 250 + random_.Uniform(12);  // Around the bounds of records.
    if (random_.OneIn(8)) size = kInlineValueBytesMax - 6 + random_.Uniform(12);
    return std::to_string(now_) + std::string(size, 'v');
  }

  void Write() {
    OnePhase write{.start = Ts(SomeStart()), .is_blind = random_.OneIn(2)};
    std::map<std::string, std::string> values;
    const uint64_t count = 1 + random_.Uniform(3);
    for (uint64_t i = 0; i < count; ++i) values[SomeKey()] = SomeValue();
    for (const auto& [key, value] : values) {
      Mutation mutation{.key = key, .value = value};
      if (random_.OneIn(3)) mutation = {.kind = MutationKind::kDelete, .key = key};
      if (random_.OneIn(3)) {
        mutation = {
            .kind = MutationKind::kAdd, .key = key, .header = kHeader, .delta = SomeDelta()};
      }
      if (mutation.kind == MutationKind::kPut && random_.OneIn(3)) {
        mutation.expiry_ms = 1 + Ts(now_).millis() + random_.Uniform(3);
      }
      write.mutations.push_back(mutation);
    }
    REQUIRE_OK(CheckRequest(write, KeyOwner::kSystem));
    const absl::StatusOr<OnePhaseAnswer> checked = CheckOnePhase(store_, write);
    const std::string expected = Expected(write);
    if (expected == kAnother) {
      REQUIRE(checked.status().code() == absl::StatusCode::kInvalidArgument);
      return;
    }
    const OnePhaseAnswer answer = Unwrap(checked);
    REQUIRE(Show(answer) == expected);
    if (!std::holds_alternative<Clear>(answer)) return;

    const uint64_t commit = ++now_;
    const WriteAnswer written = Unwrap(WriteOnePhase(write, std::get<Clear>(answer), Ts(commit)));
    std::vector<int64_t> sums;
    std::map<std::string, ModelVersion> versions;
    for (const Mutation& mutation : write.mutations) {
      const std::optional<ModelVersion> version = VersionOf(mutation, write.start.bits(), sums);
      if (!version.has_value()) {
        REQUIRE(std::get<CannotAdd>(written).key == mutation.key);
        return;
      }
      versions[std::string(mutation.key)] = *version;
    }
    REQUIRE(std::get<Written>(written).sums == sums);
    store_.Apply(std::get<Written>(written).changes);
    for (const auto& [key, version] : versions) model_[key].versions[commit] = version;
  }

  // Mostly small, so that sums change their sign and length; sometimes too much.
  int64_t SomeDelta() {
    const auto delta = static_cast<int64_t>(random_.Uniform(200)) - 100;
    return random_.OneIn(8) ? delta * (std::numeric_limits<int64_t>::max() / 100) : delta;
  }

  // What the mutation writes at now_; nothing if it can't be added.
  std::optional<ModelVersion> VersionOf(const Mutation& mutation, uint64_t start,
                                        std::vector<int64_t>& sums) {
    if (mutation.kind == MutationKind::kDelete)
      return ModelVersion{start, WriteKind::kDelete, "", 0};
    if (mutation.kind == MutationKind::kPut) {
      return ModelVersion{start, WriteKind::kPut, std::string(mutation.value), mutation.expiry_ms};
    }
    const ModelVersion* base =
        model_[std::string(mutation.key)].Visible(UINT64_MAX, Ts(now_).millis());
    __int128 sum = mutation.delta;
    if (base != nullptr) {
      if (!base->value.starts_with(kHeader)) return std::nullopt;
      sum += std::stoll(base->value.substr(kHeader.size()));
    }
    if (sum != static_cast<int64_t>(sum)) return std::nullopt;
    sums.push_back(static_cast<int64_t>(sum));
    return ModelVersion{start, WriteKind::kPut, std::string(kHeader) + std::to_string(sums.back()),
                        base == nullptr ? 0 : base->expiry_ms};
  }

  static std::string Show(const OnePhaseAnswer& answer) {
    if (const auto* blocked = std::get_if<Blocked>(&answer)) {
      return fmt::format("blocked on {} by {}", ShowKey(blocked->key), blocked->lock.start.bits());
    }
    if (const auto* conflict = std::get_if<Conflict>(&answer)) {
      return fmt::format("conflict on {} at {}", ShowKey(conflict->key), conflict->commit.bits());
    }
    if (const auto* done = std::get_if<Committed>(&answer)) {
      return fmt::format("committed at {}{}", done->commit.bits(), Show(done->sums));
    }
    return std::holds_alternative<RolledBack>(answer) ? "rolled back" : "clear";
  }

  static std::string Show(const std::vector<int64_t>& sums) {
    std::string text;
    for (const int64_t sum : sums) text += fmt::format(" {}", sum);
    return text;
  }

  // The sums of a write that is committed, or kAnother.
  std::string ExpectedSums(const OnePhase& write, uint64_t commit) {
    std::vector<int64_t> sums;
    for (const Mutation& mutation : write.mutations) {
      if (mutation.kind != MutationKind::kAdd) continue;
      const auto& versions = model_[std::string(mutation.key)].versions;
      const auto version = versions.find(commit);
      if (version == versions.end() || version->second.start != write.start.bits() ||
          !version->second.value.starts_with(kHeader)) {
        return kAnother;
      }
      sums.push_back(std::stoll(version->second.value.substr(kHeader.size())));
    }
    return fmt::format("committed at {}{}", commit, Show(sums));
  }

  std::string Expected(const OnePhase& write) {
    const uint64_t start = write.start.bits();
    for (const Mutation& mutation : write.mutations) {
      const ModelKey& key = model_[std::string(mutation.key)];
      if (const auto commit = key.CommitOf(start)) return ExpectedSums(write, *commit);
      if (key.given_up.contains(start)) return "rolled back";
      if (key.lock.has_value()) {
        return fmt::format("blocked on {} by {}", ShowKey(mutation.key), key.lock->start);
      }
      const uint64_t newest = key.versions.empty() ? 0 : key.versions.rbegin()->first;
      if (!write.is_blind && newest > start) {
        return fmt::format("conflict on {} at {}", ShowKey(mutation.key), newest);
      }
    }
    return "clear";
  }

  // Of a write of ours, or of any timestamp: also one that a commit has or will have.
  void GiveUp() {
    const std::string& name = SomeKey();
    ModelKey& key = model_[name];
    uint64_t start = SomeStart();
    if (random_.OneIn(3)) start = now_ + random_.Uniform(4);
    if (random_.OneIn(3) && !key.versions.empty()) start = key.versions.rbegin()->first;
    const RollBackAnswer answer = Unwrap(RollBackMissing(store_, name, Ts(start)));
    if (const auto commit = key.CommitOf(start)) {
      REQUIRE(std::get<Committed>(answer).commit.bits() == *commit);
    } else if (key.given_up.contains(start)) {
      REQUIRE(std::get<Marked>(answer).changes.empty());
    } else if (key.lock.has_value() && key.lock->start == start) {
      REQUIRE(std::get<Blocked>(answer).lock.start.bits() == start);
    } else {
      store_.Apply(std::get<Marked>(answer).changes);
      key.given_up.insert(start);
    }
  }

  // A transaction of two steps, by hand: its lock, later its commit or its end without one.
  void LockOrUnlock() {
    const std::string& name = SomeKey();
    ModelKey& key = model_[name];
    if (!key.lock.has_value()) {
      const uint64_t start = ++now_;
      key.lock = {start, static_cast<LockKind>(1 + random_.Uniform(3)),
                  random_.OneIn(2) ? start + 1 + random_.Uniform(20) : 0};
      store_.Lock(name, start, key.lock->kind, key.lock->min_commit);
      return;
    }
    if (random_.OneIn(2)) {
      now_ = std::max(now_ + 1, key.lock->min_commit);
      const uint64_t commit = now_;
      const auto kind = static_cast<WriteKind>(key.lock->kind);
      const std::string value = kind == WriteKind::kPut ? "locked" : "";
      WriteRecord record{.kind = kind,
                         .start = Ts(key.lock->start),
                         .overlaps_rollback = key.given_up.contains(commit)};
      if (kind == WriteKind::kPut) record.value = value;
      store_.Write(name, commit, record);
      key.versions[commit] = {key.lock->start, kind, value, 0};
    }
    store_.Unlock(name);
    key.lock.reset();
  }

  void CheckGet(MvccReader& reader, const std::string& name, const ReadView& view) {
    const GetAnswer answer = Unwrap(reader.Get(name, view));
    const ModelKey& key = model_[name];
    CAPTURE(ShowKey(name), view.at.bits(), *view.now_ms);
    if (key.IsBlockedAt(view.at.bits())) {
      REQUIRE(std::get<Blocked>(answer).lock.start.bits() == key.lock->start);
    } else if (const ModelVersion* version = key.Visible(view.at.bits(), *view.now_ms)) {
      REQUIRE(std::get<Found>(answer).value == version->value);
    } else {
      REQUIRE(std::holds_alternative<Absent>(answer));
    }
  }

  // Rows as "key=value;", and "!key" at a lock.
  std::string ExpectedScan(const ScanRequest& request, const ReadView& view) {
    std::vector<std::string> keys = kKeys;
    std::sort(keys.begin(), keys.end());
    if (request.direction == Direction::kBackward) std::reverse(keys.begin(), keys.end());
    std::string rows;
    for (const std::string& name : keys) {
      if (name < request.start || (!request.end.empty() && name >= request.end)) continue;
      const ModelKey& key = model_[name];
      if (key.IsBlockedAt(view.at.bits())) return rows + "!" + ShowKey(name);
      const ModelVersion* version = key.Visible(view.at.bits(), *view.now_ms);
      if (version == nullptr) continue;
      rows += ShowKey(name) + "=" + (request.is_keys_only ? "" : version->value) + ";";
    }
    return rows;
  }

  void CheckScan(const ReadView& view) {
    ScanRequest request{.start = random_.OneIn(3) ? "" : SomeKey(),
                        .end = random_.OneIn(3) ? "" : SomeKey(),
                        .direction = random_.OneIn(2) ? Direction::kForward : Direction::kBackward,
                        .is_keys_only = random_.OneIn(4),
                        .rows_max = static_cast<uint32_t>(1 + random_.Uniform(5)),
                        .bytes_max = 1 + random_.Uniform(600),
                        .records_max = 1 + random_.Uniform(30)};
    const std::string expected = ExpectedScan(request, view);
    std::string rows;
    MvccReader reader(store_);
    for (int pages = 0;; ++pages) {
      REQUIRE(pages < 100);
      const Page page = Unwrap(reader.Scan(request, view));
      REQUIRE(page.rows.size() <= request.rows_max);
      size_t bytes = 0;
      for (const Row& row : page.rows) {
        REQUIRE(bytes < request.bytes_max);
        bytes += row.key.size() + row.value.size();
        rows += ShowKey(row.key) + "=" + row.value + ";";
      }
      if (page.blocked.has_value()) rows += "!" + ShowKey(page.blocked->key);
      if (page.blocked.has_value() || !page.resume.has_value()) break;
      (request.direction == Direction::kForward ? request.start : request.end) = *page.resume;
    }
    REQUIRE(rows == expected);
  }

  Random random_;
  uint64_t now_ = Timestamp::FromParts(1, 0).bits();
  std::vector<uint64_t> starts_;
  TestStore store_;
  std::map<std::string, ModelKey> model_;
};

}  // namespace

TEST_CASE("reads and one-phase writes do what a model of versions does", "[mvcc]") {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    INFO("seed " << seed);
    Trial trial(seed);
    for (int step = 0; step < 300; ++step) trial.Step();
    for (int i = 0; i < 10; ++i) trial.Read();
  }
}

}  // namespace nokv::mvcc
