#include "engine/vfs/file_system.h"

#include <utility>

namespace nokv::vfs {
namespace {

absl::Status WriteWhole(FileSystem& files, const std::string& path, std::string_view bytes) {
  ASSIGN_OR_RETURN(const std::unique_ptr<WritableFile> file, files.Create(path));
  RETURN_IF_ERROR(file->Append(bytes));
  return file->Sync();
}

}  // namespace

absl::StatusOr<std::string> ReadFile(const FileSystem& files, const std::string& path,
                                     uint64_t size_max) {
  ASSIGN_OR_RETURN(const std::unique_ptr<ReadableFile> file, files.OpenRead(path));
  const uint64_t size = file->size_bytes();
  if (size > size_max) {
    return DataLossError("{}: {} bytes, but such a file has at most {}", path, size, size_max);
  }
  std::string bytes(size, '\0');
  RETURN_IF_ERROR(file->Read(0, bytes.size(), bytes.data()));
  return bytes;
}

absl::Status ReplaceFile(FileSystem& files, const std::string& path, std::string_view bytes) {
  const std::string temporary = path + ".tmp";
  // An earlier attempt may have died before its rename.
  if (absl::Status removed = files.Remove(temporary); !removed.ok() && !absl::IsNotFound(removed)) {
    return removed;
  }
  absl::Status status = WriteWhole(files, temporary, bytes);
  if (status.ok()) status = files.Rename(temporary, path);
  if (!status.ok()) {
    files.Remove(temporary).IgnoreError();  // The first failure is the one worth telling.
    return status;
  }
  return files.SyncDirectory(std::string(DirectoryOf(path)));
}

absl::Status SyncFailure(std::string_view name, const absl::Status& failed) {
  if (!absl::IsResourceExhausted(failed)) return failed;
  return InternalError("sync of {}: {}", name, StdView(failed.message()));
}

}  // namespace nokv::vfs
