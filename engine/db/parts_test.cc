// Values that are parts of entries: written once, read from where they were written first.
#include "engine/base/check.h"
#include "engine/db/test_groups.h"
#include "engine/log/segment.h"

#include <atomic>
#include <map>
#include <thread>

namespace nokv {
namespace {

constexpr std::string_view kBefore = "what stands before the value";
constexpr std::string_view kBehind = "and behind it";

// A store of one group in small: entries with one row each, applied by reference.
struct Store : GroupBench {
  static constexpr uint8_t kHeadBytes = 13;

  std::map<std::string, std::string> rows;  // What must be there.
  bool has_heads = true;                    // All rows are parts of entries.

  static std::string ValueOf(uint64_t index, size_t size) {
    std::string value = fmt::format("value {} ", index);
    value.resize(size, static_cast<char>('a' + index % 26));
    return value;
  }

  // Appends an entry that holds the value.
  void Append(GroupId group, std::string_view value) {
    const uint64_t index = groups().LastIndex(group).value_or(0) + 1;
    REQUIRE_OK(AppendTo(group, index, 1, {std::string(kBefore).append(value).append(kBehind)}));
  }

  absl::Status Apply(GroupId group, uint64_t index, const std::string& key,
                     std::string_view value) {
    WriteBatch batch;
    batch.SetFromEntry(key, value,
                       {group, index, static_cast<uint32_t>(kBefore.size()), kHeadBytes});
    batch.Set("small", "beside it");
    const GroupMark mark{group, index};
    return db->Write(batch, {.marks = std::span(&mark, 1)});
  }

  // Entry and row at once. Returns the index.
  uint64_t Put(GroupId group, const std::string& key, size_t size) {
    const uint64_t index = groups().LastIndex(group).value_or(0) + 1;
    const std::string value = ValueOf(index, size);
    Append(group, value);
    REQUIRE_OK(Apply(group, index, key, value));
    rows[key] = value;
    return index;
  }

  void CompactGroup(GroupId group) {
    REQUIRE_OK(GroupBench::Append({{.group = group, .compact_to = *groups().LastIndex(group)}}));
  }

  void FlushAll() {
    REQUIRE_OK(db->Set("other", "row"));
    REQUIRE_OK(db->Flush());
  }

  void Collect(double dead_ratio = 0.5) {
    const auto freed = db->RunValueLogGC(dead_ratio);
    INFO(freed.status().ToString());
    REQUIRE(freed.ok());
  }

  // By every way to read.
  void ExpectRows() {
    std::vector<Lookup> lookups;
    for (const auto& [key, value] : rows) {
      INFO(key);
      const auto found = db->Get(key);
      INFO(found.status().ToString());
      REQUIRE(found.ok());
      REQUIRE(*found == value);
      lookups.push_back({.key = key});
    }
    PinnedValues pinned;
    REQUIRE_OK(db->MultiGet({}, lookups, &pinned));
    for (const Lookup& lookup : lookups) REQUIRE(lookup.value == rows[std::string(lookup.key)]);
    IteratorOptions up_to_n;
    up_to_n.upper_bound = "n";
    const std::unique_ptr<Iterator> it = db->NewIterator(up_to_n);
    it->SeekToFirst();
    for (const auto& [key, value] : rows) {
      REQUIRE(it->Valid());
      REQUIRE(it->key() == key);
      const std::string head(it->value_head());
      REQUIRE(head == (has_heads ? value.substr(0, kHeadBytes) : value.substr(0, head.size())));
      REQUIRE_FALSE(head.empty());
      REQUIRE(it->value() == value);
      REQUIRE(it->value_head() == value);
      it->Next();
    }
    REQUIRE_FALSE(it->Valid());
    REQUIRE_OK(it->status());
  }
};

std::string Key(int i) { return fmt::format("key{:04}", i); }

bool HasSegment(GroupBench& bench, uint32_t number) {
  return bench.disk.Exists(vfs::JoinPath("/db", log::SegmentFileName(number)));
}

}  // namespace

TEST_CASE("a value that is part of an entry is read before and after crashes and flushes",
          "[parts]") {
  Store store;
  store.options.prefer_mapping = GENERATE(true, false);
  store.Open();
  for (int i = 0; i < 100; ++i) store.Put(1 + i % 3, Key(i % 70), 256 + 37 * i);
  store.ExpectRows();
  store.Kill();
  store.Open();
  store.ExpectRows();
  REQUIRE_OK(store.db->Flush());
  store.ExpectRows();
  store.Sync();
  store.PowerCut();
  store.Open();
  store.ExpectRows();
  REQUIRE_OK(store.db->CompactRange(kDefaultColumnFamily, "", ""));
  REQUIRE_OK(store.db->Verify());
  store.ExpectRows();
  REQUIRE(store.groups().MarkOf(1) == 34);
}

TEST_CASE("the bytes of a large value go to the log once", "[parts]") {
  Store store;
  store.Open();
  uint64_t user_bytes = 0;
  for (int i = 0; i < 400; ++i) {
    store.Put(1, Key(i), 1000);
    user_bytes += Key(i).size() + 1000;
    if (i % 50 == 49) store.CompactGroup(1);
  }
  REQUIRE_OK(store.db->Flush());
  const Stats stats = store.db->GetStats();
  const auto written = static_cast<double>(stats.log_bytes_written + stats.table_bytes_written);
  const double per_user_byte = written / static_cast<double>(user_bytes);
  INFO("bytes written for a byte of the user: " << per_user_byte);
  REQUIRE(per_user_byte < 1.5);
  store.ExpectRows();
}

TEST_CASE("values outlive the entries that they were part of, and move without a key", "[parts]") {
  Store store;
  store.options.prefer_mapping = GENERATE(true, false);
  store.Open();
  for (int i = 0; i < 200; ++i) store.Put(1, Key(i % 120), 1000);
  store.CompactGroup(1);
  store.FlushAll();
  store.Collect();
  REQUIRE(store.groups().Pressure().held_bytes < (64 << 10));
  store.ExpectRows();
  REQUIRE_OK(store.db->CompactRange(kDefaultColumnFamily, "", ""));
  for (int round = 0; round < 2; ++round) {
    store.Collect(0);
    store.ExpectRows();
    REQUIRE_OK(store.db->Verify());
    store.Kill();
    store.Open();
    store.ExpectRows();
  }
  REQUIRE_FALSE(HasSegment(store, 1));  // Its live values are in a value file.
  REQUIRE(store.db->GetStats().collected_bytes_written == 0);  // Once was enough.
  // The last values die, and so do the files.
  for (const auto& [key, value] : store.rows) REQUIRE_OK(store.db->Del(key));
  store.rows.clear();
  store.FlushAll();
  REQUIRE_OK(store.db->CompactRange(kDefaultColumnFamily, "", ""));
  store.Collect(0);
  store.ExpectRows();
  for (const SegmentInfo& segment : store.db->ListSegments()) REQUIRE_FALSE(segment.flushed);
}

TEST_CASE("entries that several tables count hide no dead values elsewhere", "[parts]") {
  Store store;
  store.options.table_bytes_target = 1 << 10;
  store.options.block_bytes_target = 256;
  store.Open();
  constexpr int kEntries = 200;
  constexpr int kRows = 4;
  const std::string value(300, 'v');
  for (int i = 0; i < kEntries; ++i) {
    const uint64_t index = 1 + static_cast<uint64_t>(i);
    std::string payload;
    WriteBatch batch;
    for (int row = 0; row < kRows; ++row) {
      const auto at = static_cast<uint32_t>(payload.size());
      // The rows of an entry are far apart.
      batch.SetFromEntry(Key(row * kEntries + i), value, {1, index, at});
      payload += value;
    }
    REQUIRE_OK(store.AppendTo(1, index, 1, {payload}));
    REQUIRE_OK(store.db->Write(batch));
    if (i % 4 == 0) continue;  // The others die before they are in a table.
    for (int row = 0; row < kRows; ++row) REQUIRE_OK(store.db->Del(Key(row * kEntries + i)));
  }
  store.CompactGroup(1);
  store.FlushAll();
  store.Collect(0.3);
  REQUIRE(store.db->GetStats().collected_bytes_written > 0);
  REQUIRE_OK(store.db->CompactRange(kDefaultColumnFamily, "", ""));
  REQUIRE(store.db->ListTables().size() > kRows);

  const std::string large(3000, 'l');
  constexpr int kLarge = 200;
  for (int i = 0; i < kLarge; ++i) REQUIRE_OK(store.db->Set(fmt::format("large{}", i), large));
  store.FlushAll();
  for (int i = 0; i < kLarge; i += 2) REQUIRE_OK(store.db->Del(fmt::format("large{}", i)));
  REQUIRE_OK(store.db->CompactRange(kDefaultColumnFamily, "", ""));
  const uint64_t dead = store.db->GetStats().value_bytes_dead;
  REQUIRE(dead > kLarge / 3 * large.size());  // What the active segment has is in no count.

  store.db.reset();
  store.options.background_work = true;
  store.Open();
  REQUIRE_OK(store.db->WaitForBackgroundWork());
  REQUIRE(store.db->GetStats().value_bytes_dead < dead / 2);
}

TEST_CASE("what only a memtable refers to is kept until it is flushed", "[parts][crash]") {
  Store store;
  store.Open();
  const std::string old_value = Store::ValueOf(1, 2000);
  store.Append(1, old_value);
  const std::string filling(1000, 'f');
  for (int i = 0; i < 150; ++i) store.Append(2, filling);
  store.FlushAll();  // The boundary passes the entry.
  REQUIRE_OK(store.Apply(1, 1, "key", old_value));
  store.rows["key"] = old_value;
  store.CompactGroup(1);
  store.CompactGroup(2);
  for (int round = 0; round < 2; ++round) {
    store.Collect(0);
    REQUIRE(HasSegment(store, 1));
    store.ExpectRows();
    store.Kill();
    store.Open();
  }
  store.ExpectRows();
  store.FlushAll();
  store.Collect(0);
  store.ExpectRows();
  REQUIRE_FALSE(HasSegment(store, 1));  // Moved: hardly anything in it lives.
  store.PowerCut();
  store.Open();
  store.ExpectRows();
}

TEST_CASE("a value that can't be referred to is written, and a wrong one is refused", "[parts]") {
  Store store;
  store.Open();
  const std::string value = Store::ValueOf(1, 1000);
  store.Append(1, value);
  REQUIRE_OK(store.AppendTo(2, 1, 1, {"small"}));
  REQUIRE_OK(store.Apply(1, 7, "a", value));                 // No such entry.
  REQUIRE_OK(store.Apply(9, 1, "b", value));                 // No such group.
  REQUIRE_OK(store.Apply(2, 1, "c", value));                 // Too small to be referred to.
  REQUIRE_OK(store.Apply(1, 1, "d", value.substr(0, 100)));  // Stands in tables.
  REQUIRE_OK(store.db->Apply({ChangeKind::kSet, kDefaultColumnFamily, 0, "e", value, {1, 1, 28}}));
  store.rows = {
      {"a", value}, {"b", value}, {"c", value}, {"d", value.substr(0, 100)}, {"e", value}};
  store.has_heads = false;
  const absl::Status other = store.Apply(1, 1, "f", Store::ValueOf(2, 1000));
  REQUIRE(absl::IsInvalidArgument(other));
  REQUIRE_THAT(std::string(other.message()), Catch::Contains("group 1: entry 1 of 1041 bytes"));
  REQUIRE(absl::IsInvalidArgument(store.Apply(1, 1, "f", std::string(5000, 'v'))));
  store.ExpectRows();
  store.Kill();
  store.Open();
  store.ExpectRows();
}

TEST_CASE("an entry that is moved is referred to where it was, and where it is", "[parts]") {
  Store store;
  store.Open();
  const std::string first = Store::ValueOf(1, 1000);
  const std::string second = Store::ValueOf(2, 1000);
  store.Append(1, first);
  store.Append(1, second);
  const std::string filling(1000, 'f');
  for (int i = 0; i < 150; ++i) store.Append(2, filling);
  REQUIRE_OK(store.Apply(1, 1, "first", first));
  store.FlushAll();
  store.CompactGroup(2);
  store.Collect();  // Moves what lives in the first segment.
  REQUIRE_OK(store.Apply(1, 2, "second", second));
  store.rows = {{"first", first}};
  store.ExpectRows();
  store.Kill();
  store.Open();
  REQUIRE(**store.db->Get("second") == second);
  store.CompactGroup(1);
  store.FlushAll();
  store.Collect(0);
  store.ExpectRows();
  REQUIRE(**store.db->Get("second") == second);
  REQUIRE_OK(store.db->Verify());
}

TEST_CASE("an entry that goes while its value's write waits is not referred to", "[parts]") {
  Store store;
  store.Open();
  const std::string value = Store::ValueOf(1, 3000);
  store.Append(1, value);
  // Memtables that can't be followed by others make the next write wait.
  const std::string filling(3000, 'f');
  absl::Status refusal;
  for (int i = 0; refusal.ok(); ++i) {
    refusal = store.db->Set(fmt::format("zz{}", i), filling, {.never_wait = true});
  }
  bool is_gone = false;
  store.executor.Submit(Priority::kHigh, [&] {
    store.CompactGroup(1);
    is_gone = true;
  });
  REQUIRE_OK(store.Apply(1, 1, "key", value));
  REQUIRE(is_gone);
  store.rows["key"] = value;
  store.FlushAll();
  store.Collect(0);
  store.has_heads = false;
  store.ExpectRows();
  store.Kill();
  store.Open();
  store.ExpectRows();
}

TEST_CASE("threads read values that are parts of entries while they are applied and flushed",
          "[parts]") {
  Store store;
  const std::unique_ptr<Executor> pool = NewThreadPool(2);
  store.options.environment.executor = pool.get();
  store.options.background_work = true;
  store.Open();
  constexpr uint64_t kRows = 600;
  std::atomic<uint64_t> applied{0};
  std::atomic<uint64_t> read{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&, i] {
      Random random(static_cast<uint64_t>(i));
      while (applied.load() < kRows) {
        const uint64_t last = applied.load();
        if (last == 0) continue;
        const uint64_t index = 1 + random.Uniform(last);
        const auto found = store.db->Get(fmt::format("{}", index));
        NOKV_CHECK(found.ok() && *found == Store::ValueOf(index, 1500));
        read.fetch_add(1);
      }
    });
  }
  for (uint64_t index = 1; index <= kRows; ++index) {
    const std::string value = Store::ValueOf(index, 1500);
    const std::string payload = std::string(kBefore) + value;
    const GroupEntry entry{index, 1, 0, payload};
    const GroupWrite write{
        .group = 1, .compact_to = index % 40 == 0 ? index - 1 : 0, .entries = std::span(&entry, 1)};
    NOKV_CHECK(store.groups().Append(std::span(&write, 1)).ok());
    WriteBatch batch;
    batch.SetFromEntry(fmt::format("{}", index), value,
                       {1, index, static_cast<uint32_t>(kBefore.size())});
    NOKV_CHECK(store.db->Write(batch).ok());
    applied.store(index);
  }
  for (std::thread& reader : readers) reader.join();
  REQUIRE(read.load() > 0);
  REQUIRE_OK(store.db->Flush());
  REQUIRE_OK(store.db->Verify());
  store.db.reset();
}

TEST_CASE("a checkpoint has the values that are parts of entries", "[parts]") {
  Store store;
  store.Open();
  for (int i = 0; i < 100; ++i) {
    store.Put(1, Key(i), 1000);
    if (i == 60) store.FlushAll();
  }
  REQUIRE_OK(store.db->Checkpoint("/copy"));
  store.CompactGroup(1);
  for (const auto& [key, value] : store.rows) REQUIRE_OK(store.db->Del(key));
  store.FlushAll();
  store.Collect(0);
  store.db.reset();
  store.options.directory = "/copy";
  store.Open();
  store.ExpectRows();
  REQUIRE_OK(store.db->Verify());
}

TEST_CASE("a damaged value is an error for its key, and for no other that is part of its entry",
          "[parts][damage]") {
  Store store;
  store.Open();
  const std::string value = Store::ValueOf(1, 3000);
  const std::string neighbour = Store::ValueOf(2, 3000);
  REQUIRE_OK(store.AppendTo(1, 1, 1, {std::string(kBefore) + value + neighbour}));
  REQUIRE_OK(store.Apply(1, 1, "key", value));
  WriteBatch batch;
  batch.SetFromEntry("neighbour", neighbour,
                     {1, 1, static_cast<uint32_t>(kBefore.size() + value.size())});
  REQUIRE_OK(store.db->Write(batch));
  REQUIRE_OK(store.db->Flush());
  store.db.reset();
  store.Open();
  REQUIRE_OK(store.disk.FlipBit("/db/000001.log", 1500, 3));
  const auto found = store.db->Get("key");
  REQUIRE(absl::IsDataLoss(found.status()));
  REQUIRE_THAT(std::string(found.status().message()), Catch::Contains("000001.log: value 0"));
  REQUIRE(**store.db->Get("neighbour") == neighbour);
  REQUIRE(absl::IsDataLoss(store.db->Verify()));
}

TEST_CASE("the head of a value is read without the value", "[parts][damage]") {
  Store store;
  store.options.prefer_mapping = GENERATE(true, false);
  const bool is_flushed = GENERATE(true, false);
  store.Open();
  store.Put(1, "key", 3000);
  if (is_flushed) REQUIRE_OK(store.db->Flush());
  store.db.reset();
  store.Open();
  REQUIRE_OK(store.disk.FlipBit("/db/000001.log", 64 + 4, 0));  // The entry's length.
  const auto it = store.db->NewIterator({});
  it->Seek("key");
  REQUIRE(it->value_head() == store.rows["key"].substr(0, Store::kHeadBytes));
  REQUIRE(it->Valid());
  REQUIRE(it->value().empty());
  REQUIRE_FALSE(it->Valid());
  REQUIRE(absl::IsDataLoss(it->status()));
}

TEST_CASE("a head is what of the value is asked for, and no more than 64 bytes", "[parts]") {
  Store store;
  store.Open();
  const std::string value = Store::ValueOf(1, 1000);
  store.Append(1, value);
  for (const uint8_t size : {0, 1, 63, 64, 65, 255}) {
    INFO(int{size});
    WriteBatch batch;
    batch.SetFromEntry("key", value, {1, 1, static_cast<uint32_t>(kBefore.size()), size});
    const absl::Status written = store.db->Write(batch);
    REQUIRE(written.ok() == (size <= kValueHeadBytesMax));
    if (!written.ok()) {
      REQUIRE(absl::IsInvalidArgument(written));
      continue;
    }
    for (int round = 0; round < 2; ++round) {
      const auto it = store.db->NewIterator({});
      it->Seek("key");
      REQUIRE(it->value_head() == (size == 0 ? value : value.substr(0, size)));
      it->Prev();  // Made anew on the way back.
      it->SeekForPrev("key");
      REQUIRE(it->value_head() == (size == 0 ? value : value.substr(0, size)));
      REQUIRE_OK(store.db->Flush());
    }
  }
}

}  // namespace nokv
