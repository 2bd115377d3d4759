#include "engine/base/crc32c.h"

#include "engine/base/random.h"

#include <catch2/catch.hpp>

#include <string>

namespace nokv {
namespace {

TEST_CASE("CRC32C gives the values of RFC 3720, B.4", "[base][crc32c]") {
  std::string ascending;
  std::string descending;
  for (int i = 0; i < 32; ++i) {
    ascending.push_back(static_cast<char>(i));
    descending.push_back(static_cast<char>(31 - i));
  }
  // A SCSI read command of iSCSI.
  const std::string read_command(
      "\x01\xc0\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
      "\x14\x00\x00\x00\x00\x00\x04\x00\x00\x00\x00\x14\x00\x00\x00\x18"
      "\x28\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00",
      48);
  for (const auto extend : {ExtendCrc32c, ExtendCrc32cPortable}) {
    REQUIRE(extend(0, std::string(32, '\0')) == 0x8a9136aa);
    REQUIRE(extend(0, std::string(32, '\xff')) == 0x62a8ab43);
    REQUIRE(extend(0, ascending) == 0x46dd794e);
    REQUIRE(extend(0, descending) == 0x113fdb5c);
    REQUIRE(extend(0, read_command) == 0xd9963a56);
    REQUIRE(extend(0, "123456789") == 0xe3069283);
    REQUIRE(extend(0, "") == 0);
  }
}

TEST_CASE("the instruction and the table agree at every length and alignment", "[base][crc32c]") {
  Random random(1);
  std::string bytes(5000, '\0');
  for (char& c : bytes) c = static_cast<char>(random.Next());
  const std::string_view view = bytes;
  for (size_t size = 0; size <= 2400; ++size) {
    const std::string_view part = view.substr(size % 9, size);
    REQUIRE(Crc32c(part) == ExtendCrc32cPortable(0, part));
  }
  REQUIRE(Crc32c(view) == ExtendCrc32cPortable(0, view));
}

TEST_CASE("a checksum can be extended piece by piece", "[base][crc32c]") {
  Random random(2);
  std::string bytes(4000, '\0');
  for (char& c : bytes) c = static_cast<char>(random.Next());
  const std::string_view view = bytes;
  for (size_t cut = 0; cut <= view.size(); cut += 37) {
    REQUIRE(ExtendCrc32c(Crc32c(view.substr(0, cut)), view.substr(cut)) == Crc32c(view));
  }
}

TEST_CASE("any flipped bit changes the checksum", "[base][crc32c]") {
  std::string bytes(1000, 'x');
  const uint32_t before = Crc32c(bytes);
  for (size_t bit = 0; bit < bytes.size() * 8; bit += 13) {
    const auto flip = static_cast<char>(1 << (bit % 8));
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ flip);
    REQUIRE(Crc32c(bytes) != before);
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ flip);
  }
}

}  // namespace
}  // namespace nokv
