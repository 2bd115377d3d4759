#include "engine/lsm/key_tree.h"

#include "engine/base/random.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <new>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace nokv::lsm {
namespace {

// A node whose only version has `sequence`.
MemNode* NewNode(Arena* arena, std::string_view key, Sequence sequence) {
  char* const memory = arena->Allocate(sizeof(MemNode) + key.size());
  auto* const node = new (memory) MemNode;
  node->first = {.sequence = sequence};
  node->newest.store(&node->first, std::memory_order_relaxed);
  node->key_size = static_cast<uint32_t>(key.size());
  if (!key.empty()) std::memcpy(memory + sizeof(MemNode), key.data(), key.size());
  return node;
}

using Shape = std::function<std::string(uint64_t)>;

const std::vector<Shape>& Shapes() {
  static const std::vector<Shape> shapes = {
      [](uint64_t i) { return fmt::format("{:08}", i); },
      [](uint64_t i) { return fmt::format("{:08}", 99'999'999 - i); },
      [](uint64_t i) { return fmt::format("{:016x}", i * 0x9e3779b97f4a7c15ull); },
      // Longer in common than a head is.
      [](uint64_t i) {
        return fmt::format("a common beginning/{:07}/and end", i * 7919 % 10'000'019);
      },
      // Prefixes of each other, made of what pads a head.
      [](uint64_t i) { return std::string(i, '\0'); },
      [](uint64_t i) {
        const uint64_t number = i * 0x9e3779b1;
        return std::string(number % 5, '\xff') + fmt::format("{:x}", number) +
               std::string(number % 7, '\0');
      },
  };
  return shapes;
}

void RequireAt(const KeyTree::Cursor& cursor, const std::set<std::string>& model,
               std::set<std::string>::const_iterator at) {
  REQUIRE(cursor.Valid() == (at != model.end()));
  if (cursor.Valid()) REQUIRE(cursor.node().key() == *at);
}

TEST_CASE("a key tree holds its keys in order, whatever they look like", "[key_tree]") {
  const size_t shape_number = GENERATE(0, 1, 2, 3, 4, 5);
  const uint64_t keys = GENERATE(1, 15, 16, 17, 128, 3000);
  INFO("shape " << shape_number << ", " << keys << " keys");
  const Shape& shape = Shapes()[shape_number];
  Arena arena;
  KeyTree tree(&arena);
  std::set<std::string> model;
  for (uint64_t i = 0; i < keys; ++i) {
    const std::string key = shape(i);
    REQUIRE(model.insert(key).second);
    tree.Insert(NewNode(&arena, key, i));
  }

  KeyTree::Cursor cursor(tree);
  cursor.SeekToFirst();
  for (auto at = model.cbegin();; ++at, cursor.Next()) {
    RequireAt(cursor, model, at);
    if (at == model.cend()) break;
  }
  cursor.SeekToLast();
  for (auto at = model.crbegin(); at != model.crend(); ++at, cursor.Prev()) {
    REQUIRE(cursor.Valid());
    REQUIRE(cursor.node().key() == *at);
  }
  REQUIRE_FALSE(cursor.Valid());

  Random random(shape_number);
  for (int probe = 0; probe < 1000; ++probe) {
    // Keys that are there, and that would come next.
    std::string target = shape(random.Uniform(2 * keys));
    if (random.OneIn(3)) target.push_back('\0');
    if (random.OneIn(5)) target = target.substr(0, random.Uniform(target.size() + 1));
    cursor.Seek(target);
    RequireAt(cursor, model, model.lower_bound(target));
    cursor.SeekForPrev(target);
    const auto after = model.upper_bound(target);
    RequireAt(cursor, model, after == model.begin() ? model.end() : std::prev(after));
  }
}

TEST_CASE("an empty key tree has no places", "[key_tree]") {
  Arena arena;
  const KeyTree tree(&arena);
  KeyTree::Cursor cursor(tree);
  cursor.SeekToFirst();
  REQUIRE_FALSE(cursor.Valid());
  cursor.SeekToLast();
  REQUIRE_FALSE(cursor.Valid());
  cursor.Seek("a");
  REQUIRE_FALSE(cursor.Valid());
  cursor.SeekForPrev("a");
  REQUIRE_FALSE(cursor.Valid());
}

// What a reader that came when `there` keys were in the tree may do wrong on its way from end to
// end: lose one of them, or leave the order. Returns how many of them it met; more if it did.
uint64_t WalkAndCount(const KeyTree& tree, Sequence there, bool is_forward) {
  KeyTree::Cursor cursor(tree);
  uint64_t met = 0;
  std::string before;
  bool is_first = true;
  if (is_forward) {
    cursor.SeekToFirst();
  } else {
    cursor.SeekToLast();
  }
  while (cursor.Valid()) {
    const std::string_view key = cursor.node().key();
    if (!is_first && (is_forward ? key <= before : key >= before)) return UINT64_MAX;
    is_first = false;
    before = key;
    if (cursor.node().first.sequence < there) ++met;
    if (is_forward) {
      cursor.Next();
    } else {
      cursor.Prev();
    }
  }
  return met;
}

TEST_CASE("readers beside the writer meet every key that was there when they came", "[key_tree]") {
  constexpr Sequence kKeys = 30'000;
  const size_t shape_number = GENERATE(0, 1, 2, 3);
  const Shape& shape = Shapes()[shape_number];
  Arena arena;
  KeyTree tree(&arena);
  std::atomic<Sequence> published{0};
  std::atomic<int> failures{0};
  const auto read = [&](uint64_t seed) {
    Random random(seed);
    while (true) {
      const Sequence there = published.load(std::memory_order_acquire);
      if (WalkAndCount(tree, there, random.OneIn(2)) != there) failures.fetch_add(1);
      for (int probe = 0; probe < 200 && there > 0; ++probe) {
        const std::string wanted = shape(random.Uniform(there));
        KeyTree::Cursor cursor(tree);
        cursor.Seek(wanted);
        if (!cursor.Valid() || cursor.node().key() != wanted) failures.fetch_add(1);
        cursor.SeekForPrev(wanted);
        if (!cursor.Valid() || cursor.node().key() != wanted) failures.fetch_add(1);
      }
      if (there == kKeys) return;
    }
  };
  std::thread first(read, 1);
  std::thread second(read, 2);
  for (Sequence i = 0; i < kKeys; ++i) {
    tree.Insert(NewNode(&arena, shape(i), i));
    published.store(i + 1, std::memory_order_release);
  }
  first.join();
  second.join();
  REQUIRE(failures == 0);
}

}  // namespace
}  // namespace nokv::lsm
