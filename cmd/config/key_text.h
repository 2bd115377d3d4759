// Region bounds as text, and the keys that Redis slots stand for.
//
// A key is plain text, or `hex:` and two digits a byte; `-` or nothing is no bound at all. Keys
// from byte FF on are the system's: raw regions end there at the latest, and slots of Redis keys
// follow. The keys of slot s in database 0 begin with FF 'r' 00 and s as two bytes, big-endian (as
// gateway/backend/key_encoding.h has it). The first slot's region begins at FF already and the last
// one's is open-ended, so that what else is the system's lies in one of them.
//
// Thread-safety: pure functions.
#pragma once

#include "engine/base/status.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace nokv::config {

inline constexpr size_t kKeyBytesMax = 64 << 10;
inline constexpr std::string_view kSystemStart = "\xff";
inline constexpr uint32_t kSlots = 16'384;

// The bytes of a bound, none for `-`. InvalidArgument with the reason alone.
absl::StatusOr<std::string> KeyFromText(std::string_view text);

// The shortest text that KeyFromText() takes for these bytes, without blanks or quotes.
std::string KeyToText(std::string_view key);

// Where a region that starts at, or ends before, that slot does so; empty (no bound) for kSlots.
std::string SlotBound(uint32_t slot);

// For messages: `"m"`, `"hex:ff"` or, if that is what the key bounds, `slot 8192`.
std::string DescribeBound(std::string_view key);

}  // namespace nokv::config
