#include "gateway/backend/object_encoding.h"

#include <catch2/catch.hpp>

namespace nokv::backend {
namespace {

TEST_CASE("an object has fixed bytes and comes back from them", "[keys]") {
  std::string encoded;
  EncodeObject({.payload = "hello"}, &encoded);
  CHECK(encoded == std::string("\x11\0hello", 7));
  EncodeObject({.type = ObjectType::kHash, .version = 2, .expiry_ms = 1, .payload = "x"}, &encoded);
  CHECK(encoded == std::string("\x15\x03\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0x", 19));

  Object object;
  REQUIRE(DecodeObject(encoded, &object).ok());
  CHECK(object.type == ObjectType::kHash);
  CHECK(object.version == 2);
  CHECK(object.expiry_ms == 1);
  CHECK(object.payload == "x");
}

TEST_CASE("what is not an object is said to be damaged or too new", "[keys]") {
  Object object;
  for (const std::string_view bytes :
       {std::string_view(), std::string_view("\x11", 1), std::string_view("\x11\x01", 2),
        std::string_view("\x11\x04", 2), std::string_view("\x10\0", 2),
        std::string_view("\x17\0", 2)}) {
    CHECK(absl::IsDataLoss(DecodeObject(bytes, &object)));
  }
  CHECK(absl::IsUnimplemented(DecodeObject(std::string_view("\x21\0", 2), &object)));
}

}  // namespace
}  // namespace nokv::backend
