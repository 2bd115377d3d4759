#include "tests/checker/picture.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

namespace nokv::checker {
namespace {

constexpr size_t kDrawnMax = 2000;
constexpr size_t kMomentPixels = 70;
constexpr size_t kRowPixels = 44;
constexpr size_t kLeftPixels = 90;
constexpr size_t kTopPixels = 10;
constexpr size_t kBarPixels = 30;

constexpr std::string_view kStyle =
    "body{font:14px sans-serif;margin:1em}"
    "text{font:11px monospace}"
    "rect{stroke:#555;rx:3}"
    ".placed{fill:#cfe8cf}.unplaced{fill:#e4e4e4}.stuck{fill:#f3a9a0;stroke:#a00}"
    ".unknown{stroke-dasharray:4 3}"
    "line{stroke:#ddd}";

std::string Escape(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '&':
        escaped += "&amp;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped.push_back(c);
    }
  }
  return escaped;
}

// A key may be any bytes: those that are no text are shown as points.
std::string Printable(std::string_view text) {
  std::string shown(text);
  for (char& c : shown) {
    if (c < ' ' || c > '~') c = '.';
  }
  return shown;
}

struct Bar {
  size_t operation;
  size_t row;
  size_t from;  // Moments, in order of time and without the empty time between them.
  size_t to;
};

// Moments are the calls and ends in order; calls come first where times are equal.
std::vector<Bar> LayOut(const BadKey& bad, size_t first, size_t* moments, size_t* rows) {
  std::map<std::pair<Time, bool>, size_t> moment_of;
  std::map<uint64_t, size_t> row_of;
  for (size_t i = first; i < bad.operations.size(); ++i) {
    const Operation& operation = bad.operations[i];
    moment_of[{operation.call, false}];
    if (operation.is_known()) moment_of[{operation.end, true}];
    row_of.try_emplace(operation.client, 0);
  }
  *moments = 0;
  for (auto& [time, moment] : moment_of) moment = (*moments)++;
  *rows = 0;
  for (auto& [client, row] : row_of) row = (*rows)++;

  std::vector<Bar> bars;
  for (size_t i = first; i < bad.operations.size(); ++i) {
    const Operation& operation = bad.operations[i];
    bars.push_back({.operation = i,
                    .row = row_of[operation.client],
                    .from = moment_of[{operation.call, false}],
                    .to = operation.is_known() ? moment_of[{operation.end, true}] : *moments});
  }
  return bars;
}

std::string DrawBar(const BadKey& bad, const Bar& bar, size_t place) {
  const Operation& operation = bad.operations[bar.operation];
  const size_t x = kLeftPixels + bar.from * kMomentPixels;
  const size_t y = kTopPixels + bar.row * kRowPixels;
  const size_t width = std::max<size_t>(1, bar.to - bar.from) * kMomentPixels;
  const std::string_view look = bar.operation == bad.stuck ? "stuck"
                                : place != 0               ? "placed"
                                                           : "unplaced";
  const std::string end = operation.is_known() ? std::to_string(operation.end) : "?";
  const std::string number = place == 0 ? "" : fmt::format("#{} ", place);
  const std::string what = Escape(Describe(operation));
  return fmt::format(
      "<g><title>client {}, {} to {}: {}</title>"
      "<rect class=\"{}{}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>"
      "<svg x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\">"
      "<text x=\"4\" y=\"12\">{}</text><text x=\"4\" y=\"25\">{}</text></svg></g>\n",
      operation.client, operation.call, end, what, look, operation.is_known() ? "" : " unknown", x,
      y, width, kBarPixels, x, y, width, kBarPixels, number, what);
}

}  // namespace

std::string DrawHtml(const BadKey& bad) {
  const size_t first = bad.operations.size() > kDrawnMax ? bad.operations.size() - kDrawnMax : 0;
  std::vector<size_t> place(bad.operations.size());
  for (size_t i = 0; i < bad.order.size(); ++i) place[bad.order[i]] = i + 1;
  size_t moments = 0;
  size_t rows = 0;
  const std::vector<Bar> bars = LayOut(bad, first, &moments, &rows);

  std::string html = fmt::format(
      "<!doctype html>\n<html><head><meta charset=\"utf-8\"><title>not linearizable</title>"
      "<style>{}</style></head><body>\n<p>These {} operations of key \"{}\" have no order{}. Time "
      "goes to the right, without scale. Numbers: places in an order that gets as far as any. Red: "
      "the operation whose end it can't pass. Broken lines: the outcome is unknown.</p>\n",
      kStyle, bad.operations.size(), Escape(Printable(bad.key)),
      first > 0 ? fmt::format("; shown are the last {}", bars.size()) : "");
  html +=
      fmt::format("<svg width=\"{}\" height=\"{}\">\n", kLeftPixels + (moments + 1) * kMomentPixels,
                  2 * kTopPixels + rows * kRowPixels);
  std::map<size_t, uint64_t> client_of;
  for (const Bar& bar : bars) client_of[bar.row] = bad.operations[bar.operation].client;
  for (const auto& [row, client] : client_of) {
    const size_t y = kTopPixels + row * kRowPixels;
    html += fmt::format("<text x=\"0\" y=\"{}\">client {}</text>\n", y + 19, client);
    html += fmt::format("<line x1=\"0\" y1=\"{0}\" x2=\"{1}\" y2=\"{0}\"/>\n", y + kRowPixels - 7,
                        kLeftPixels + (moments + 1) * kMomentPixels);
  }
  for (const Bar& bar : bars) html += DrawBar(bad, bar, place[bar.operation]);
  html += "</svg></body></html>\n";
  return html;
}

}  // namespace nokv::checker
