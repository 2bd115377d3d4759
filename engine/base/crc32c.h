// CRC32C (Castagnoli polynomial, RFC 3720 appendix B.4), by the processor's instruction.
//
// Thread-safety: pure functions.
#pragma once

#include <cstdint>
#include <string_view>

namespace nokv {

// The checksum of A followed by `bytes`, where `crc` is the checksum of A (0 for nothing).
uint32_t ExtendCrc32c(uint32_t crc, std::string_view bytes);

inline uint32_t Crc32c(std::string_view bytes) { return ExtendCrc32c(0, bytes); }

// The same answer without the instruction: the reference for tests and for other processors.
uint32_t ExtendCrc32cPortable(uint32_t crc, std::string_view bytes);

}  // namespace nokv
