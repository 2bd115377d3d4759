// Fixed-width and variable-length integers, little-endian, and a decoder that cannot read past
// its end.
//
// Thread-safety: pure functions; a Decoder belongs to one thread.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace nokv {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the formats are read in place");

template <typename T>
inline T LoadFixed(const char* from) {
  T value;
  std::memcpy(&value, from, sizeof(value));
  return value;
}

template <typename T>
inline void StoreFixed(char* to, T value) {
  std::memcpy(to, &value, sizeof(value));
}

template <typename T>
inline void PutFixed(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

inline constexpr size_t kVarintMaxBytes = 10;

// Writes LEB128 at `to`, which has kVarintMaxBytes of room; returns the end.
inline char* EncodeVarint(char* to, uint64_t value) {
  while (value >= 0x80) {
    *to++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *to++ = static_cast<char>(value);
  return to;
}

inline void PutVarint(std::string& out, uint64_t value) {
  char buffer[kVarintMaxBytes];
  out.append(buffer, static_cast<size_t>(EncodeVarint(buffer, value) - buffer));
}

inline void PutLengthPrefixed(std::string& out, std::string_view bytes) {
  PutVarint(out, bytes.size());
  out.append(bytes);
}

// Reads a varint from [from, end); null if it is cut short or longer than ten bytes.
inline const char* DecodeVarint(const char* from, const char* end, uint64_t* value) {
  uint64_t result = 0;
  for (int shift = 0; shift < 70 && from < end; shift += 7) {
    const auto byte = static_cast<unsigned char>(*from++);
    if (shift == 63 && byte > 1) return nullptr;
    result |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) {
      *value = result;
      return from;
    }
  }
  return nullptr;
}

// Takes values off the front of a byte string. After the first failure every read fails.
class Decoder {
 public:
  explicit Decoder(std::string_view input)
      : position_(input.data()), end_(input.data() + input.size()) {}

  template <typename T>
  bool Fixed(T* value) {
    if (remaining() < sizeof(T)) return Fail();
    *value = LoadFixed<T>(position_);
    position_ += sizeof(T);
    return true;
  }

  bool Varint(uint64_t* value) {
    const char* next = DecodeVarint(position_, end_, value);
    if (next == nullptr) return Fail();
    position_ = next;
    return true;
  }

  // False also if the value does not fit.
  bool Varint32(uint32_t* value) {
    uint64_t wide = 0;
    if (!Varint(&wide) || wide > UINT32_MAX) return Fail();
    *value = static_cast<uint32_t>(wide);
    return true;
  }

  bool Bytes(size_t size, std::string_view* bytes) {
    if (remaining() < size) return Fail();
    *bytes = {position_, size};
    position_ += size;
    return true;
  }

  bool LengthPrefixed(std::string_view* bytes) {
    uint64_t size = 0;
    return Varint(&size) && size <= remaining() ? Bytes(size, bytes) : Fail();
  }

  size_t remaining() const { return static_cast<size_t>(end_ - position_); }

  bool done() const { return position_ == end_ && !failed_; }

  bool failed() const { return failed_; }

 private:
  bool Fail() {
    failed_ = true;
    position_ = end_;
    return false;
  }

  const char* position_;
  const char* end_;
  bool failed_ = false;
};

}  // namespace nokv
