// Bytes as text that a person can read, copy and give back: keys, sizes, times.
//
// Escape() and Unescape() are inverse: whatever a command prints for a key, a command takes.
//
// Thread-safety: pure functions.
#pragma once

#include "engine/base/status.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace nokv::cli {

// Printable ASCII as it is, a backslash as `\\`, every other byte as `\xHH`.
std::string Escape(std::string_view bytes);

// InvalidArgument naming the offset of a backslash that begins neither `\\` nor `\xHH`.
absl::StatusOr<std::string> Unescape(std::string_view text);

// Two lower-case digits for each byte, and back (either case).
std::string ToHex(std::string_view bytes);
absl::StatusOr<std::string> FromHex(std::string_view text);

// Whether the bytes are well-formed UTF-8 (RFC 3629), and thus may stand in JSON as they are.
bool IsUtf8(std::string_view bytes);

// "17 B", "1.5 KiB", "3.0 GiB".
std::string HumanBytes(uint64_t bytes);

// "1 table", "2 tables".
std::string Counted(uint64_t count, std::string_view one, std::string_view many);

// "2026-01-31T12:00:00.250Z", or "never" for 0.
std::string ExpiryText(uint64_t expiry_ms);

// The first key behind every key that begins with `prefix`; empty if there is none.
std::string PrefixEnd(std::string_view prefix);

}  // namespace nokv::cli
