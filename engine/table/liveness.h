// Which values of which segments a table keeps alive: one block of ordinals per segment, and a
// directory that finds a segment's block and counts what it holds.
//
// A value that two entries refer to is one value: it is listed and counted once.
//
// Thread-safety: none for LivenessBuilder; the rest are values and pure functions.
#pragma once

#include "engine/table/entry.h"
#include "engine/table/table_builder.h"
#include "engine/table/table_format.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nokv::table {

class LivenessBuilder {
 public:
  void Add(const ValueHandle& handle);

  uint64_t record_bytes() const { return record_bytes_; }  // Of all handles added.

  struct Result {
    std::string blocks;     // Sealed, to be written at the offset given.
    std::string directory;  // The directory block's content.
    std::vector<SegmentReference> segments;
  };

  Result Finish(uint64_t offset);

 private:
  std::vector<ValueHandle> handles_;
  uint64_t record_bytes_ = 0;
};

struct LivenessDirectory {
  std::vector<SegmentReference> segments;  // Ascending.
  std::vector<Section> blocks;             // Of the same segments.

  // None if the content breaks the grammar or does not fill the liveness section.
  static std::optional<LivenessDirectory> Decode(std::string_view content, Section liveness);
};

// None unless the content is exactly `count` ascending ordinals.
std::optional<std::vector<uint32_t>> DecodeOrdinals(std::string_view content, uint32_t count);

}  // namespace nokv::table
