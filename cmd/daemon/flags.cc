#include "cmd/daemon/flags.h"

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <charconv>

namespace nokv::daemon {

std::optional<int> Parse(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {  // --help comes this way too, with code 0.
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  return std::nullopt;
}

absl::StatusOr<uint64_t> ParseBytes(std::string_view text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  std::string suffix(end, text.data() + text.size());
  for (char& c : suffix) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  constexpr std::string_view kUnits = "kmgt";
  const size_t unit = suffix.empty() ? std::string_view::npos : kUnits.find(suffix[0]);
  if (unit != std::string_view::npos) suffix.erase(0, 1);
  const bool has_unit = unit != std::string_view::npos;
  const bool is_known = suffix.empty() || suffix == "b" || (has_unit && suffix == "ib");
  const size_t shift = has_unit ? 10 * (unit + 1) : 0;
  if (error != std::errc() || !is_known || number > UINT64_MAX >> shift) {
    return InvalidArgumentError("\"{}\" is not a number of bytes such as 512MiB or 2g", text);
  }
  return number << shift;
}

}  // namespace nokv::daemon
