// Where the values of one logical segment live now: the segment itself, or a value file that
// garbage collection moved them to. Handles name the logical segment, so keys never change.
//
// Thread-safety: safe.
#pragma once

#include "engine/base/status.h"
#include "engine/log/record.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace nokv::log {

struct ReadChecks {
  bool verify = true;  // Check the record's checksum,
  bool again = true;   // also if it was found right before.
};

class ValueHost {
 public:
  virtual ~ValueHost() = default;

  // The record of the value `ordinal`, of `record_bytes` bytes. Views point into the mapping, which
  // lives as long as this host, or into `scratch`. DataLoss naming file and offset if it is damaged
  // or not there.
  virtual absl::StatusOr<Record> ReadValue(uint32_t ordinal, uint32_t record_bytes,
                                           ReadChecks checks, std::string* scratch) const = 0;

  // The record's bytes as they are, and the position they were written for.
  virtual absl::StatusOr<std::string_view> ReadRaw(uint32_t ordinal, uint32_t record_bytes,
                                                   Position* position,
                                                   std::string* scratch) const = 0;

  // Starts loading the record into the processor's cache. A hint.
  virtual void Prefetch(uint32_t ordinal, uint32_t record_bytes) const = 0;

  // Starts loading what Prefetch() will look at: the place of the value. A hint.
  virtual void PrefetchPlace(uint32_t ordinal) const = 0;

  virtual const std::string& file_name() const = 0;
};

// Asks for the cache lines of [from, from + size), up to two kilobytes; the processor fetches more
// by itself once it sees the stream.
inline void PrefetchBytes(const char* from, size_t size) {
  constexpr size_t kLine = 64;
  constexpr size_t kBytesMax = 32 * kLine;
  const char* const end = from + (size < kBytesMax ? size : kBytesMax);
  for (const char* p = from; p < end; p += kLine) __builtin_prefetch(p);
}

}  // namespace nokv::log
