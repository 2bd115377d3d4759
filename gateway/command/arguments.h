// Reading what clients write: words in any case, integers, patterns.
//
// Thread-safety: pure functions.
#pragma once

#include "gateway/command/command.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nokv::command {

inline char ToLower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

// `lower_case` is in lower case.
inline bool IsWord(std::string_view text, std::string_view lower_case) {
  if (text.size() != lower_case.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (ToLower(text[i]) != lower_case[i]) return false;
  }
  return true;
}

std::string Lowered(std::string_view text);

// The integer, or nothing after answering `error`.
std::optional<int64_t> ReadInteger(Call& call, std::string_view text,
                                   std::string_view error = kNotAnInteger);

// Redis's patterns: * ? [a-z] [^x] and \ before any of them.
struct GlobOptions {
  bool ignores_case = false;
};

bool GlobMatches(std::string_view pattern, std::string_view text, const GlobOptions& options = {});

}  // namespace nokv::command
