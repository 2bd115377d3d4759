#include "cmd/nokv/text.h"

#include <absl/time/time.h>

#include <array>
#include <optional>

namespace nokv::cli {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

void AppendHex(std::string& out, char byte) {
  const auto value = static_cast<unsigned char>(byte);
  out.push_back(kHexDigits[value >> 4]);
  out.push_back(kHexDigits[value & 15]);
}

int DigitValue(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

// The byte that the two digits at `offset` stand for.
std::optional<char> HexByteAt(std::string_view text, size_t offset) {
  if (text.size() < offset + 2) return std::nullopt;
  const int high = DigitValue(text[offset]);
  const int low = DigitValue(text[offset + 1]);
  if (high < 0 || low < 0) return std::nullopt;
  return static_cast<char>(high << 4 | low);
}

// The smallest code point that needs a sequence of this many bytes: anything less is an overlong
// form, which RFC 3629 forbids.
constexpr std::array<uint32_t, 5> kSmallestOfLength = {0, 0, 0x80, 0x800, 0x10000};

// The length of the sequence that `lead` begins; 0 if it begins none.
size_t SequenceLength(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead < 0xe0) return 2;
  if (lead >= 0xe0 && lead < 0xf0) return 3;
  if (lead >= 0xf0 && lead < 0xf5) return 4;
  return 0;
}

}  // namespace

std::string Escape(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  for (const char byte : bytes) {
    if (byte == '\\') {
      out += "\\\\";
    } else if (byte >= ' ' && byte <= '~') {
      out.push_back(byte);
    } else {
      out += "\\x";
      AppendHex(out, byte);
    }
  }
  return out;
}

absl::StatusOr<std::string> Unescape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out.push_back(text[i]);
      continue;
    }
    const char kind = i + 1 < text.size() ? text[i + 1] : '\0';
    if (kind == '\\') {
      out.push_back('\\');
      i += 1;
      continue;
    }
    const std::optional<char> byte = kind == 'x' ? HexByteAt(text, i + 2) : std::nullopt;
    if (!byte) {
      return InvalidArgumentError(
          "key \"{}\": the backslash at offset {} begins neither \\\\ (a backslash) nor \\xHH (a "
          "byte)",
          Escape(text), i);
    }
    out.push_back(*byte);
    i += 3;
  }
  return out;
}

std::string ToHex(std::string_view bytes) {
  std::string out;
  out.reserve(2 * bytes.size());
  for (const char byte : bytes) AppendHex(out, byte);
  return out;
}

absl::StatusOr<std::string> FromHex(std::string_view text) {
  if (text.size() % 2 != 0) {
    return InvalidArgumentError("\"{}\" has {} hex digits; each byte needs two", Escape(text),
                                text.size());
  }
  std::string out;
  out.reserve(text.size() / 2);
  for (size_t i = 0; i < text.size(); i += 2) {
    const std::optional<char> byte = HexByteAt(text, i);
    if (!byte) {
      return InvalidArgumentError("\"{}\" is not a row of hex digits, at offset {}", Escape(text),
                                  i);
    }
    out.push_back(*byte);
  }
  return out;
}

bool IsUtf8(std::string_view bytes) {
  size_t i = 0;
  while (i < bytes.size()) {
    const auto lead = static_cast<unsigned char>(bytes[i]);
    const size_t length = SequenceLength(lead);
    if (length == 0 || bytes.size() - i < length) return false;
    uint32_t code_point = length == 1 ? lead : lead & (0xffu >> (length + 1));
    for (size_t k = 1; k < length; ++k) {
      const auto next = static_cast<unsigned char>(bytes[i + k]);
      if ((next & 0xc0) != 0x80) return false;
      code_point = code_point << 6 | (next & 0x3fu);
    }
    const bool is_surrogate = code_point >= 0xd800 && code_point < 0xe000;
    if (code_point < kSmallestOfLength[length] || code_point > 0x10ffff || is_surrogate) {
      return false;
    }
    i += length;
  }
  return true;
}

std::string HumanBytes(uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  constexpr std::array<const char*, 6> kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double size = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  // From 1023.95 on, one decimal would print as 1024.0 of the smaller unit.
  while (size >= 1023.95 && unit + 1 < kUnits.size()) {
    size /= 1024;
    unit += 1;
  }
  return fmt::format("{:.1f} {}", size, kUnits[unit]);
}

std::string Counted(uint64_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

std::string ExpiryText(uint64_t expiry_ms) {
  if (expiry_ms == 0) return "never";
  const auto millis = static_cast<int64_t>(expiry_ms);
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::FromUnixMillis(millis),
                          absl::UTCTimeZone());
}

std::string PrefixEnd(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && end.back() == '\xff') end.pop_back();
  if (!end.empty()) end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return end;
}

}  // namespace nokv::cli
