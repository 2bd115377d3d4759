#include "engine/table/liveness.h"

#include "engine/base/check.h"
#include "engine/base/codec.h"

#include <algorithm>

namespace nokv::table {
namespace {

bool SameValue(const ValueHandle& a, const ValueHandle& b) {
  return a.segment == b.segment && a.ordinal == b.ordinal;
}

}  // namespace

void LivenessBuilder::Add(const ValueHandle& handle) {
  handles_.push_back(handle);
  record_bytes_ += handle.record_bytes;
}

LivenessBuilder::Result LivenessBuilder::Finish(uint64_t offset) {
  std::sort(handles_.begin(), handles_.end());
  handles_.erase(std::unique(handles_.begin(), handles_.end(), SameValue), handles_.end());

  Result result;
  std::string parts;
  for (auto at = handles_.begin(); at != handles_.end();) {
    SegmentReference reference = {.segment = at->segment};
    std::string block;
    uint32_t last = 0;
    for (; at != handles_.end() && at->segment == reference.segment; ++at) {
      PutVarint(block, at->ordinal - last);  // The first stands as it is.
      last = at->ordinal;
      ++reference.values;
      reference.record_bytes += at->record_bytes;
    }
    PutVarint(parts,
              reference.segment - (result.segments.empty() ? 0 : result.segments.back().segment));
    PutVarint(parts, reference.values);
    PutVarint(parts, reference.record_bytes);
    PutVarint(parts, block.size());
    SealBlock(block, offset + result.blocks.size());
    result.blocks.append(block);
    result.segments.push_back(reference);
  }
  PutVarint(result.directory, result.segments.size());
  result.directory.append(parts);
  return result;
}

std::optional<LivenessDirectory> LivenessDirectory::Decode(std::string_view content,
                                                           Section liveness) {
  Decoder decoder(content);
  uint64_t count = 0;
  if (!decoder.Varint(&count) || count > decoder.remaining()) return std::nullopt;
  LivenessDirectory directory;
  uint64_t offset = liveness.offset;
  for (uint64_t i = 0; i < count; ++i) {
    SegmentReference reference;
    uint32_t delta = 0;
    uint64_t content_bytes = 0;
    if (!decoder.Varint32(&delta) || !decoder.Varint32(&reference.values) ||
        !decoder.Varint(&reference.record_bytes) || !decoder.Varint(&content_bytes)) {
      return std::nullopt;
    }
    const uint64_t room = liveness.end() - offset;
    const uint64_t segment = uint64_t{delta} + (i == 0 ? 0 : directory.segments.back().segment);
    if (segment > UINT32_MAX || (i > 0 && delta == 0) || content_bytes > room ||
        room - content_bytes < kBlockTrailerBytes || reference.values == 0 ||
        reference.values > content_bytes) {
      return std::nullopt;
    }
    reference.segment = static_cast<uint32_t>(segment);
    directory.segments.push_back(reference);
    directory.blocks.push_back(
        {.offset = offset, .size_bytes = content_bytes + kBlockTrailerBytes});
    offset = directory.blocks.back().end();
  }
  if (!decoder.done() || offset != liveness.end()) return std::nullopt;
  return directory;
}

std::optional<std::vector<uint32_t>> DecodeOrdinals(std::string_view content, uint32_t count) {
  if (count > content.size()) return std::nullopt;  // Each takes a byte at least.
  std::vector<uint32_t> ordinals;
  ordinals.reserve(count);
  Decoder decoder(content);
  while (ordinals.size() < count) {
    uint32_t delta = 0;
    if (!decoder.Varint32(&delta)) return std::nullopt;
    const uint64_t ordinal = uint64_t{delta} + (ordinals.empty() ? 0 : ordinals.back());
    if (ordinal > UINT32_MAX || (delta == 0 && !ordinals.empty())) return std::nullopt;
    ordinals.push_back(static_cast<uint32_t>(ordinal));
  }
  if (!decoder.done()) return std::nullopt;
  return ordinals;
}

}  // namespace nokv::table
