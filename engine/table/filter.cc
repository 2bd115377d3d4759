#include "engine/table/filter.h"

#include "engine/base/codec.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cstring>

namespace nokv::table {
namespace {

constexpr uint8_t kTypeNone = 0;
constexpr uint8_t kTypeBlockedBloom = 1;
constexpr size_t kLineBytes = 64;
constexpr int kProbeBits = 9;  // Numbers one of the 512 bits of a line.
constexpr uint32_t kProbesMax = 7;

// The line comes from the upper half of the hash, the bits from the lower.
size_t LineOf(uint64_t hash, size_t lines) {
  return static_cast<size_t>(((hash >> 32) * static_cast<uint64_t>(lines)) >> 32);
}

// Spreads the lower half over 64 bits; each probe takes the next nine from the top.
uint64_t ProbesOf(uint64_t hash) { return (hash & UINT32_MAX) * 0x9e3779b97f4a7c15; }

uint32_t TopBits(uint64_t probes) { return static_cast<uint32_t>(probes >> (64 - kProbeBits)); }

// The number of probes with the fewest false answers is bits * ln 2, less what lines cost.
uint32_t ProbeCount(uint32_t bits_per_key) {
  return std::clamp<uint32_t>(bits_per_key * 6 / 10, 1, kProbesMax);
}

}  // namespace

uint64_t HashKey(std::string_view key) { return XXH3_64bits(key.data(), key.size()); }

std::string BuildFilter(std::span<const uint64_t> hashes, uint32_t bits_per_key) {
  if (bits_per_key == 0) return {'\0', static_cast<char>(kTypeNone)};
  const uint64_t bits = std::max<uint64_t>(1, hashes.size() * uint64_t{bits_per_key});
  const size_t lines =
      std::min<uint64_t>((bits + 8 * kLineBytes - 1) / (8 * kLineBytes), UINT32_MAX);
  const uint32_t probes = ProbeCount(bits_per_key);

  std::string content(lines * kLineBytes, '\0');
  for (const uint64_t hash : hashes) {
    char* const line = content.data() + LineOf(hash, lines) * kLineBytes;
    uint64_t bits_left = ProbesOf(hash);
    for (uint32_t i = 0; i < probes; ++i, bits_left <<= kProbeBits) {
      const uint32_t bit = TopBits(bits_left);
      line[bit / 8] = static_cast<char>(line[bit / 8] | (1 << (bit % 8)));
    }
  }
  content.push_back(static_cast<char>(probes));
  content.push_back(static_cast<char>(kTypeBlockedBloom));
  return content;
}

std::optional<Filter> Filter::Decode(std::string_view content) {
  if (content.size() < 2) return std::nullopt;
  const auto type = static_cast<uint8_t>(content.back());
  const auto probes = static_cast<uint8_t>(content[content.size() - 2]);
  content.remove_suffix(2);
  Filter filter;
  if (type == kTypeNone && probes == 0 && content.empty()) return filter;
  if (type != kTypeBlockedBloom || probes == 0 || probes > kProbesMax || content.empty() ||
      content.size() % kLineBytes != 0) {
    return std::nullopt;
  }
  filter.probes_ = probes;
  filter.lines_.resize(content.size() / kLineBytes);
  static_assert(sizeof(Line) == kLineBytes);
  std::memcpy(filter.lines_.data(), content.data(), content.size());
  return filter;
}

bool Filter::MayContain(uint64_t hash) const {
  if (probes_ == 0) return true;
  const Line& line = lines_[LineOf(hash, lines_.size())];
  uint64_t bits_left = ProbesOf(hash);
  for (uint32_t i = 0; i < probes_; ++i, bits_left <<= kProbeBits) {
    const uint32_t bit = TopBits(bits_left);
    if ((line.words[bit / 64] >> (bit % 64) & 1) == 0) return false;
  }
  return true;
}

}  // namespace nokv::table
