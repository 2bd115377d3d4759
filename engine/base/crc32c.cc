#include "engine/base/crc32c.h"

#include "engine/base/codec.h"

#include <array>

#if defined(__SSE4_2__)
#include <nmmintrin.h>
#endif

namespace nokv {
namespace {

constexpr uint32_t kPolynomial = 0x82f63b78;  // Reflected.

constexpr std::array<uint32_t, 256> MakeByteTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0);
    table[i] = crc;
  }
  return table;
}

constexpr std::array<uint32_t, 256> kByteTable = MakeByteTable();

#if defined(__SSE4_2__)

// The instruction has a latency of three cycles and a throughput of one, so three streams run side
// by side. Their checksums are joined by shifting one over the length of the next, a linear map
// that four tables of 256 entries hold.
constexpr size_t kLane = 256;

using ShiftTable = std::array<std::array<uint32_t, 256>, 4>;

constexpr uint32_t ShiftOverZeros(uint32_t crc, size_t byte_count) {
  for (size_t i = 0; i < byte_count; ++i) crc = (crc >> 8) ^ kByteTable[crc & 0xff];
  return crc;
}

ShiftTable MakeShiftTable(size_t byte_count) {
  ShiftTable table{};
  for (size_t lane = 0; lane < 4; ++lane) {
    for (uint32_t byte = 0; byte < 256; ++byte) {
      table[lane][byte] = ShiftOverZeros(byte << (8 * lane), byte_count);
    }
  }
  return table;
}

uint32_t Shift(const ShiftTable& table, uint32_t crc) {
  return table[0][crc & 0xff] ^ table[1][(crc >> 8) & 0xff] ^ table[2][(crc >> 16) & 0xff] ^
         table[3][crc >> 24];
}

const ShiftTable& LaneShift() {
  static const ShiftTable table = MakeShiftTable(kLane);
  return table;
}

const ShiftTable& TwoLaneShift() {
  static const ShiftTable table = MakeShiftTable(2 * kLane);
  return table;
}

uint32_t ExtendHardware(uint32_t crc, const char* p, size_t size) {
  uint64_t state = crc;
  while (size >= 3 * kLane) {
    uint64_t a = state;
    uint64_t b = 0;
    uint64_t c = 0;
    for (size_t i = 0; i < kLane; i += 8) {
      a = _mm_crc32_u64(a, LoadFixed<uint64_t>(p + i));
      b = _mm_crc32_u64(b, LoadFixed<uint64_t>(p + kLane + i));
      c = _mm_crc32_u64(c, LoadFixed<uint64_t>(p + 2 * kLane + i));
    }
    state = Shift(TwoLaneShift(), static_cast<uint32_t>(a)) ^
            Shift(LaneShift(), static_cast<uint32_t>(b)) ^ c;
    p += 3 * kLane;
    size -= 3 * kLane;
  }
  for (; size >= 8; p += 8, size -= 8) state = _mm_crc32_u64(state, LoadFixed<uint64_t>(p));
  auto tail = static_cast<uint32_t>(state);
  for (; size > 0; ++p, --size) tail = _mm_crc32_u8(tail, static_cast<unsigned char>(*p));
  return tail;
}

#endif

}  // namespace

uint32_t ExtendCrc32cPortable(uint32_t crc, std::string_view bytes) {
  crc = ~crc;
  for (const char c : bytes) {
    crc = (crc >> 8) ^ kByteTable[(crc ^ static_cast<unsigned char>(c)) & 0xff];
  }
  return ~crc;
}

uint32_t ExtendCrc32c(uint32_t crc, std::string_view bytes) {
#if defined(__SSE4_2__)
  return ~ExtendHardware(~crc, bytes.data(), bytes.size());
#else
  return ExtendCrc32cPortable(crc, bytes);
#endif
}

}  // namespace nokv
