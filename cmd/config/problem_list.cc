#include "cmd/config/problem_list.h"

#include <algorithm>
#include <utility>

namespace nokv::config {
namespace {

bool IsContinuation(char byte) { return (static_cast<unsigned char>(byte) & 0xc0) == 0x80; }

// A pointer may name a key that somebody has mistyped in the strangest ways; it stays on its line.
std::string OneLine(std::string_view text) {
  std::string line(text);
  for (char& byte : line) {
    if (static_cast<unsigned char>(byte) < ' ' || byte == '\x7f') byte = '?';
  }
  return line;
}

}  // namespace

void ProblemList::Add(Place place, std::string message) {
  ++count_;
  if (noted_.size() < kProblemsListedMax) noted_.push_back({std::move(place), std::move(message)});
}

Problems ProblemList::Locate(std::string_view text) const {
  std::vector<Noted> sorted = noted_;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Noted& a, const Noted& b) { return a.place.offset < b.place.offset; });

  Problems problems{.listed = {}, .count = count_};
  size_t at = 0;
  size_t line = 1;
  size_t column = 1;
  for (Noted& noted : sorted) {
    for (const size_t end = std::min(noted.place.offset, text.size()); at < end; ++at) {
      if (text[at] == '\n') {
        ++line;
        column = 1;
      } else if (!IsContinuation(text[at])) {
        ++column;
      }
    }
    problems.listed.push_back({.pointer = std::move(noted.place.pointer),
                               .line = line,
                               .column = column,
                               .message = std::move(noted.message)});
  }
  return problems;
}

std::string ToText(const Problems& problems, std::string_view file) {
  std::string text =
      fmt::format("{}: {} {}", file, problems.count, problems.count == 1 ? "problem" : "problems");
  if (problems.count > problems.listed.size()) {
    text += fmt::format(", the first {}", problems.listed.size());
  }
  for (const Problem& problem : problems.listed) {
    text +=
        fmt::format("\n{}:{}:{}: {}: {}", file, problem.line, problem.column,
                    problem.pointer.empty() ? "(root)" : OneLine(problem.pointer), problem.message);
  }
  return text;
}

std::string Shortened(std::string_view text, size_t bytes_max) {
  if (text.size() <= bytes_max) return std::string(text);
  size_t end = bytes_max;
  while (end > 0 && IsContinuation(text[end])) --end;
  return std::string(text.substr(0, end)) + "...";
}

}  // namespace nokv::config
