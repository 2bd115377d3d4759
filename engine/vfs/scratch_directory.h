// A directory of the machine for one test, gone afterwards.
//
// Thread-safety: none.
#pragma once

#include <string>
#include <string_view>

namespace nokv::vfs {

class ScratchDirectory {
 public:
  ScratchDirectory();
  ~ScratchDirectory();

  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;

  const std::string& path() const { return path_; }

  std::string Path(std::string_view name) const;

 private:
  std::string path_;
};

}  // namespace nokv::vfs
