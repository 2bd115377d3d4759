#include "tests/engine/cursor.h"
#include "tests/engine/metamorphic.h"
#include "tests/engine/peer.h"
#include "tests/engine/trial.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

namespace nokv::tests {
namespace {

// Short and long keys, prefixes of each other, with bytes of every kind.
std::vector<std::string> MakeKeys(uint64_t seed) {
  Random random(seed);
  std::vector<std::string> keys = {std::string(1, '\0'),  "\xff", "\xff\xff", "a", "aa", "aaa",
                                   std::string("a\0b", 3)};
  for (int i = 0; i < 40; ++i) keys.push_back(fmt::format("key{:03}", i));
  for (int i = 0; i < 10; ++i) keys.push_back(fmt::format("key{:03}", i) + std::string(300, 'x'));
  for (int i = 0; i < 3; ++i) keys.push_back(std::string(2000 + random.Uniform(4000), 'k'));
  return keys;
}

class Run {
 public:
  explicit Run(const Script& script)
      : script_(script),
        options_(RandomOptions(script.seed)),
        keys_(MakeKeys(script.seed)),
        peer_(script.has_expiry ? nullptr : NewPeer()) {
    Remains fresh;
    fresh.disk = std::make_shared<vfs::MemFileSystem>();
    fresh.now_ms = 1'700'000'000'000;
    trial_ = std::make_unique<Trial>(std::move(fresh), options_, script.seed);
  }

  ~Run() { ReleaseAll(); }

  std::string Go();

 private:
  struct HeldSnapshot {
    std::unique_ptr<Snapshot> snapshot;
    State state;
    int peer_snapshot;
  };

  struct HeldIterator {
    std::unique_ptr<Iterator> iterator;
    std::unique_ptr<Cursor> cursor;
  };

  struct HeldPin {
    std::unique_ptr<PinnedValue> pin;
    std::string value;
  };

  void Do(const Op& op);
  void DoWrite(const Op& op);
  void DoBatch(const Op& op);
  void DoGet(const Op& op);
  void DoMultiGet(const Op& op);
  void DoPin(const Op& op);
  void DoWalk(const Op& op, bool with_peer);
  void DoOpenIterator(const Op& op);
  void DoWalkOpenIterator(const Op& op);
  void DoSnapshot();
  void DoCheckpoint();
  void DoCrash(const Op& op, Crash crash);

  void Write(const WriteBatch& batch, uint64_t level);
  void ReleaseAll();
  void ReleaseSnapshot(size_t index);
  void CheckPins();

  const std::string& Key(uint64_t number) const { return keys_[number % keys_.size()]; }

  std::string Value(std::string_view key, uint64_t number);
  std::string Bound(uint64_t number) const;
  ColumnFamilyHandle Family(uint64_t number);
  // Null: the newest state. Snapshots are chosen half of the time.
  const HeldSnapshot* SomeSnapshot(uint64_t number) const;
  const State& StateOf(const HeldSnapshot* held);

  const Script& script_;
  const Options options_;
  const std::vector<std::string> keys_;
  const std::unique_ptr<Peer> peer_;
  std::unique_ptr<Trial> trial_;
  std::vector<HeldSnapshot> snapshots_;
  std::vector<HeldIterator> iterators_;
  std::vector<HeldPin> pins_;
  int checkpoint_count_ = 0;
  int family_count_ = 0;
};

std::string Run::Go() {
  trial_->Open();
  size_t index = 0;
  for (const Op& op : script_.ops) {
    if (!trial_->ok()) break;
    Do(op);
    CheckPins();
    ++index;
  }
  trial_->ExpectNewest();
  trial_->Verify();
  ReleaseAll();
  if (trial_->ok()) return "";
  return fmt::format("operation {}: {}", index, trial_->violation());
}

void Run::Do(const Op& op) {
  switch (op.kind) {
    case OpKind::kSet:
    case OpKind::kSetWithTTL:
    case OpKind::kDelete:
    case OpKind::kDeleteRange:
      return DoWrite(op);
    case OpKind::kBatch:
      return DoBatch(op);
    case OpKind::kGet:
      return DoGet(op);
    case OpKind::kMultiGet:
      return DoMultiGet(op);
    case OpKind::kPin:
      return DoPin(op);
    case OpKind::kWalk:
      return DoWalk(op, false);
    case OpKind::kPeerWalk:
      return DoWalk(op, peer_ != nullptr);
    case OpKind::kOpenIterator:
      return DoOpenIterator(op);
    case OpKind::kWalkOpenIterator:
      return DoWalkOpenIterator(op);
    case OpKind::kSnapshot:
      return DoSnapshot();
    case OpKind::kReleaseSnapshot:
      if (!snapshots_.empty()) ReleaseSnapshot(op.a % snapshots_.size());
      return;
    case OpKind::kFlush:
      if (peer_ != nullptr) peer_->Flush();
      return trial_->Flush();
    case OpKind::kCompact:
      return trial_->Compact(Family(op.a));
    case OpKind::kCollect:
      return trial_->Collect(op.a % 3 == 0 ? 0.5 : 0.0);
    case OpKind::kCheckpoint:
      return DoCheckpoint();
    case OpKind::kReopen:
      ReleaseAll();
      return trial_->Reopen();
    case OpKind::kKill:
      return DoCrash(op, Crash::kProcess);
    case OpKind::kPowerCut:
      return DoCrash(op, Crash::kPower);
    case OpKind::kSyncLog:
      return trial_->SyncLog();
    case OpKind::kAdvance:
      iterators_.clear();  // What they may show of what ran out is not promised.
      return trial_->Advance(absl::Milliseconds(op.a % 3000));
    case OpKind::kBackground:
      return trial_->RunBackground(static_cast<int>(op.a % 5));
    case OpKind::kCreateFamily:
      if (trial_->history().families().size() < 5) {
        trial_->CreateFamily(fmt::format("family{}", family_count_++));
      }
      return;
    case OpKind::kDropFamily:
      if (const ColumnFamilyHandle family = Family(op.a); family != kDefaultColumnFamily) {
        ReleaseAll();
        trial_->DropFamily(family);
        if (peer_ != nullptr) peer_->Drop(family);
      }
      return;
    case OpKind::kCompareAll:
      return trial_->ExpectNewest();
    case OpKind::kVerify:
      return trial_->Verify();
    case OpKind::kCount:
      return;
  }
}

std::string Run::Value(std::string_view key, uint64_t number) {
  const uint64_t threshold = options_.value_threshold_bytes;
  const uint64_t kind = number % 40;
  if (kind == 0) return "";
  const std::string_view shown = key.substr(0, 20);
  uint64_t size = 1 + number / 64 % 5000;
  if (kind < 16) size = 1 + number / 64 % 120;
  if (kind >= 16 && kind < 22) size = threshold - 1 + number / 64 % 3;
  if (kind == 39) size = 20'000 + number / 64 % 90'000;
  std::string value = MakeValue(shown, trial_->NextVersion(), size);
  if (kind >= 16 && kind < 22 && size > 0) value.resize(size);
  return value;
}

ColumnFamilyHandle Run::Family(uint64_t number) {
  const std::vector<ColumnFamilyHandle> families = trial_->history().families();
  return number % 2 == 0 ? kDefaultColumnFamily : families[number / 2 % families.size()];
}

std::string Run::Bound(uint64_t number) const { return number % 3 != 0 ? "" : Key(number / 3); }

const Run::HeldSnapshot* Run::SomeSnapshot(uint64_t number) const {
  if (snapshots_.empty() || number % 2 == 0) return nullptr;
  return &snapshots_[number / 2 % snapshots_.size()];
}

const State& Run::StateOf(const HeldSnapshot* held) {
  return held == nullptr ? trial_->history().newest() : held->state;
}

void Run::Write(const WriteBatch& batch, uint64_t level) {
  trial_->Write(batch, level % 4 == 0 ? Durability::kPower : Durability::kProcess);
  if (peer_ != nullptr && trial_->ok()) peer_->Write(batch);
}

void Run::DoWrite(const Op& op) {
  WriteBatch batch;
  const std::string& key = Key(op.a);
  const ColumnFamilyHandle family = Family(op.c);
  if (op.kind == OpKind::kSet) batch.Set(key, Value(key, op.b), family);
  if (op.kind == OpKind::kDelete) batch.Delete(key, family);
  if (op.kind == OpKind::kSetWithTTL) {
    batch.SetWithExpiry(key, Value(key, op.b), trial_->now_ms() + 1 + op.b / 7 % 5000, family);
  }
  if (op.kind == OpKind::kDeleteRange) {
    const auto [start, end] = std::minmax(key, Key(op.b));
    if (start == end) return;
    batch.DeleteRange(start, end, family);
  }
  Write(batch, op.d);
}

void Run::DoBatch(const Op& op) {
  Random random(op.a);
  WriteBatch batch;
  const uint64_t count = 1 + random.Uniform(random.OneIn(6) ? 200 : 8);
  for (uint64_t i = 0; i < count; ++i) {
    const std::string& key = Key(random.Next());
    const std::string& other = Key(random.Next());
    const ColumnFamilyHandle family = Family(random.Next());
    const uint64_t choice = random.Uniform(12);
    if (choice == 0 && key < other) {
      batch.DeleteRange(key, other, family);
    } else if (choice < 3) {
      batch.Delete(key, family);
    } else if (choice < 5 && script_.has_expiry) {
      batch.SetWithExpiry(key, Value(key, random.Next()),
                          trial_->now_ms() + 1 + random.Uniform(5000), family);
    } else {
      batch.Set(key, Value(key, random.Next()), family);
    }
  }
  Write(batch, op.d);
}

void Run::DoGet(const Op& op) {
  const HeldSnapshot* const held = SomeSnapshot(op.b);
  const ColumnFamilyHandle family = Family(op.c);
  const std::string& key = Key(op.a);
  const ReadOptions options{family, held == nullptr ? nullptr : held->snapshot.get()};
  const Stored* const expected = StateOf(held).Find(family, key, trial_->now_ms());

  std::string value = "left over";
  const auto found = trial_->db().Get(options, key, &value);
  trial_->Expect(found.status(), "Get()");
  if (!trial_->ok()) return;
  if (*found != (expected != nullptr) || (*found && value != *expected->value)) {
    trial_->Fail(fmt::format("Get({}) in family {} gives {}, should be {}", Quote(key), family.id,
                             *found ? Quote(value) : "nothing",
                             expected != nullptr ? Quote(*expected->value) : "nothing"));
    return;
  }
  uint64_t expiry_ms = 0;
  const auto has_expiry = trial_->db().GetExpiry(options, key, &expiry_ms);
  trial_->Expect(has_expiry.status(), "GetExpiry()");
  if (trial_->ok() && (*has_expiry != *found || (*found && expiry_ms != expected->expiry_ms))) {
    trial_->Fail(fmt::format("GetExpiry({}) gives {} {}", Quote(key), *has_expiry, expiry_ms));
  }
}

void Run::DoMultiGet(const Op& op) {
  Random random(op.a);
  const HeldSnapshot* const held = SomeSnapshot(op.b);
  const ColumnFamilyHandle family = Family(op.c);
  std::vector<std::string_view> keys;
  for (uint64_t i = random.Uniform(20); i > 0; --i) keys.push_back(Key(random.Next()));
  const auto answers =
      trial_->db().MultiGet({family, held == nullptr ? nullptr : held->snapshot.get()}, keys);
  trial_->Expect(answers.status(), "MultiGet()");
  if (!trial_->ok()) return;
  if (answers->size() != keys.size()) return trial_->Fail("MultiGet() lost an answer");
  for (size_t i = 0; i < keys.size(); ++i) {
    const Stored* const expected = StateOf(held).Find(family, keys[i], trial_->now_ms());
    const std::optional<std::string>& answer = (*answers)[i];
    if (answer.has_value() != (expected != nullptr) ||
        (answer.has_value() && *answer != *expected->value)) {
      trial_->Fail(fmt::format("MultiGet() is wrong about {}", Quote(keys[i])));
    }
  }
}

void Run::DoPin(const Op& op) {
  const ColumnFamilyHandle family = Family(op.c);
  const std::string& key = Key(op.a);
  const Stored* const expected = StateOf(nullptr).Find(family, key, trial_->now_ms());
  auto pin = std::make_unique<PinnedValue>();
  const auto found = trial_->db().Get({.column_family = family}, key, pin.get());
  trial_->Expect(found.status(), "pinned Get()");
  if (!trial_->ok()) return;
  if (*found != (expected != nullptr)) return trial_->Fail("pinned Get() of " + Quote(key));
  if (!*found) return;
  if (pins_.size() >= 6) pins_.erase(pins_.begin());
  pins_.push_back({std::move(pin), *expected->value});
}

// Pinned values stay what they were through everything that happens after.
void Run::CheckPins() {
  for (const HeldPin& held : pins_) {
    if (held.pin->value() != held.value) {
      trial_->Fail(fmt::format("a pinned value became {}, was {}", Quote(held.pin->value()),
                               Quote(held.value)));
    }
  }
}

void Run::DoWalk(const Op& op, bool with_peer) {
  const HeldSnapshot* const held = SomeSnapshot(op.a);
  const ColumnFamilyHandle family = Family(op.b);
  IteratorOptions options;
  options.column_family = family;
  options.snapshot = held == nullptr ? nullptr : held->snapshot.get();
  options.lower_bound = Bound(op.c);
  options.upper_bound = Bound(op.d);
  options.keys_only = op.a / 2 % 5 == 0;
  if (!options.upper_bound.empty() && options.upper_bound < options.lower_bound) {
    std::swap(options.lower_bound, options.upper_bound);
  }
  const std::unique_ptr<Iterator> iterator = trial_->db().NewIterator(options);
  std::unique_ptr<Cursor> cursor;
  if (with_peer) {
    cursor = peer_->NewCursor(family, held == nullptr ? -1 : held->peer_snapshot,
                              options.lower_bound, options.upper_bound);
  } else {
    cursor = std::make_unique<ModelCursor>(
        StateOf(held).VisibleAt(trial_->now_ms(), {family}).rows(family), options.lower_bound,
        options.upper_bound);
  }
  Random random(op.b);
  const std::string wrong = WalkTogether(*iterator, *cursor, options.keys_only, random, keys_, 60);
  if (!wrong.empty()) {
    trial_->Fail(fmt::format("walking family {} from {} to {}{}: {}", family.id,
                             Quote(options.lower_bound), Quote(options.upper_bound),
                             with_peer ? " beside the peer" : "", wrong));
  }
}

void Run::DoOpenIterator(const Op& op) {
  if (iterators_.size() >= 3) iterators_.erase(iterators_.begin());
  const ColumnFamilyHandle family = Family(op.a);
  IteratorOptions options;
  options.column_family = family;
  Rows rows = StateOf(nullptr).VisibleAt(trial_->now_ms(), {family}).rows(family);
  iterators_.push_back(
      {trial_->db().NewIterator(options), std::make_unique<ModelCursor>(std::move(rows), "", "")});
}

void Run::DoWalkOpenIterator(const Op& op) {
  if (iterators_.empty()) return;
  HeldIterator& held = iterators_[op.a % iterators_.size()];
  Random random(op.b);
  const std::string wrong = WalkTogether(*held.iterator, *held.cursor, false, random, keys_, 30);
  if (!wrong.empty()) trial_->Fail("walking an iterator opened earlier: " + wrong);
}

void Run::DoSnapshot() {
  if (snapshots_.size() >= 4) ReleaseSnapshot(0);
  snapshots_.push_back({trial_->db().NewSnapshot(), trial_->history().newest(),
                        peer_ != nullptr ? peer_->TakeSnapshot() : -1});
}

void Run::ReleaseSnapshot(size_t index) {
  if (peer_ != nullptr) peer_->ReleaseSnapshot(snapshots_[index].peer_snapshot);
  snapshots_.erase(snapshots_.begin() + static_cast<std::ptrdiff_t>(index));
}

void Run::DoCheckpoint() {
  if (++checkpoint_count_ > 3) return;
  trial_->Checkpoint(fmt::format("/checkpoint{}", checkpoint_count_));
  trial_->ExpectCheckpoints();
}

void Run::DoCrash(const Op& op, Crash crash) {
  ReleaseAll();
  Remains remains = trial_->Copy();
  Random random(op.a);
  if (crash == Crash::kPower) {
    constexpr vfs::PowerCutMode kModes[] = {
        vfs::PowerCutMode::kKeepNothing, vfs::PowerCutMode::kKeepEverything,
        vfs::PowerCutMode::kRandom, vfs::PowerCutMode::kReorder};
    remains.disk->PowerCut(random, kModes[op.b % 4]);
  } else {
    remains.disk->KillProcess();
  }
  trial_ = std::make_unique<Trial>(std::move(remains), options_, op.c);
  trial_->Recover(crash);
  trial_->ExpectCheckpoints();
  if (peer_ != nullptr) {
    peer_->Reset(trial_->history().newest(), trial_->history().families());
  }
}

void Run::ReleaseAll() {
  pins_.clear();
  iterators_.clear();
  while (!snapshots_.empty()) ReleaseSnapshot(0);
}

}  // namespace

std::string RunScript(const Script& script) { return Run(script).Go(); }

}  // namespace nokv::tests
