#include "tests/lint/lint.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <filesystem>
#include <fnmatch.h>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>
#include <sstream>

namespace nokv::lint {
namespace {

namespace fs = std::filesystem;

constexpr size_t kLinesMax = 500;

std::string_view Trim(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) {
    text.remove_prefix(1);
  }
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) {
    text.remove_suffix(1);
  }
  return text;
}

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::vector<std::string> Words(std::string_view text) {
  std::istringstream in{std::string(text)};
  return {std::istream_iterator<std::string>(in), std::istream_iterator<std::string>()};
}

// Lines of a text that ends with an end of line: the last, empty part is not a line.
std::vector<std::string_view> Lines(std::string_view text) {
  std::vector<std::string_view> lines = Split(text, '\n');
  if (lines.back().empty()) lines.pop_back();
  return lines;
}

bool IsWordCharacter(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

// Where `word` stands in `line` as a whole word: "throw" is not in "rethrow", nor printf in
// fprintf.
bool HasWord(std::string_view line, std::string_view word) {
  for (size_t at = line.find(word); at != std::string_view::npos; at = line.find(word, at + 1)) {
    const bool starts = at == 0 || !IsWordCharacter(line[at - 1]);
    const size_t end = at + word.size();
    const bool ends = end == line.size() || !IsWordCharacter(line[end]);
    if (starts && ends) return true;
  }
  return false;
}

bool MatchesAny(const std::string& path, std::string_view patterns) {
  for (const std::string& pattern : Words(patterns)) {
    if (fnmatch(pattern.c_str(), path.c_str(), 0) == 0) return true;
  }
  return false;
}

std::string Complain(const SourceFile& file, size_t line_index, std::string_view what) {
  return fmt::format("{}:{}: {}", file.path, line_index + 1, what);
}

// The module whose folder holds `path`, the longest folder first.
std::optional<std::string> FindModule(std::string_view path, const Layers& layers) {
  std::optional<std::string> found;
  size_t longest = 0;
  for (const auto& [name, module] : layers) {
    const bool inside = path.starts_with(module.folder) && path.size() > module.folder.size() &&
                        path[module.folder.size()] == '/';
    if (inside && module.folder.size() > longest) {
      longest = module.folder.size();
      found = name;
    }
  }
  return found;
}

struct Include {
  char kind;  // The character that opens the name: '"' or '<'.
  std::string_view path;
};

std::optional<Include> ParseInclude(std::string_view line) {
  line = Trim(line);
  if (!line.starts_with('#')) return std::nullopt;
  line = Trim(line.substr(1));
  if (!line.starts_with("include")) return std::nullopt;
  line = Trim(line.substr(7));
  if (line.empty() || (line.front() != '"' && line.front() != '<')) return std::nullopt;
  const char kind = line.front();
  line.remove_prefix(1);
  return Include{.kind = kind, .path = line.substr(0, line.find(kind == '"' ? '"' : '>'))};
}

bool IsTest(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  return name.ends_with("_test.cc") || (name.starts_with("test_") && name.ends_with(".h"));
}

bool IsOurText(const fs::path& path) {
  static const std::set<std::string> kExtensions = {".cc", ".h",  ".cmake", ".in",   ".json", ".md",
                                                    ".py", ".sh", ".txt",   ".yaml", ".yml"};
  static const std::set<std::string> kNames = {".clang-format", ".clang-tidy", ".editorconfig",
                                               ".gitignore", "LICENSE"};
  return kExtensions.contains(path.extension()) || kNames.contains(path.filename()) ||
         path.parent_path().filename() == ".ci";
}

bool IsForeignFolder(const fs::path& path) {
  static const std::set<std::string> kForeign = {"build", "artifacts", "nokv-data"};
  const std::string name = path.filename();
  return kForeign.contains(name) || (name.starts_with('.') && name != ".ci");
}

// How far one literal or comment that begins at `at` reaches.
size_t EndOfRawString(std::string_view text, size_t at) {  // At the quote after R.
  const size_t open = text.find('(', at);
  if (open == std::string_view::npos) return text.size();
  const std::string close = fmt::format("){}\"", text.substr(at + 1, open - at - 1));
  const size_t end = text.find(close, open);
  return end == std::string_view::npos ? text.size() : end + close.size();
}

size_t EndOfLiteral(std::string_view text, size_t at) {
  const char quote = text[at];
  for (++at; at < text.size() && text[at] != quote && text[at] != '\n'; ++at) {
    if (text[at] == '\\') ++at;
  }
  return std::min(at + 1, text.size());
}

}  // namespace

std::vector<SourceFile> LoadSources(const std::string& root) {
  std::vector<SourceFile> files;
  fs::recursive_directory_iterator walk(root);
  for (; walk != fs::recursive_directory_iterator(); ++walk) {
    if (walk->is_directory()) {
      if (IsForeignFolder(walk->path())) walk.disable_recursion_pending();
      continue;
    }
    if (!walk->is_regular_file() || !IsOurText(walk->path())) continue;
    std::ifstream in(walk->path(), std::ios::binary);
    files.push_back({.path = fs::relative(walk->path(), root).generic_string(),
                     .text = {std::istreambuf_iterator<char>(in), {}}});
  }
  std::sort(files.begin(), files.end(),
            [](const SourceFile& a, const SourceFile& b) { return a.path < b.path; });
  return files;
}

std::vector<Row> ParseTable(std::string_view text) {
  std::vector<Row> rows;
  for (std::string_view line : Lines(text)) {
    line = Trim(line.substr(0, line.find('#')));
    if (line.empty()) continue;
    Row row;
    for (std::string_view field : Split(line, '|')) row.emplace_back(Trim(field));
    rows.push_back(std::move(row));
  }
  return rows;
}

Layers ParseLayers(std::string_view text, Complaints& complaints) {
  Layers layers;
  for (std::string_view line : Lines(text)) {
    line = Trim(line.substr(0, line.find('#')));
    if (line.empty()) continue;
    const size_t colon = line.find(':');
    const std::vector<std::string> left = Words(line.substr(0, colon));
    if (colon == std::string_view::npos || left.size() != 2) {
      complaints.push_back(fmt::format("layers.txt: not 'module folder : modules': {}", line));
      continue;
    }
    layers[left[0]] = {.folder = left[1], .may_include = Words(line.substr(colon + 1))};
  }
  for (const auto& [name, module] : layers) {
    for (const std::string& other : module.may_include) {
      if (!layers.contains(other)) {
        complaints.push_back(
            fmt::format("layers.txt: {} names {}, which is no module", name, other));
      }
    }
  }
  return layers;
}

std::string CodeOnly(std::string_view text) {
  std::string code(text);
  const auto blank = [&code](size_t from, size_t to) {
    for (size_t i = from; i < to; ++i) {
      if (code[i] != '\n') code[i] = ' ';
    }
  };
  for (size_t at = 0; at < text.size();) {
    const std::string_view rest = text.substr(at);
    const bool follows_word = at > 0 && IsWordCharacter(text[at - 1]);
    size_t end = at + 1;
    if (rest.starts_with("//")) {
      end = std::min(text.find('\n', at), text.size());
      blank(at, end);
    } else if (rest.starts_with("/*")) {
      const size_t close = text.find("*/", at + 2);
      end = close == std::string_view::npos ? text.size() : close + 2;
      blank(at, end);
    } else if (rest.starts_with("R\"") && !follows_word) {
      end = EndOfRawString(text, at + 1);
      blank(at, end);
    } else if (rest.front() == '"' || (rest.front() == '\'' && !follows_word)) {
      // After a word character, a quote only separates the digits of a number.
      end = EndOfLiteral(text, at);
      if (end - at > 2) blank(at + 1, end - 1);
    }
    at = end;
  }
  return code;
}

bool IsHeader(std::string_view path) { return path.ends_with(".h"); }

bool IsCpp(std::string_view path) { return path.ends_with(".cc") || IsHeader(path); }

Complaints CheckLayers(const SourceFile& file, const Layers& layers) {
  Complaints complaints;
  const std::optional<std::string> from = FindModule(file.path, layers);
  if (!from) return {Complain(file, 0, "belongs to no module; add its folder to layers.txt")};
  const std::vector<std::string>& allowed = layers.at(*from).may_include;

  const std::vector<std::string_view> lines = Lines(file.text);
  for (size_t i = 0; i < lines.size(); ++i) {
    const std::optional<Include> include = ParseInclude(lines[i]);
    if (!include || include->kind != '"') continue;
    const std::optional<std::string> to = FindModule(include->path, layers);
    if (!to) {
      complaints.push_back(Complain(
          file, i,
          fmt::format("includes \"{}\"; write the path from the project's root", include->path)));
      continue;
    }
    const bool is_listed = std::find(allowed.begin(), allowed.end(), *to) != allowed.end();
    const bool is_test_support = *to == "support" && IsTest(file.path);
    if (*to == *from || is_listed || is_test_support) continue;
    complaints.push_back(
        Complain(file, i,
                 fmt::format("{} may not include {} (\"{}\"); see tests/lint/layers.txt", *from,
                             *to, include->path)));
  }
  return complaints;
}

Complaints CheckWords(const SourceFile& file, const std::vector<Row>& rules) {
  Complaints complaints;
  const std::string code = CodeOnly(file.text);
  const std::vector<std::string_view> lines = Lines(code);
  for (const Row& rule : rules) {
    if (rule.size() != 3) return {fmt::format("rules.txt: not three fields: {}", rule.front())};
    if (MatchesAny(file.path, rule[1])) continue;
    for (size_t i = 0; i < lines.size(); ++i) {
      if (ParseInclude(lines[i]) || !HasWord(lines[i], rule[0])) continue;
      complaints.push_back(Complain(file, i, fmt::format("{}; instead: {}", rule[0], rule[2])));
    }
  }
  return complaints;
}

Complaints CheckLibraries(const SourceFile& file, const std::vector<Row>& rules) {
  Complaints complaints;
  const std::vector<std::string_view> lines = Lines(file.text);
  for (size_t i = 0; i < lines.size(); ++i) {
    const std::optional<Include> include = ParseInclude(lines[i]);
    if (!include || include->kind != '<') continue;
    for (const Row& rule : rules) {
      if (rule.size() != 3)
        return {fmt::format("includes.txt: not three fields: {}", rule.front())};
      const bool is_folder = rule[0].ends_with('/');
      const bool is_meant =
          is_folder ? include->path.starts_with(rule[0]) : include->path == rule[0];
      if (!is_meant || MatchesAny(file.path, rule[1])) continue;
      complaints.push_back(
          Complain(file, i, fmt::format("may not include <{}>: {}", include->path, rule[2])));
    }
  }
  return complaints;
}

Complaints CheckHeader(const SourceFile& file) {
  Complaints complaints;
  const std::vector<std::string_view> lines = Lines(file.text);
  size_t i = 0;
  while (i < lines.size() && lines[i].starts_with("//")) ++i;
  if (i == 0) complaints.push_back(Complain(file, 0, "a header opens by saying what it is"));
  if (i == lines.size() || lines[i] != "#pragma once") {
    complaints.push_back(Complain(file, i, "#pragma once follows the opening comment"));
  }
  if (file.text.find("// Thread-safety: ") == std::string::npos) {
    complaints.push_back(Complain(file, 0, "says nothing about 'Thread-safety: '"));
  }
  return complaints;
}

Complaints CheckLength(const SourceFile& file, const std::vector<Row>& exceptions) {
  const size_t lines = Lines(file.text).size();
  for (const Row& row : exceptions) {
    if (row.front() != file.path) continue;
    size_t granted = 0;
    if (row.size() == 3) std::from_chars(row[1].data(), row[1].data() + row[1].size(), granted);
    if (granted <= kLinesMax) return {fmt::format("exceptions.txt: cannot read {}", file.path)};
    if (lines == granted) return {};
    return {fmt::format("{}: has {} lines and exceptions.txt says {}; {}", file.path, lines,
                        granted, lines < granted ? "lower the number" : "split the file")};
  }
  if (lines <= kLinesMax) return {};
  return {fmt::format("{}: {} lines; name a part and move it out ({} at most)", file.path, lines,
                      kLinesMax)};
}

Complaints CheckText(const SourceFile& file) {
  static constexpr std::array<std::string_view, 3> kPrivatePaths = {"/home/", "/Users/", "/root/"};
  Complaints complaints;
  if (!file.text.empty() && file.text.back() != '\n') {
    complaints.push_back(fmt::format("{}: does not end with an end of line", file.path));
  }
  const std::vector<std::string_view> lines = Lines(file.text);
  for (size_t i = 0; i < lines.size(); ++i) {
    const std::string_view line = lines[i];
    if (line.ends_with(' ') || line.ends_with('\t') || line.ends_with('\r')) {
      complaints.push_back(Complain(file, i, "spaces at the end of the line"));
    }
    if (IsCpp(file.path) && line.find('\t') != std::string_view::npos) {
      complaints.push_back(Complain(file, i, "a tab; write spaces, or \\t in a string"));
    }
    if (file.path.starts_with("tests/lint/")) continue;  // Names what it looks for.
    if (HasWord(line, "FIXME") || (HasWord(line, "TODO") && line.find("TODO(#") == line.npos)) {
      complaints.push_back(Complain(file, i, "open work needs an issue: TODO(#123)"));
    }
    for (std::string_view path : kPrivatePaths) {
      if (line.find(path) == std::string_view::npos) continue;
      complaints.push_back(Complain(file, i, fmt::format("{} is a path of one machine", path)));
    }
  }
  return complaints;
}

Complaints CheckLinks(const SourceFile& file, const std::set<std::string>& paths) {
  if (!file.path.ends_with(".md")) return {};
  Complaints complaints;
  const fs::path folder = fs::path(file.path).parent_path();
  const std::vector<std::string_view> lines = Lines(file.text);
  for (size_t i = 0; i < lines.size(); ++i) {
    for (size_t at = lines[i].find("]("); at != std::string_view::npos;
         at = lines[i].find("](", at + 1)) {
      std::string_view link = lines[i].substr(at + 2);
      link = link.substr(0, link.find_first_of(")#"));
      if (link.empty() || link.find("://") != std::string_view::npos) continue;
      const std::string target = (folder / link).lexically_normal().generic_string();
      const auto inside = paths.lower_bound(target);  // A folder is there if a file in it is.
      if (inside != paths.end() && inside->starts_with(target)) continue;
      complaints.push_back(Complain(file, i, fmt::format("links to {}, which is not there", link)));
    }
  }
  return complaints;
}

}  // namespace nokv::lint
