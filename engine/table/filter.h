// A blocked Bloom filter (Putze, Sanders, Singler, "Cache-, Hash- and Space-Efficient Bloom
// Filters", 2007): all bits of a key lie in one line of 64 bytes, so a probe is one cache miss. At
// ten bits a key about one absent key in a hundred passes. No key that was added is ever refused.
//
// Thread-safety: Filter is safe (immutable); the rest are pure functions.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nokv::table {

// XXH3 of 64 bits. Part of the format: filters in files answer for it.
uint64_t HashKey(std::string_view key);

// The filter block's content for the keys with these hashes.
std::string BuildFilter(std::span<const uint64_t> hashes, uint32_t bits_per_key);

class Filter {
 public:
  // None if the content breaks the grammar.
  static std::optional<Filter> Decode(std::string_view content);

  // False: no key with this hash was added.
  bool MayContain(uint64_t hash) const;

  size_t memory_bytes() const { return lines_.capacity() * sizeof(Line); }

 private:
  struct alignas(64) Line {
    std::array<uint64_t, 8> words;
  };

  std::vector<Line> lines_;
  uint32_t probes_ = 0;  // 0: there is no filter, every key may be here.
};

}  // namespace nokv::table
