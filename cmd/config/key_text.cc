#include "cmd/config/key_text.h"

#include "cmd/config/problem_list.h"

#include <algorithm>

namespace nokv::config {
namespace {

constexpr std::string_view kHexPrefix = "hex:";
constexpr std::string_view kUnbounded = "-";
constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr size_t kDescribedBytesMax = 40;
const std::string kSlotPrefix("\xffr\0", 3);

int DigitValue(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

absl::StatusOr<std::string> FromHex(std::string_view digits) {
  if (digits.empty()) return InvalidArgumentError("there are no digits behind hex:");
  if (digits.size() % 2 != 0) return InvalidArgumentError("a byte has two hex digits");
  std::string bytes;
  for (size_t i = 0; i < digits.size(); i += 2) {
    const int high = DigitValue(digits[i]);
    const int low = DigitValue(digits[i + 1]);
    if (high < 0 || low < 0) return InvalidArgumentError("that is not a row of hex digits");
    bytes.push_back(static_cast<char>(high << 4 | low));
  }
  return bytes;
}

bool IsPlain(std::string_view key) {
  return key != kUnbounded && !key.starts_with(kHexPrefix) &&
         std::all_of(key.begin(), key.end(),
                     [](char c) { return c > ' ' && c <= '~' && c != '"' && c != '\\'; });
}

}  // namespace

absl::StatusOr<std::string> KeyFromText(std::string_view text) {
  if (text == kUnbounded) return std::string();
  std::string key(text);
  if (text.starts_with(kHexPrefix)) {
    ASSIGN_OR_RETURN(key, FromHex(text.substr(kHexPrefix.size())));
  }
  if (key.size() > kKeyBytesMax) return InvalidArgumentError("it has {} bytes", key.size());
  return key;
}

std::string KeyToText(std::string_view key) {
  if (key.empty()) return std::string(kUnbounded);
  if (IsPlain(key)) return std::string(key);
  std::string text(kHexPrefix);
  for (const char c : key) {
    const auto byte = static_cast<unsigned char>(c);
    text.push_back(kHexDigits[byte >> 4]);
    text.push_back(kHexDigits[byte & 15]);
  }
  return text;
}

std::string SlotBound(uint32_t slot) {
  if (slot == 0) return std::string(kSystemStart);
  if (slot >= kSlots) return "";
  return kSlotPrefix + static_cast<char>(slot >> 8) + static_cast<char>(slot & 0xff);
}

std::string DescribeBound(std::string_view key) {
  if (key.size() == kSlotPrefix.size() + 2 && key.starts_with(kSlotPrefix)) {
    const auto high = static_cast<unsigned char>(key[kSlotPrefix.size()]);
    const auto low = static_cast<unsigned char>(key[kSlotPrefix.size() + 1]);
    return fmt::format("slot {}", high << 8 | low);
  }
  return fmt::format("\"{}\"", Shortened(KeyToText(key), kDescribedBytesMax));
}

}  // namespace nokv::config
