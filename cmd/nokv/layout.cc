#include "cmd/nokv/layout.h"

#include "cmd/nokv/text.h"
#include "engine/base/check.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <utility>

namespace nokv::cli {
namespace {

using Json = nlohmann::ordered_json;

void AppendLine(std::string& out, std::string_view indent, const std::string& line) {
  const size_t end = line.find_last_not_of(' ');
  out += indent;
  if (end != std::string::npos) out.append(line, 0, end + 1);
  out += '\n';
}

// Every leaf of `tree` with its path.
void CollectLeaves(const Json& tree, const std::string& path,
                   std::vector<std::pair<std::string, const Json*>>& leaves) {
  if (tree.is_object()) {
    for (const auto& [name, child] : tree.items()) {
      CollectLeaves(child, path.empty() ? name : path + "." + name, leaves);
    }
  } else if (tree.is_array()) {
    for (size_t i = 0; i < tree.size(); ++i) {
      CollectLeaves(tree[i], fmt::format("{}[{}]", path, i), leaves);
    }
  } else {
    leaves.emplace_back(path, &tree);
  }
}

std::string LeafText(const Json& leaf) {
  if (leaf.is_string()) return leaf.get_ref<const std::string&>();
  if (leaf.is_number_float()) return fmt::format("{:.4g}", leaf.get<double>());
  return JsonText(leaf);
}

}  // namespace

TextTable::TextTable(std::vector<Column> columns) : columns_(std::move(columns)) {}

void TextTable::AddRow(std::vector<std::string> cells) {
  NOKV_CHECK(cells.size() == columns_.size());
  rows_.push_back(std::move(cells));
}

std::string TextTable::ToString(std::string_view indent) const {
  std::vector<std::string> titles;
  std::vector<size_t> widths;
  for (const Column& column : columns_) {
    titles.push_back(column.title);
    widths.push_back(column.title.size());
  }
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }

  std::string out;
  const auto append_row = [&](const std::vector<std::string>& row) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - row[i].size(), ' ');
      if (i > 0) line += "  ";
      line += columns_[i].align == Align::kLeft ? row[i] + padding : padding + row[i];
    }
    AppendLine(out, indent, line);
  };
  append_row(titles);
  for (const auto& row : rows_) append_row(row);
  return out;
}

std::string FlattenedText(const Json& tree) {
  std::vector<std::pair<std::string, const Json*>> leaves;
  CollectLeaves(tree, "", leaves);
  size_t width = 0;
  for (const auto& [path, leaf] : leaves) width = std::max(width, path.size());

  std::string out;
  for (const auto& [path, leaf] : leaves) {
    std::string line = fmt::format("{:<{}}  {}", path, width, LeafText(*leaf));
    if (path.ends_with("bytes") && leaf->is_number_unsigned() && leaf->get<uint64_t>() >= 1024) {
      line += fmt::format("  ({})", HumanBytes(leaf->get<uint64_t>()));
    }
    AppendLine(out, "", line);
  }
  return out;
}

std::string JsonText(const Json& tree, int indent) {
  return tree.dump(indent, ' ', false, Json::error_handler_t::replace);
}

void Print(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

void PrintLine(std::string_view text) {
  Print(text);
  Print("\n");
}

}  // namespace nokv::cli
