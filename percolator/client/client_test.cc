// What operations answer when the cluster is well, over one region and several.
#include "percolator/client/client.h"

#include "percolator/client/test_fixture.h"

#include <catch2/catch.hpp>

#include <algorithm>

namespace nokv::client {
namespace {

TEST_CASE("what is put is got, until it is deleted", "[client]") {
  Fixture f({"h", "p"});
  for (const std::string key : {"a", "k", "z"}) {
    REQUIRE(f.Get(key) == "(absent)");
    f.Put(key, "value of " + key);
    REQUIRE(f.Get(key) == "value of " + key);
  }
  REQUIRE(f.blocking.Write({.kind = WriteRequest::Kind::kDelete, .key = "k"}).ok());
  REQUIRE(f.Get("k") == "(absent)");
  REQUIRE(f.world.route_calls <= 4);  // Three regions, and the cluster's id.
}

TEST_CASE("a get at a timestamp sees what was there then", "[client]") {
  Fixture f;
  f.Put("k", "old");
  const mvcc::Timestamp before = f.Now();
  f.Put("k", "new");
  REQUIRE((*f.blocking.Get({.key = "k", .at = before}))->bytes == "old");
  REQUIRE(f.Get("k") == "new");
}

TEST_CASE("an answer never comes inside the call", "[client]") {
  Fixture f;
  int answers = 0;
  f.client.Get({.key = ""}, [&](const auto& value) {
    REQUIRE(absl::IsInvalidArgument(value.status()));
    ++answers;
  });
  f.client.Write({.key = "\xff", .value = "v"}, [&](const auto& outcome) {
    REQUIRE(absl::IsInvalidArgument(outcome.status()));
    ++answers;
  });
  REQUIRE(answers == 0);
  f.world.time.RunFor(absl::Seconds(1));
  REQUIRE(answers == 2);
}

TEST_CASE("what can't be asked is refused before anything is sent", "[client]") {
  Fixture f;
  const std::string long_key((64 << 10) + 1, 'k');
  REQUIRE(absl::IsInvalidArgument(f.blocking.Get({.key = long_key}).status()));
  REQUIRE(absl::IsInvalidArgument(f.blocking.Get({.key = "k", .at = {}}).status()));
  REQUIRE(absl::IsInvalidArgument(
      f.blocking.Write({.key = "k", .value = std::string(kValueBytesMax + 1, 'v')}).status()));
  REQUIRE(absl::IsInvalidArgument(
      f.blocking.Write({.key = "k", .snapshot = mvcc::Timestamp::Max()}).status()));
  REQUIRE(absl::IsInvalidArgument(
      f.blocking.Add({.key = "k", .header = std::string(65, 'h')}).status()));
  REQUIRE(absl::IsInvalidArgument(f.blocking.BatchGet({.keys = {"k"}}).status()));
  REQUIRE(absl::IsInvalidArgument(f.blocking.Scan({}).status()));
  REQUIRE(absl::IsInvalidArgument(f.blocking.Scan({.at = f.Now(), .rows_max = 0}).status()));
  REQUIRE(f.world.commands == 0);
}

TEST_CASE("parts of the system may use keys from byte FF on", "[client]") {
  Fixture f({}, {.key_owner = mvcc::KeyOwner::kSystem});
  f.Put("\xffr", "v");
  REQUIRE(f.Get("\xffr") == "v");
}

TEST_CASE("a write with a snapshot conflicts with what came after it", "[client]") {
  Fixture f;
  f.Put("k", "0");
  const mvcc::Timestamp snapshot = f.Now();
  const mvcc::Timestamp other = f.Put("k", "1");
  const auto outcome = f.blocking.Write({.key = "k", .value = "2", .snapshot = snapshot});
  REQUIRE(std::get<Conflict>(*outcome).other_commit == other);
  REQUIRE(f.Get("k") == "1");
  REQUIRE(f.blocking.Write({.key = "k", .value = "2", .snapshot = f.Now()}).ok());
  REQUIRE(f.Get("k") == "2");
}

TEST_CASE("adds answer their sums, or why there is none", "[client]") {
  Fixture f;
  const auto add = [&](int64_t delta) {
    return *f.blocking.Add({.key = "n", .delta = delta, .header = "#"});
  };
  REQUIRE(std::get<Sum>(add(5)).value == 5);
  REQUIRE(std::get<Sum>(add(-7)).value == -2);
  REQUIRE(f.Get("n") == "#-2");
  REQUIRE(std::get<CannotAdd>(add(INT64_MIN)) == CannotAdd::kOutOfRange);
  f.Put("n", "#x");
  REQUIRE(std::get<CannotAdd>(add(1)) == CannotAdd::kNotAnInteger);
  f.Put("n", "x");
  REQUIRE(std::get<CannotAdd>(add(1)) == CannotAdd::kOtherHeader);
}

TEST_CASE("a batch of keys is read in any order, over all regions, each once", "[client]") {
  Fixture f({"h", "p"});
  std::vector<std::string> keys;
  for (char c = 'z'; c >= 'a'; --c) keys.emplace_back(1, c);
  keys.insert(keys.end(), {"b", "nothing", "b"});
  for (char c = 'a'; c <= 'z'; ++c) f.Put(std::string(1, c), std::string(3, c));
  const mvcc::Timestamp at = f.Now();
  f.Put("b", "too new");

  const int commands_before = f.world.commands;
  const auto answers = f.blocking.BatchGet({.keys = keys, .at = at});
  REQUIRE(answers.ok());
  REQUIRE(answers->size() == keys.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    const std::optional<Value>& value = (*answers)[i];
    REQUIRE(value.has_value() == (keys[i] != "nothing"));
    if (value) REQUIRE(value->bytes == std::string(3, keys[i][0]));
  }
  REQUIRE(f.world.commands - commands_before == 3);
  REQUIRE(f.blocking.BatchGet({.keys = {}, .at = at})->empty());
}

TEST_CASE("a batch whose regions are not known yet, or were split, is cut as it is sent",
          "[client]") {
  Fixture f({"h", "p"});
  std::vector<std::string> keys;
  for (char c = 'a'; c <= 'z'; ++c) {
    keys.emplace_back(1, c);
    f.world.data.versions[keys.back()] = {{.commit = 5, .start = 4, .value = keys.back()}};
  }
  REQUIRE(f.blocking.BatchGet({.keys = keys, .at = mvcc::Timestamp(9)})->at(25)->bytes == "z");
  for (const char* border : {"c", "d", "q", "y"}) f.world.Split(border);
  const auto answers = f.blocking.BatchGet({.keys = keys, .at = mvcc::Timestamp(9)});
  REQUIRE(answers.ok());
  for (size_t i = 0; i < keys.size(); ++i) REQUIRE((*answers)[i]->bytes == keys[i]);
}

std::vector<std::string> ScanAll(Fixture& f, ScanRequest request) {
  request.at = f.Now();
  std::vector<std::string> keys;
  for (int pages = 0; pages < 1000; ++pages) {
    const auto page = f.blocking.Scan(request);
    REQUIRE(page.ok());
    for (const Row& row : page->rows) keys.push_back(row.key);
    REQUIRE(page->rows.size() <= request.rows_max);
    if (!page->resume) return keys;
    (request.is_reverse ? request.end : request.start) = *page->resume;
  }
  FAIL("a scan does not end");
  return keys;
}

TEST_CASE("scans cross the borders of regions in pages, in both directions", "[client]") {
  const uint32_t rows_max = GENERATE(1u, 3u, 100u);
  const uint32_t rows_per_page = GENERATE(1u, 2u, 1000u);
  Fixture f({"d", "h", "hh", "p"});
  f.world.rows_per_page = rows_per_page;
  std::vector<std::string> keys;
  for (const char* key : {"a", "c", "d", "dd", "h", "ha", "i", "o", "p", "q", "z"}) {
    keys.emplace_back(key);
    f.Put(key, key);
  }
  const std::vector<std::string> reversed(keys.rbegin(), keys.rend());

  REQUIRE(ScanAll(f, {.rows_max = rows_max}) == keys);
  REQUIRE(ScanAll(f, {.is_reverse = true, .rows_max = rows_max}) == reversed);
  const std::vector<std::string> middle(keys.begin() + 2, keys.begin() + 8);
  REQUIRE(ScanAll(f, {.start = "d", .end = "p", .rows_max = rows_max}) == middle);
  REQUIRE(ScanAll(f, {.start = "d", .end = "p", .is_reverse = true, .rows_max = rows_max}) ==
          std::vector<std::string>(middle.rbegin(), middle.rend()));
  REQUIRE(ScanAll(f, {.start = "x", .end = "b", .rows_max = rows_max}).empty());
  REQUIRE(ScanAll(f, {.start = "\xff", .rows_max = rows_max}).empty());
}

TEST_CASE("a scan that meets a split goes on in the parts", "[client]") {
  Fixture f({"m"});
  for (char c = 'a'; c <= 'z'; ++c) f.Put(std::string(1, c), "v");
  REQUIRE(ScanAll(f, {.rows_max = 7}).size() == 26);
  f.world.Split("c");
  f.world.Split("t");
  REQUIRE(ScanAll(f, {.rows_max = 7}).size() == 26);
  f.world.Split("e");
  f.world.Split("v");
  REQUIRE(ScanAll(f, {.is_reverse = true, .rows_max = 7}).size() == 26);
}

TEST_CASE("a page ends when it has the bytes that were asked for", "[client]") {
  Fixture f;
  for (char c = 'a'; c <= 'j'; ++c) f.Put(std::string(1, c), std::string(99, c));
  f.world.rows_per_page = 1;
  const auto page = f.blocking.Scan({.at = f.Now(), .bytes_max = 250});
  REQUIRE(page->rows.size() == 3);
  REQUIRE(page->resume == "d");
}

TEST_CASE("many calls for timestamps share few requests, and none gets an old one", "[client]") {
  Fixture f;
  f.Now();
  const int calls_before = f.world.tso_calls;
  std::vector<uint64_t> drawn;
  for (int i = 0; i < 100; ++i) {
    f.client.DrawTimestamp(absl::Seconds(1),
                           [&](const auto& timestamp) { drawn.push_back(timestamp->bits()); });
  }
  f.world.time.RunFor(absl::Microseconds(100));
  const uint64_t before = f.world.last_timestamp += 1000;
  f.client.DrawTimestamp(absl::Seconds(1), [&](const auto& timestamp) {
    REQUIRE(timestamp->bits() > before);
    drawn.push_back(timestamp->bits());
  });
  f.world.time.RunFor(absl::Seconds(1));
  REQUIRE(drawn.size() == 101);
  std::sort(drawn.begin(), drawn.end());
  REQUIRE(std::unique(drawn.begin(), drawn.end()) == drawn.end());
  REQUIRE(f.world.tso_calls - calls_before <= 3);
}

TEST_CASE("very many calls for timestamps are no large request, which the driver might refuse",
          "[client]") {
  constexpr int kDraws = 40'000;
  Fixture f;
  f.Now();
  const int calls_before = f.world.tso_calls;
  int drawn = 0;
  for (int i = 0; i < kDraws; ++i) {
    f.client.DrawTimestamp(absl::Seconds(1),
                           [&](const auto& timestamp) { drawn += timestamp.ok(); });
  }
  f.world.time.RunFor(absl::Seconds(1));
  REQUIRE(drawn == kDraws);
  REQUIRE(f.world.tso_calls - calls_before == 4);  // The first asks alone, of the rest 16,384 each.
}

TEST_CASE("a write that follows another needs no question to the driver first", "[client]") {
  Fixture f;
  f.Put("k", "1");
  f.world.time.RunFor(absl::Milliseconds(5));
  f.world.is_pd_silent = true;
  f.Put("k", "2");
  f.world.is_pd_silent = false;
  REQUIRE(f.Get("k") == "2");
  const std::vector<TestData::Version>& versions = f.world.data.versions.at("k");
  REQUIRE(versions.at(0).start != versions.at(1).start);
}

TEST_CASE("the name of a write is young", "[client]") {
  Fixture f;
  f.Put("k", "1");
  f.world.time.RunFor(absl::Milliseconds(30));
  const uint64_t now = f.world.last_timestamp += 1000;
  f.Put("k", "2");
  REQUIRE(f.world.data.versions.at("k").at(1).start > now);

  f.world.time.RunFor(absl::Seconds(1));
  const int calls_before = f.world.tso_calls;
  f.world.time.RunFor(absl::Minutes(1));
  REQUIRE(f.world.tso_calls == calls_before);  // Whoever writes nothing draws nothing.
}

TEST_CASE("calls that need the same region ask for it once", "[client]") {
  Fixture f({"m"});
  int answers = 0;
  for (int i = 0; i < 50; ++i) {
    f.client.Get({.key = "a" + std::to_string(i)}, [&](const auto&) { ++answers; });
    f.client.Get({.key = "z" + std::to_string(i)}, [&](const auto&) { ++answers; });
  }
  f.world.time.RunFor(absl::Seconds(1));
  REQUIRE(answers == 100);
  REQUIRE(f.world.route_calls == 2);
}

TEST_CASE("operations under way are bounded", "[client]") {
  Fixture f({}, {.operations_max = 10});
  int refused = 0;
  int answered = 0;
  for (int i = 0; i < 15; ++i) {
    f.client.Get({.key = "k"}, [&](const auto& value) {
      value.ok() ? ++answered : ++refused;
      if (!value.ok()) REQUIRE(absl::IsResourceExhausted(value.status()));
    });
  }
  f.world.time.RunFor(absl::Seconds(1));
  REQUIRE(refused == 5);
  REQUIRE(answered == 10);
  REQUIRE(f.Get("k") == "(absent)");
}

TEST_CASE("what is under way when the client goes is forgotten, and calls nobody", "[client]") {
  TestWorld world({"m"});
  int answers = 0;
  {
    Client client({.network = world,
                   .pd = world,
                   .timer = world.time,
                   .clock = world.time,
                   .executor = world.time},
                  {});
    for (const std::string key : {"a", "z", ""}) {
      client.Get({.key = key}, [&](const auto&) { ++answers; });
      client.Write({.key = key, .value = "v"}, [&](const auto&) { ++answers; });
    }
    world.time.RunFor(absl::Microseconds(1400));
    REQUIRE(answers == 2);  // Those that could not be asked.
  }
  const int commands = world.commands;
  world.time.RunFor(absl::Seconds(60));
  REQUIRE(answers == 2);
  REQUIRE(world.commands == commands);
}

TEST_CASE("a callback may start the next operation", "[client]") {
  Fixture f;
  std::string got;
  f.client.Write({.key = "k", .value = "v"}, [&](const auto& outcome) {
    REQUIRE(outcome.ok());
    f.client.Get({.key = "k"}, [&](const auto& value) { got = (*value)->bytes; });
  });
  f.world.time.RunFor(absl::Seconds(1));
  REQUIRE(got == "v");
}

}  // namespace
}  // namespace nokv::client
