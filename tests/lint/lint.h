// The rules of the house that neither the compiler nor clang-format knows, as pure functions.
//
// Each check takes values (a path from the project's root, a text, a table of rules) and returns
// what is wrong as readable lines "path:line: what; what to do instead". No line: nothing is wrong.
//
// Thread-safety: all functions are pure, except LoadSources.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace nokv::lint {

using Complaints = std::vector<std::string>;

struct SourceFile {
  std::string path;  // From the project's root, with slashes.
  std::string text;
};

// A line "a | b | c" of a table of rules: its fields without the spaces around them.
using Row = std::vector<std::string>;

// A module: the folder that holds it and the names of the modules it may include.
struct Module {
  std::string folder;
  std::vector<std::string> may_include;
};

using Layers = std::map<std::string, Module>;

// Every text file of ours under `root`, in order of path. Leaves out hidden folders except .ci,
// build trees and what .gitignore names.
std::vector<SourceFile> LoadSources(const std::string& root);

// The rows of a table, without comments (#) and empty lines.
std::vector<Row> ParseTable(std::string_view text);

// layers.txt. A line that cannot be read, or names a module that is not there, becomes a complaint.
Layers ParseLayers(std::string_view text, Complaints& complaints);

// The text with comments and the insides of string and character literals replaced by spaces. Lines
// keep their numbers.
std::string CodeOnly(std::string_view text);

bool IsCpp(std::string_view path);
bool IsHeader(std::string_view path);

// Includes that go against the layers, or reach a file that is in no module.
Complaints CheckLayers(const SourceFile& file, const Layers& layers);

// rules.txt: words where they may not stand.
Complaints CheckWords(const SourceFile& file, const std::vector<Row>& rules);

// includes.txt: libraries where they may not be included.
Complaints CheckLibraries(const SourceFile& file, const std::vector<Row>& rules);

// A header opens with a comment, says `Thread-safety:` and has `#pragma once` next.
Complaints CheckHeader(const SourceFile& file);

// At most 500 lines, or what exceptions.txt grants; a granted length that is no longer needed is
// a complaint too.
Complaints CheckLength(const SourceFile& file, const std::vector<Row>& exceptions);

// Trailing spaces, tabs in code, a missing end of line, TODO without an issue, a path of one
// developer's machine.
Complaints CheckText(const SourceFile& file);

// Links of a Markdown file to files that are not among `paths`.
Complaints CheckLinks(const SourceFile& file, const std::set<std::string>& paths);

}  // namespace nokv::lint
