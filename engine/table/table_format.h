// The grammar of a table file, its footer, and the reading and sealing of its blocks.
//
//   table      = data-block* liveness-block* tombstones directory filter index summary footer
//   x-block    = content compression:u8 crc32c:u32          tombstones .. summary: one block each
//   footer     = size:u64 of each of the seven sections in the order above
//                footer-bytes:u32 version:u32 crc32c:u32 magic:u64
//
// Sections follow one another without gaps, so the seven sizes place everything and two sections
// can't overlap. A block's checksum covers its content, its compression byte and its offset in the
// file: a good block read from the wrong place does not pass. The footer's covers everything before
// it in the footer, and the footer's offset. Integers are little-endian; "varint" is LEB128.
//
//   data content      = entry* restart:u32* restarts:u32
//   entry             = shared:varint unshared:varint body-bytes:varint key-suffix body
//   body              = tag:u8 sequence expiry-ms:varint? (value | handle | handle part)?
//   tag               = bits 0-1 kind, bit 2 an expiry follows, bits 3-5 bytes of sequence - 1
//   handle            = zigzag(sequence >> 32 - segment):varint ordinal:varint record-bytes:varint
//   part              = offset:varint size:varint crc32c:u32 head         version 2 only
//   head              = the part's first bytes, maybe none
//   liveness content  = first-ordinal:varint (ordinal - the one before):varint*
//   tombstones        = count:varint (start-bytes:varint start end-bytes:varint end sequence:u64)*
//   directory         = count:varint (segment - the one before:varint values:varint
//                       record-bytes:varint content-bytes:varint)*
//   filter content    = line:64 bytes* probes:u8 type:u8
//   index content     = count:varint (shared:varint unshared:varint separator-suffix
//                       sequence:varint content-bytes:varint)*
//   summary content   = entries tombstones range-tombstones superseded expiring
//                         expiry-ms-min expiry-ms-max:varint
//                       sequence-min:u64 sequence-max:u64 smallest and largest key, length-prefixed
//
// A restart is the offset of an entry that shares nothing (shared = 0); the first entry is one.
//
// Versions: a reader refuses a version newer than kTableVersion; a table says version 2 only if one
// of its entries is a part. The last 20 bytes of the footer
// keep their form in every version, so that any program can tell damage from progress.
//
// Thread-safety: pure functions and values.
#pragma once

#include "engine/base/status.h"
#include "engine/vfs/file_system.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace nokv::table {

inline constexpr uint32_t kTableVersion = 2;                  // The newest that is read.
inline constexpr uint32_t kTableWithoutParts = 1;             // Has entries of kinds 0 to 2 only.
inline constexpr uint64_t kTableMagic = 0x454c4241'54564b4e;  // "NKVTABLE" in the file.

inline constexpr uint8_t kCompressionNone = 0;  // The only one of version 1.
inline constexpr size_t kBlockTrailerBytes = 5;

inline constexpr int kRestartInterval = 8;  // Writers' choice; readers take any.

// A run of bytes of the file: a section, or a block with its trailer.
struct Section {
  uint64_t offset = 0;
  uint64_t size_bytes = 0;

  uint64_t end() const { return offset + size_bytes; }

  friend bool operator==(const Section&, const Section&) = default;
};

// Where everything is.
struct Footer {
  uint32_t version = kTableWithoutParts;
  Section data;
  Section liveness;
  Section tombstones;
  Section directory;
  Section filter;
  Section index;
  Section summary;
};

// Appends the trailer that makes `content` a block at `offset`.
void SealBlock(std::string& content, uint64_t offset);

// The content of the block `bytes` that was read at `offset`. DataLoss with both checksums if it
// is not what was written there, Unimplemented if it is compressed.
absl::StatusOr<std::string_view> OpenBlock(std::string_view bytes, uint64_t offset,
                                           std::string_view name);

// Reads the block that fills `section`; the content lies in `scratch`.
absl::StatusOr<std::string_view> ReadBlock(const vfs::ReadableFile& file, std::string_view name,
                                           Section section, std::string* scratch);

// `footer.summary.end()` is the footer's offset.
std::string EncodeFooter(const Footer& footer);

// Unimplemented for a newer version, DataLoss for anything else that is not a table.
absl::StatusOr<Footer> ReadFooter(const vfs::ReadableFile& file, std::string_view name);

// DataLoss: the checksum of `what` at `offset` holds, but its content breaks the grammar.
absl::Status MalformedError(std::string_view name, std::string_view what, uint64_t offset);

}  // namespace nokv::table
