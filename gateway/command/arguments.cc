#include "gateway/command/arguments.h"

#include "gateway/resp/integer.h"

#include <algorithm>

namespace nokv::command {
namespace {

// Matches one character against the class behind '['; `pattern` moves behind the class.
bool ClassMatches(std::string_view& pattern, char c) {
  const bool is_negated = pattern.starts_with('^');
  if (is_negated) pattern.remove_prefix(1);
  bool matches = false;
  while (!pattern.empty() && pattern[0] != ']') {
    if (pattern[0] == '\\' && pattern.size() >= 2) {
      matches |= pattern[1] == c;
      pattern.remove_prefix(2);
    } else if (pattern.size() >= 3 && pattern[1] == '-') {
      const auto [low, high] = std::minmax(pattern[0], pattern[2]);
      matches |= low <= c && c <= high;
      pattern.remove_prefix(3);
    } else {
      matches |= pattern[0] == c;
      pattern.remove_prefix(1);
    }
  }
  if (!pattern.empty()) pattern.remove_prefix(1);
  return matches != is_negated;
}

// Matches one character against the beginning of a pattern that does not begin with '*'.
bool OneMatches(std::string_view& pattern, char c) {
  const char head = pattern[0];
  pattern.remove_prefix(1);
  if (head == '?') return true;
  if (head == '[') return ClassMatches(pattern, c);
  if (head != '\\' || pattern.empty()) return head == c;
  const char escaped = pattern[0];
  pattern.remove_prefix(1);
  return escaped == c;
}

// Linear in the pattern times the text: on a mismatch only the last star takes one more character,
// because whatever an earlier star could take, the last one can take too.
bool Matches(std::string_view pattern, std::string_view text) {
  std::optional<std::string_view> behind_star;
  std::string_view retry_from;
  while (!text.empty()) {
    if (pattern.starts_with('*')) {
      pattern.remove_prefix(1);
      behind_star = pattern;
      retry_from = text;
      continue;
    }
    if (!pattern.empty() && OneMatches(pattern, text[0])) {
      text.remove_prefix(1);
      continue;
    }
    if (!behind_star) return false;
    retry_from.remove_prefix(1);
    text = retry_from;
    pattern = *behind_star;
  }
  return pattern.find_first_not_of('*') == std::string_view::npos;
}

}  // namespace

std::string Lowered(std::string_view text) {
  std::string lowered(text);
  std::transform(lowered.begin(), lowered.end(), lowered.begin(), ToLower);
  return lowered;
}

std::optional<int64_t> ReadInteger(Call& call, std::string_view text, std::string_view error) {
  const std::optional<int64_t> value = resp::ParseInteger(text);
  if (!value) call.reply.Error(error);
  return value;
}

bool GlobMatches(std::string_view pattern, std::string_view text, const GlobOptions& options) {
  if (options.ignores_case) return Matches(Lowered(pattern), Lowered(text));
  return Matches(pattern, text);
}

}  // namespace nokv::command
