#include "tests/lint/test_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <string_view>
#include <utility>

namespace nokv::lint {
namespace {

std::vector<std::string_view> Lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

void SkipSpaces(std::string_view& text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())) != 0) {
    text.remove_prefix(1);
  }
}

// A string literal of one part or several at the front of `text`.
std::string Literal(std::string_view text) {
  std::string whole;
  for (SkipSpaces(text); text.starts_with('"'); SkipSpaces(text)) {
    size_t at = 1;
    for (; at < text.size() && text[at] != '"'; ++at) {
      if (text[at] == '\\') ++at;
      if (at < text.size()) whole.push_back(text[at]);
    }
    text.remove_prefix(std::min(at + 1, text.size()));
  }
  return whole;
}

std::set<std::string> NamesInCpp(std::string_view text) {
  constexpr std::string_view kOpening = "TEST_CASE(";
  std::set<std::string> names;
  for (size_t at = text.find(kOpening); at != text.npos; at = text.find(kOpening, at + 1)) {
    names.insert(Literal(text.substr(at + kOpening.size())));
  }
  return names;
}

std::set<std::string> NamesInPython(std::string_view text) {
  constexpr std::string_view kOpening = "def test_";
  std::set<std::string> names;
  for (size_t at = text.find(kOpening); at != text.npos; at = text.find(kOpening, at + 1)) {
    const std::string_view rest = text.substr(at + kOpening.size());
    std::string name(rest.substr(0, rest.find('(')));
    std::replace(name.begin(), name.end(), '_', ' ');
    names.insert(std::move(name));
  }
  return names;
}

std::set<std::string> NamesInScript(std::string_view text) {
  std::set<std::string> names;
  std::string block;
  const auto end_block = [&] {
    if (block.ends_with('.')) block.pop_back();
    if (!block.empty()) names.insert(std::exchange(block, {}));
  };
  for (const std::string_view line : Lines(text)) {
    if (!line.starts_with("# ")) {
      end_block();
      continue;
    }
    if (!block.empty()) block.push_back(' ');
    block += line.substr(2);
  }
  end_block();
  return names;
}

}  // namespace

std::set<std::string> TestNames(const SourceFile& file) {
  if (IsCpp(file.path)) return NamesInCpp(file.text);
  if (file.path.ends_with(".py")) return NamesInPython(file.text);
  return NamesInScript(file.text);
}

std::vector<Quote> QuotesOf(const SourceFile& document) {
  if (!document.path.ends_with(".md")) return {};
  const std::filesystem::path folder = std::filesystem::path(document.path).parent_path();
  std::vector<Quote> quotes;
  const std::vector<std::string_view> lines = Lines(document.text);
  for (size_t i = 0; i < lines.size(); ++i) {
    std::string_view rest = lines[i];
    for (size_t at = rest.find("]("); at != rest.npos; at = rest.find("](")) {
      rest.remove_prefix(at + 2);
      const size_t end = rest.find("): *");
      if (end != rest.find(')')) continue;  // A link without a quote.
      if (end == rest.npos) break;
      const std::string path = (folder / rest.substr(0, end)).lexically_normal().generic_string();
      rest.remove_prefix(end + 3);
      while (rest.starts_with('*')) {
        rest.remove_prefix(1);
        const size_t close = std::min(rest.find('*'), rest.size());
        quotes.push_back({.line = i, .path = path, .name = std::string(rest.substr(0, close))});
        rest.remove_prefix(std::min(close + 1, rest.size()));
        if (rest.starts_with(", *")) rest.remove_prefix(2);
      }
    }
  }
  return quotes;
}

Complaints CheckQuotes(const SourceFile& document, const std::vector<SourceFile>& files) {
  Complaints complaints;
  for (const Quote& quote : QuotesOf(document)) {
    const auto file = std::find_if(files.begin(), files.end(), [&](const SourceFile& candidate) {
      return candidate.path == quote.path;
    });
    if (file != files.end() && TestNames(*file).contains(quote.name)) continue;
    complaints.push_back(fmt::format("{}:{}: {} has no test '{}'", document.path, quote.line + 1,
                                     quote.path, quote.name));
  }
  return complaints;
}

Complaints CheckRowsQuote(const SourceFile& document) {
  std::set<size_t> quoting;
  for (const Quote& quote : QuotesOf(document)) quoting.insert(quote.line);
  Complaints complaints;
  bool is_body = false;
  const std::vector<std::string_view> lines = Lines(document.text);
  for (size_t i = 0; i < lines.size(); ++i) {
    if (!lines[i].starts_with('|')) {
      is_body = false;
    } else if (lines[i].starts_with("|---")) {
      is_body = true;
    } else if (is_body && !quoting.contains(i)) {
      complaints.push_back(fmt::format("{}:{}: a row without a test", document.path, i + 1));
    }
  }
  return complaints;
}

}  // namespace nokv::lint
