#include "engine/db/file_names.h"

#include <charconv>

namespace nokv {
namespace {

std::optional<uint64_t> ParseNumber(std::string_view digits) {
  uint64_t number = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, number);
  if (digits.empty() || error != std::errc() || stop != end) return std::nullopt;
  return number;
}

}  // namespace

std::optional<FileName> ParseFileName(std::string_view name) {
  if (name == "CURRENT") return FileName{FileKind::kCurrent};
  if (name == kLockFileName) return FileName{FileKind::kLock};
  if (name == kReserveFileName) return FileName{FileKind::kReserve};
  if (name == "CURRENT.tmp") return FileName{FileKind::kTemporary};

  constexpr std::string_view kManifest = "MANIFEST-";
  if (name.starts_with(kManifest)) {
    const std::optional<uint64_t> number = ParseNumber(name.substr(kManifest.size()));
    if (!number.has_value()) return std::nullopt;
    return FileName{FileKind::kManifest, *number};
  }
  const size_t dot = name.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const std::optional<uint64_t> number = ParseNumber(name.substr(0, dot));
  if (!number.has_value()) return std::nullopt;
  const std::string_view extension = name.substr(dot);
  if (extension == ".log") return FileName{FileKind::kSegment, *number};
  if (extension == ".sst") return FileName{FileKind::kTable, *number};
  if (extension == ".val") return FileName{FileKind::kValueFile, *number};
  if (extension == ".spare") return FileName{FileKind::kSpare, *number};
  return std::nullopt;
}

}  // namespace nokv
