// How results stand on the terminal: aligned columns, a tree of figures, and JSON.
//
// Thread-safety: values; the printing functions write to stdout.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace nokv::cli {

enum class Align { kLeft, kRight };

// Rows of cells; each column as wide as its widest cell, two blanks between columns.
class TextTable {
 public:
  struct Column {
    std::string title;
    Align align = Align::kRight;
  };

  explicit TextTable(std::vector<Column> columns);

  // Has as many cells as there are columns.
  void AddRow(std::vector<std::string> cells);

  // The titles, then the rows, each line behind `indent` and without blanks at its end.
  std::string ToString(std::string_view indent = "") const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// One line for each figure of the tree, "lsm.levels[0].total_bytes  1048576  (1.0 MiB)": the same
// names as in the JSON form, so that what is seen in one can be looked up in the other.
std::string FlattenedText(const nlohmann::ordered_json& tree);

// Keys stay in the order in which they were added. Bytes that are not UTF-8 are replaced.
std::string JsonText(const nlohmann::ordered_json& tree, int indent = 2);

void Print(std::string_view text);

void PrintLine(std::string_view text);

}  // namespace nokv::cli
