#include "engine/log/part.h"

#include <catch2/catch.hpp>

#include <string>

namespace nokv::log {

namespace {

const PartReference kReference{.position = MakePosition(3, 640),
                               .record_bytes = 1060,
                               .part = {.offset = 12, .size = 1000, .check = 0x11223344}};

}  // namespace

TEST_CASE("a reference to a part is written byte for byte as version 2 did", "[log][golden]") {
  const EncodedReference encoded(kReference);
  const std::string_view bytes = encoded.view();
  const unsigned char expected[kPartReferenceBytes] = {0x80, 0x02, 0, 0, 3,    0,    0,    0,
                                                       0x24, 0x04, 0, 0, 12,   0,    0,    0,
                                                       0xe8, 3,    0, 0, 0x44, 0x33, 0x22, 0x11};
  REQUIRE(bytes.size() == sizeof(expected));
  REQUIRE(std::equal(bytes.begin(), bytes.end(), expected,
                     [](char a, unsigned char b) { return static_cast<unsigned char>(a) == b; }));
  REQUIRE(DecodePartReference(bytes, MakePosition(3, 641)) == kReference);
  // A head follows as it is.
  PartReference with_head = kReference;
  with_head.head = "head";
  REQUIRE(EncodedReference(with_head).view() == std::string(bytes) + "head");
}

TEST_CASE("a reference leads to a whole record before its own", "[log]") {
  const EncodedReference encoded(kReference);
  const std::string_view bytes = encoded.view();
  REQUIRE(DecodePartReference(bytes, MakePosition(4, 64)).has_value());
  REQUIRE_FALSE(DecodePartReference(bytes, MakePosition(3, 640)).has_value());
  REQUIRE_FALSE(DecodePartReference(bytes, MakePosition(2, 9999)).has_value());
  REQUIRE_FALSE(DecodePartReference(bytes.substr(1), MakePosition(4, 64)).has_value());
  PartReference too_short = kReference;
  too_short.record_bytes = kRecordHeaderBytes - 1;
  REQUIRE_FALSE(
      DecodePartReference(EncodedReference(too_short).view(), MakePosition(4, 64)).has_value());
}

TEST_CASE("a reference keeps a part's first bytes, no more than it has and no more than 64",
          "[log]") {
  const std::string value(100, 'v');
  for (const size_t size : {0, 1, 13, 64}) {
    PartReference reference = kReference;
    reference.head = std::string_view(value).substr(0, size);
    const EncodedReference encoded(reference);
    REQUIRE(encoded.view().size() == kPartReferenceBytes + size);
    REQUIRE(DecodePartReference(encoded.view(), MakePosition(4, 64)) == reference);
    const std::string too_long = std::string(encoded.view()) + std::string(65 - size, 'v');
    REQUIRE_FALSE(DecodePartReference(too_long, MakePosition(4, 64)).has_value());
    reference.part.size = static_cast<uint32_t>(size);
    REQUIRE(DecodePartReference(EncodedReference(reference).view(), MakePosition(4, 64)) ==
            reference);
    if (size == 0) continue;
    --reference.part.size;
    REQUIRE_FALSE(DecodePartReference(EncodedReference(reference).view(), MakePosition(4, 64)));
  }
}

TEST_CASE("a part is cut only if it fits and, if asked, is what it should be", "[log]") {
  const std::string whole = "0123456789";
  const ValuePart part{.offset = 2, .size = 5, .check = Crc32c("23456")};
  REQUIRE(CutPart(whole, part, true) == "23456");
  REQUIRE(CutPart(whole, {10, 0, 0}, true) == "");
  REQUIRE_FALSE(CutPart(whole, {11, 0, 0}, false).has_value());
  REQUIRE_FALSE(CutPart(whole, {6, 5, 0}, false).has_value());
  REQUIRE_FALSE(CutPart(whole, {UINT32_MAX, UINT32_MAX, 0}, false).has_value());
  REQUIRE_FALSE(CutPart(whole, {3, 5, part.check}, true).has_value());
  REQUIRE(CutPart(whole, {3, 5, part.check}, false) == "34567");

  Record record;
  record.value = whole;
  const absl::Status status = ReadPart(record, {6, 5, 0}, false, "000003.log", 640).status();
  REQUIRE(absl::IsDataLoss(status));
  REQUIRE_THAT(std::string(status.message()),
               Catch::Contains("000003.log at 640: bytes 6 to 11 of a value of 10 bytes"));
}

}  // namespace nokv::log
