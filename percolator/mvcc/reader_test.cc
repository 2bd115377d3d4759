#include "percolator/mvcc/reader.h"

#include "percolator/mvcc/test_store.h"

#include <string>
#include <vector>

namespace nokv::mvcc {
namespace {

using namespace std::string_literals;
using Code = absl::StatusCode;

// "value@commit", "absent" or "blocked by start".
std::string Get(const Snapshot& store, std::string_view key, const ReadView& view) {
  MvccReader reader(store);
  const GetAnswer answer = Unwrap(reader.Get(key, view));
  if (const auto* found = std::get_if<Found>(&answer)) {
    return fmt::format("{}@{}", found->value, found->commit.bits());
  }
  if (const auto* blocked = std::get_if<Blocked>(&answer)) {
    REQUIRE(blocked->key == key);
    return fmt::format("blocked by {}", blocked->lock.start.bits());
  }
  return "absent";
}

std::string Get(const Snapshot& store, std::string_view key, uint64_t at) {
  return Get(store, key, ReadView{.at = Ts(at), .now_ms = 0});
}

// "key=value key=value !key>resume": rows, the lock if there is one, where to go on.
std::string Show(const Page& page) {
  std::string shown;
  for (const Row& row : page.rows) shown += fmt::format("{}={} ", row.key, row.value);
  if (page.blocked.has_value()) shown += fmt::format("!{}", page.blocked->key);
  if (page.resume.has_value()) {
    shown += ">";
    for (const char c : *page.resume) shown += c == '\0' ? std::string("\\0") : std::string(1, c);
  }
  return shown;
}

std::string Scan(const Snapshot& store, const ScanRequest& request, uint64_t at) {
  MvccReader reader(store);
  return Show(Unwrap(reader.Scan(request, {.at = Ts(at), .now_ms = 0})));
}

constexpr auto kForward = Direction::kForward;
constexpr auto kBackward = Direction::kBackward;

}  // namespace

TEST_CASE("a reader sees the newest version at its timestamp or before", "[mvcc]") {
  TestStore store;
  store.Put("k", 10, 20, "old");
  store.Put("k", 30, 40, "new");
  store.Delete("k", 50, 60);
  store.Put("j", 1, 2, "other");
  store.Put("k\0"s + "x", 1, 2, "other");
  REQUIRE(Get(store, "k", 19) == "absent");
  REQUIRE(Get(store, "k", 20) == "old@20");
  REQUIRE(Get(store, "k", 39) == "old@20");
  REQUIRE(Get(store, "k", 40) == "new@40");
  REQUIRE(Get(store, "k", 59) == "new@40");
  REQUIRE(Get(store, "k", 60) == "absent");
  REQUIRE(Get(store, "k", Timestamp::Max().bits()) == "absent");
  REQUIRE(Get(store, "kk", 100) == "absent");
}

TEST_CASE("rollback marks and lock-only records hide no older value", "[mvcc]") {
  TestStore store;
  store.Put("k", 10, 20, "v");
  store.Write("k", 22, {.kind = WriteKind::kLockOnly, .start = Ts(21)});
  for (uint64_t start = 30; start < 60; ++start) store.RollBack("k", start);
  store.Put("dead", 10, 20, "v");
  store.Delete("dead", 30, 40);
  store.RollBack("dead", 50);
  store.RollBack("only", 50);
  for (const uint64_t at : {20, 22, 30, 45, 59, 1000}) REQUIRE(Get(store, "k", at) == "v@20");
  REQUIRE(Get(store, "dead", 1000) == "absent");
  REQUIRE(Get(store, "only", 1000) == "absent");
  REQUIRE(Scan(store, {}, 1000) == "k=v ");
  REQUIRE(Scan(store, {.direction = kBackward}, 1000) == "k=v ");
}

TEST_CASE("a mark and a commit at one timestamp are one record, and its value shows", "[mvcc]") {
  TestStore store;
  store.Write("k", 20, {.start = Ts(10), .overlaps_rollback = true, .value = "v"});
  REQUIRE(Get(store, "k", 20) == "v@20");
}

TEST_CASE("values of up to 4096 bytes lie in the write record, larger ones beside it", "[mvcc]") {
  for (const size_t size : {0, 1, 255, 256, 4096, 4097, 100'000}) {
    CAPTURE(size);
    TestStore store;
    const std::string value(size, 'v');
    store.Put("k", 10, 20, value);
    REQUIRE(store.family(Family::kDefault).size() == (size > 4096 ? 1 : 0));
    REQUIRE(Get(store, "k", 20) == value + "@20");
    REQUIRE(Scan(store, {}, 20) == "k=" + value + " ");
    REQUIRE(Scan(store, {.is_keys_only = true}, 20) == "k= ");
  }
}

TEST_CASE("a record that is cut in its value is damage", "[mvcc]") {
  TestStore store;
  store.Put("k", 10, 20, std::string(1000, 'v'));
  store.family(Family::kWrite).begin()->second.pop_back();
  MvccReader reader(store);
  const ReadView view = ReadView::At(Ts(20));
  for (const absl::Status& status :
       {reader.Get("k", view).status(), reader.Scan({.is_keys_only = true}, view).status()}) {
    REQUIRE(status.code() == Code::kDataLoss);
    REQUIRE_THAT(
        std::string(status.message()),
        Catch::StartsWith("family write, key 6b, timestamp 20: write record of 1012 byte"));
  }
}

TEST_CASE("records that come with large values fill a page sooner", "[mvcc]") {
  TestStore store;
  for (const char* key : {"a", "b", "c", "d"}) store.Put(key, 10, 20, std::string(1000, 'v'));
  const ScanRequest request{.is_keys_only = true, .records_max = 8};
  REQUIRE(Scan(store, request, 20) == "a= b= c= d= ");
  store.ShowWholeRecords();
  REQUIRE(Scan(store, request, 20) == "a= b= >c");
}

TEST_CASE("a value beside its record is read, whatever its size", "[mvcc]") {
  for (const size_t size : {0, 1, 255, 256, 4096}) {
    CAPTURE(size);
    TestStore store;
    const std::string value(size, 'v');
    store.PutBeside("k", 10, 20, value);
    store.Put("k", 30, 40, value + "newer");
    REQUIRE(Get(store, "k", 20) == value + "@20");
    REQUIRE(Get(store, "k", 40) == value + "newer@40");
    REQUIRE(Scan(store, {}, 20) == "k=" + value + " ");
    REQUIRE(Scan(store, {.is_keys_only = true}, 20) == "k= ");
  }
}

TEST_CASE("a value that is missing is damage and not absence", "[mvcc]") {
  TestStore store;
  store.Put("key", 10, 20, std::string(kInlineValueBytesMax + 1, 'v'));
  store.family(Family::kDefault).clear();
  MvccReader reader(store);
  const auto answer = reader.Get("key", ReadView::At(Ts(30)));
  REQUIRE(answer.status().code() == Code::kDataLoss);
  REQUIRE(Says(answer.status(), {"default", "6b6579", "10", "missing"}));
  REQUIRE(reader.Scan({}, ReadView::At(Ts(30))).status().code() == Code::kDataLoss);
  // Keys alone need no values.
  REQUIRE(Scan(store, {.is_keys_only = true}, 30) == "key= ");
}

TEST_CASE("an expired value is gone by the snapshot's own time, so a snapshot repeats itself",
          "[mvcc]") {
  TestStore store;
  const Timestamp commit = Timestamp::FromParts(1000, 0);
  store.Put("k", commit.bits() - 1, commit.bits(), "v", 2000);
  const auto at = [](uint64_t millis) { return ReadView::At(Timestamp::FromParts(millis, 0)); };
  REQUIRE(Get(store, "k", at(1999)) == fmt::format("v@{}", commit.bits()));
  REQUIRE(Get(store, "k", at(2000)) == "absent");
  REQUIRE(Get(store, "k", ReadView::Newest(1999)) == fmt::format("v@{}", commit.bits()));
  REQUIRE(Get(store, "k", ReadView::Newest(2000)) == "absent");
  // Without a time nobody says whether it is there.
  MvccReader without(store);
  REQUIRE(absl::IsUnavailable(without.Get("k", ReadView::Newest(std::nullopt)).status()));
  REQUIRE(absl::IsUnavailable(without.Scan({}, ReadView::Newest(std::nullopt)).status()));
  // An expired version does not let an older one show.
  store.Put("k", 1, 2, "older");
  REQUIRE(Get(store, "k", at(2000)) == "absent");
  MvccReader reader(store);
  REQUIRE(Unwrap(reader.Scan({}, at(2000))).rows.empty());
  REQUIRE(Unwrap(reader.Scan({}, at(1999))).rows.at(0).expiry_ms == 2000);
}

TEST_CASE("a lock that may commit below the reader blocks it, at the newest timestamp too",
          "[mvcc]") {
  TestStore store;
  store.Put("k", 10, 20, "v");
  store.Lock("k", 30);
  REQUIRE(Get(store, "k", 29) == "v@20");
  REQUIRE(Get(store, "k", 30) == "blocked by 30");
  REQUIRE(Get(store, "k", ReadView::Newest(0)) == "blocked by 30");
  store.Lock("k", 30, LockKind::kDelete, 50);
  REQUIRE(Get(store, "k", 49) == "v@20");
  REQUIRE(Get(store, "k", 50) == "blocked by 30");
  store.Lock("k", 30, LockKind::kLockOnly);
  REQUIRE(Get(store, "k", 60) == "v@20");
}

TEST_CASE("a scan sees the lock on a key that was never written", "[mvcc]") {
  TestStore store;
  store.Put("a", 1, 2, "1");
  store.Lock("b", 10);
  store.Put("c", 1, 2, "3");
  REQUIRE(Scan(store, {}, 9) == "a=1 c=3 ");
  REQUIRE(Scan(store, {}, 10) == "a=1 !b>b");
  REQUIRE(Scan(store, {.direction = kBackward}, 9) == "c=3 a=1 ");
  REQUIRE(Scan(store, {.direction = kBackward}, 10) == "c=3 !b>b\\0");
  REQUIRE(Scan(store, {.start = "b"}, 10) == "!b>b");
  REQUIRE(Scan(store, {.start = "b\0"s}, 10) == "c=3 ");
  REQUIRE(Scan(store, {.end = "b"}, 10) == "a=1 ");
  REQUIRE(Scan(store, {.end = "b", .direction = kBackward}, 10) == "a=1 ");
}

TEST_CASE("locks at the ends of a range are in it or not, as the range says", "[mvcc]") {
  TestStore store;
  store.Lock("a", 1);
  store.Lock("z", 1);
  store.Put("m", 1, 2, "v");
  for (const Direction direction : {kForward, kBackward}) {
    REQUIRE(Scan(store, {.start = "b", .end = "z", .direction = direction}, 9) == "m=v ");
    REQUIRE(Scan(store, {.start = "n", .end = "n", .direction = direction}, 9).empty());
    REQUIRE(Scan(store, {.start = "x", .end = "c", .direction = direction}, 9).empty());
  }
  REQUIRE(Scan(store, {.start = "a", .end = "b"}, 9) == "!a>a");
  REQUIRE(Scan(store, {.start = "n", .direction = kBackward}, 9) == "!z>z\\0");
}

TEST_CASE("pages end between keys by rows, by bytes and by records, and resume exactly", "[mvcc]") {
  TestStore store;
  for (const char key : {'a', 'b', 'c', 'd'}) store.Put(std::string(1, key), 1, 2, "12345");
  REQUIRE(Scan(store, {.rows_max = 2}, 9) == "a=12345 b=12345 >c");
  REQUIRE(Scan(store, {.start = "c", .rows_max = 2}, 9) == "c=12345 d=12345 ");
  REQUIRE(Scan(store, {.direction = kBackward, .rows_max = 2}, 9) == "d=12345 c=12345 >b\\0");
  REQUIRE(Scan(store, {.end = "b\0"s, .direction = kBackward, .rows_max = 2}, 9) ==
          "b=12345 a=12345 ");
  // Six bytes a row: the row that reaches the limit is the last.
  REQUIRE(Scan(store, {.bytes_max = 1}, 9) == "a=12345 >b");
  REQUIRE(Scan(store, {.bytes_max = 6}, 9) == "a=12345 >b");
  REQUIRE(Scan(store, {.bytes_max = 7}, 9) == "a=12345 b=12345 >c");
  REQUIRE(Scan(store, {.records_max = 3}, 9) == "a=12345 b=12345 c=12345 >d");
  MvccReader reader(store);
  for (const ScanRequest& request :
       {ScanRequest{.rows_max = 0}, ScanRequest{.bytes_max = 0}, ScanRequest{.records_max = 0}}) {
    const auto refused = reader.Scan(request, ReadView::At(Ts(9)));
    REQUIRE(refused.status().code() == Code::kInvalidArgument);
  }
}

TEST_CASE("a scan over many dead versions comes back after its limit, and goes on", "[mvcc]") {
  TestStore store;
  for (int i = 0; i < 1000; ++i) store.Delete(fmt::format("{:04}", i), 1, 2);
  store.Put("9", 1, 2, "v");
  for (const Direction direction : {kForward, kBackward}) {
    ScanRequest request{.direction = direction, .records_max = 100};
    int pages = 0;
    std::string rows;
    while (true) {
      MvccReader reader(store);
      const Page page = Unwrap(reader.Scan(request, ReadView::At(Ts(9))));
      REQUIRE(reader.records() <= 110);
      for (const Row& row : page.rows) rows += row.key;
      ++pages;
      if (!page.resume.has_value()) break;
      (direction == kForward ? request.start : request.end) = *page.resume;
    }
    REQUIRE(rows == "9");
    REQUIRE(pages == 11);
  }
}

TEST_CASE("a scan steps over a few versions and seeks over many", "[mvcc]") {
  TestStore store;
  for (uint64_t i = 1; i <= 1000; ++i) store.Put("a", 2 * i, 2 * i + 1, std::to_string(i));
  store.Put("b", 1, 2, "v");
  store.FailAfter(-1);
  const int64_t before = store.operations();
  REQUIRE(Scan(store, {}, 1001) == "a=500 b=v ");
  REQUIRE(store.operations() - before < 40);
}

TEST_CASE("system keys are scanned unless the range ends before them", "[mvcc]") {
  TestStore store;
  store.Put(
      "\xff"
      "s",
      1, 2, "system");
  store.Put("\xfe\xff", 1, 2, "v");
  REQUIRE(Scan(store, {.end = "\xff"}, 9) == "\xfe\xff=v ");
  REQUIRE(Scan(store, {.start = "\xff"}, 9) ==
          "\xff"
          "s=system ");
  REQUIRE(Scan(store, {.end = "\xff", .direction = kBackward}, 9) == "\xfe\xff=v ");
}

TEST_CASE("a damaged record is an error that says where, and other keys stay readable", "[mvcc]") {
  TestStore store;
  store.Put("a", 1, 2, "v");
  store.Put("key", 1, 2, "v");
  store.family(Family::kWrite)[VersionKey("key", Ts(2))] = "\x01\x09";
  MvccReader reader(store);
  const auto answer = reader.Get("key", ReadView::At(Ts(9)));
  REQUIRE(answer.status().code() == Code::kDataLoss);
  REQUIRE(Says(answer.status(), {"write", "6b6579", "timestamp 2", "malformed"}));
  REQUIRE(reader.Scan({}, ReadView::At(Ts(9))).status().code() == Code::kDataLoss);
  REQUIRE(Get(store, "a", 9) == "v@2");

  store.family(Family::kLock)[KeyPrefix("a")] = "\x02";
  const auto newer = reader.Get("a", ReadView::At(Ts(9)));
  REQUIRE(newer.status().code() == Code::kUnimplemented);
  REQUIRE(Says(newer.status(), {"lock", "61", "version 2"}));
}

TEST_CASE("a record under a timestamp that it can't have is damage", "[mvcc]") {
  for (const bool is_mark : {false, true}) {
    TestStore store;
    const WriteKind kind = is_mark ? WriteKind::kRollback : WriteKind::kPut;
    const uint64_t at = is_mark ? 9 : 5;  // A commit at its start, a mark after it.
    WriteRecord record{.kind = kind, .start = Ts(5)};
    if (!is_mark) record.value = "v";
    store.Write("k", at, record);
    MvccReader reader(store);
    REQUIRE(reader.Get("k", ReadView::At(Ts(20))).status().code() == Code::kDataLoss);
  }
}

TEST_CASE("a key written in a later format is refused, not overlooked", "[mvcc]") {
  TestStore store;
  std::string later = VersionKey("k", Ts(5));
  later[2] = '\x02';
  store.family(Family::kWrite)[later] = "anything";
  MvccReader reader(store);
  REQUIRE(reader.Get("k", ReadView::At(Ts(9))).status().code() == Code::kUnimplemented);
  REQUIRE(reader.Scan({}, ReadView::At(Ts(9))).status().code() == Code::kUnimplemented);
  REQUIRE(reader.Scan({.direction = kBackward}, ReadView::At(Ts(9))).status().code() ==
          Code::kUnimplemented);
  REQUIRE(Get(store, "j", 9) == "absent");
}

TEST_CASE("whatever operation fails, its status comes out and no half answer", "[mvcc]") {
  const size_t size = GENERATE(size_t{5}, size_t{300}, kInlineValueBytesMax + 1);
  TestStore store;
  for (const char key : {'a', 'b', 'c'}) {
    store.Put(std::string(1, key), 1, 2, std::string(size, key));
    store.Put(std::string(1, key), 3, 4, "short");
    store.Lock(std::string(1, key), 50);
  }
  // Whether each operation that `read` makes is missed if it fails.
  const auto require_all = [&store](const auto& read) {
    const int64_t before = store.operations();
    REQUIRE_OK(read());
    const int64_t needed = store.operations() - before;
    for (int64_t i = 0; i < needed; ++i) {
      store.FailAfter(i);
      REQUIRE(read().code() == Code::kInternal);
    }
    store.FailAfter(-1);
  };
  const ReadView view = ReadView::At(Ts(3));
  for (const Direction direction : {kForward, kBackward}) {
    require_all([&] { return MvccReader(store).Scan({.direction = direction}, view).status(); });
  }
  require_all([&] { return MvccReader(store).Get("a", view).status(); });
}

}  // namespace nokv::mvcc
