#include "cmd/config/key_text.h"
#include "gateway/backend/key_encoding.h"

#include <catch2/catch.hpp>

namespace nokv::config {
namespace {

std::string ObjectKey(int database, std::string_view key) {
  std::string encoded(backend::ObjectKeyBytesMax(key), '\0');
  encoded.resize(backend::EncodeObjectKey(database, key, encoded.data()));
  return encoded;
}

bool IsInside(std::string_view key, const std::string& start, const std::string& end) {
  return key >= start && (end.empty() || key < end);
}

TEST_CASE("a Redis key lies between the bounds of its slot, and of no other", "[config]") {
  STATIC_REQUIRE(kSlots == backend::kSlots);
  for (int i = 0; i < 20'000; ++i) {
    const std::string name = "key:" + std::to_string(i);
    CAPTURE(name);
    const uint32_t slot = backend::SlotOf(name);
    const std::string key = ObjectKey(0, name);
    CHECK(IsInside(key, SlotBound(slot), SlotBound(slot + 1)));
    if (slot > 0) CHECK_FALSE(IsInside(key, SlotBound(slot - 1), SlotBound(slot)));
    if (slot + 1 < kSlots) CHECK_FALSE(IsInside(key, SlotBound(slot + 1), SlotBound(slot + 2)));
  }
}

TEST_CASE("what else is the gateway's lies in the first or the last slot's region", "[config]") {
  for (const std::string& key :
       {backend::CountKey(0), backend::ExpiryKeyBound(0, 0), backend::FormatKey()}) {
    CHECK(IsInside(key, SlotBound(0), SlotBound(1)));
  }
  CHECK(IsInside(ObjectKey(1, "k"), SlotBound(kSlots - 1), SlotBound(kSlots)));
  CHECK(IsInside(ObjectKey(15, "k"), SlotBound(kSlots - 1), SlotBound(kSlots)));
}

}  // namespace
}  // namespace nokv::config
