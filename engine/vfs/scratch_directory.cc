#include "engine/vfs/scratch_directory.h"

#include "engine/base/check.h"
#include "engine/vfs/file_system.h"

#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace nokv::vfs {

ScratchDirectory::ScratchDirectory()
    : path_((std::filesystem::temp_directory_path() / "nokv-test-XXXXXX").string()) {
  NOKV_CHECK(::mkdtemp(path_.data()) != nullptr);
}

ScratchDirectory::~ScratchDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string ScratchDirectory::Path(std::string_view name) const { return JoinPath(path_, name); }

}  // namespace nokv::vfs
