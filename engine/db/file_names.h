// The names of files in a database's directory, and what a name says.
//
// Thread-safety: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nokv {

enum class FileKind {
  kCurrent,    // CURRENT
  kLock,       // LOCK
  kManifest,   // MANIFEST-000005
  kSegment,    // 000012.log
  kTable,      // 000042.sst
  kValueFile,  // 000007.val
  kSpare,      // 000003.spare: a prepared segment
  kReserve,    // RESERVE: disk space set aside
  kTemporary,  // *.tmp: a file being replaced
};

struct FileName {
  FileKind kind;
  uint64_t number = 0;
};

inline constexpr char kLockFileName[] = "LOCK";
inline constexpr char kReserveFileName[] = "RESERVE";

// Nothing if the name is not one of ours.
std::optional<FileName> ParseFileName(std::string_view name);

}  // namespace nokv
