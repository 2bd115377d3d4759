#include "cmd/config/topology.h"

#include "cmd/config/checks.h"
#include "cmd/config/document.h"
#include "cmd/config/draft.h"
#include "cmd/config/problem_list.h"

#include <memory>
#include <utility>

namespace nokv::config {
namespace {

Problems TooLarge(uint64_t size_bytes) {
  const std::string message =
      fmt::format("the file has {} bytes; expected at most {}", size_bytes, kFileBytesMax);
  return {.listed = {{.pointer = "", .line = 1, .column = 1, .message = message}}, .count = 1};
}

// The text of a file, or that it has too much of it.
absl::StatusOr<std::variant<std::string, Problems>> ReadText(const vfs::FileSystem& files,
                                                             const std::string& path) {
  ASSIGN_OR_RETURN(const std::unique_ptr<vfs::ReadableFile> file, files.OpenRead(path));
  if (file->size_bytes() > kFileBytesMax) return TooLarge(file->size_bytes());
  std::string text(file->size_bytes(), '\0');
  RETURN_IF_ERROR(file->Read(0, text.size(), text.data()));
  return text;
}

}  // namespace

std::variant<Topology, Problems> Validate(std::string_view text) {
  if (text.size() > kFileBytesMax) return TooLarge(text.size());
  ProblemList problems;
  const Document document(text, problems);
  Draft draft;
  if (const Value* root = document.root()) {
    draft = ReadDraft(*root, problems);
    CheckStores(*root, draft.topology, problems);
    CheckRegions(*root, draft.topology, problems);
    if (draft.has_all_bounds) CheckCoverage(*root, draft.topology, problems);
  }
  if (problems.empty()) return std::move(draft.topology);
  return problems.Locate(text);
}

absl::StatusOr<Topology> LoadFile(const vfs::FileSystem& files, const std::string& path,
                                  Problems* problems) {
  ASSIGN_OR_RETURN(auto text, ReadText(files, path));
  std::variant<Topology, Problems> outcome =
      std::holds_alternative<Problems>(text)
          ? std::variant<Topology, Problems>(std::get<Problems>(std::move(text)))
          : Validate(std::get<std::string>(text));
  if (auto* topology = std::get_if<Topology>(&outcome)) return std::move(*topology);
  const Problems& found = std::get<Problems>(outcome);
  if (problems != nullptr) *problems = found;
  return InvalidArgumentError("{}", ToText(found, path));
}

}  // namespace nokv::config
