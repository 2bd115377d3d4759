#include "engine/lsm/manifest.h"

#include "engine/base/codec.h"
#include "engine/base/crc32c.h"

#include <charconv>
#include <utility>

namespace nokv::lsm {
namespace {

constexpr uint64_t kMagic = 0x494e414d564b4f4e;  // "NOKVMANI"
constexpr uint32_t kHeaderBytes = 40;
constexpr uint32_t kFrameBytes = 8;
constexpr uint64_t kManifestBytesMax = uint64_t{4} << 30;
constexpr std::string_view kCurrentPrefix = "NOKV MANIFEST-";

uint32_t RecordCrc(std::string_view edit, uint64_t offset) {
  char head[12];
  StoreFixed(head, static_cast<uint32_t>(edit.size()));
  StoreFixed(head + 4, offset);
  return ExtendCrc32c(Crc32c({head, sizeof(head)}), edit);
}

std::string EncodeHeader(const ManifestIdentity& identity) {
  std::string header;
  PutFixed(header, kMagic);
  PutFixed(header, identity.version);
  PutFixed(header, uint32_t{0});
  PutFixed(header, identity.database_id);
  PutFixed(header, identity.boot_id);
  PutFixed(header, uint32_t{0});
  PutFixed(header, Crc32c(header));
  return header;
}

absl::Status DecodeHeader(std::string_view bytes, const std::string& path,
                          ManifestIdentity* identity) {
  if (bytes.size() < kHeaderBytes) {
    return DataLossError("{}: {} bytes are too few for a header of {}", path, bytes.size(),
                         kHeaderBytes);
  }
  if (const auto magic = LoadFixed<uint64_t>(bytes.data()); magic != kMagic) {
    return DataLossError("{} at 0: magic {:#018x} is not a manifest's", path, magic);
  }
  const auto found = LoadFixed<uint32_t>(bytes.data() + 36);
  const uint32_t expected = Crc32c(bytes.substr(0, 36));
  if (found != expected) {
    return DataLossError("{} at 0: header checksum {:#010x} is not {:#010x}", path, found,
                         expected);
  }
  identity->version = LoadFixed<uint32_t>(bytes.data() + 8);
  if (identity->version > kManifestVersion) {
    return UnimplementedError("{}: format version {} is newer than {}, which this program reads",
                              path, identity->version, kManifestVersion);
  }
  identity->database_id = LoadFixed<uint64_t>(bytes.data() + 16);
  identity->boot_id = LoadFixed<uint64_t>(bytes.data() + 24);
  return absl::OkStatus();
}

// The edit of the record at `offset`, or nothing if there is no valid one.
std::optional<std::string_view> RecordAt(std::string_view file, uint64_t offset) {
  if (file.size() - offset < kFrameBytes) return std::nullopt;
  const auto length = LoadFixed<uint32_t>(file.data() + offset + 4);
  if (length == 0 || length > file.size() - offset - kFrameBytes) return std::nullopt;
  const std::string_view edit = file.substr(offset + kFrameBytes, length);
  if (LoadFixed<uint32_t>(file.data() + offset) != RecordCrc(edit, offset)) return std::nullopt;
  return edit;
}

bool IsZero(std::string_view bytes) {
  return bytes.find_first_not_of('\0') == std::string_view::npos;
}

// Decides what the bytes from `offset` on are that hold no valid record: OK for a tail that a
// crash left, DataLoss for damage.
absl::Status JudgeTail(const vfs::FileSystem& files, std::string_view bytes, uint64_t offset,
                       const std::string& path, const ManifestIdentity& identity) {
  for (uint64_t at = offset + 1; at + kFrameBytes < bytes.size(); ++at) {
    if (RecordAt(bytes, at).has_value()) {
      return DataLossError("{} at {}: damaged record, and a valid one behind it at {}", path,
                           offset, at);
    }
  }
  const std::string_view tail = bytes.substr(offset);
  const bool is_short =
      tail.size() < kFrameBytes || LoadFixed<uint32_t>(tail.data() + 4) > tail.size() - kFrameBytes;
  if (!is_short && !IsZero(tail) && identity.boot_id == files.BootId()) {
    return DataLossError("{} at {}: the checksum of the last record does not match", path, offset);
  }
  return absl::OkStatus();
}

}  // namespace

std::string ManifestFileName(uint64_t number) { return fmt::format("MANIFEST-{:06}", number); }

absl::StatusOr<std::unique_ptr<ManifestWriter>> ManifestWriter::Start(
    vfs::FileSystem& files, const std::string& directory, const ManifestIdentity& identity,
    const VersionEdit& state) {
  const std::string name = ManifestFileName(identity.number);
  ASSIGN_OR_RETURN(std::unique_ptr<vfs::WritableFile> file,
                   files.Create(vfs::JoinPath(directory, name)));
  std::unique_ptr<ManifestWriter> writer(new ManifestWriter(std::move(file), identity));
  absl::Status status = writer->WriteState(state);
  if (status.ok()) {
    status = files.SyncDirectory(directory);
    if (!status.ok()) status = vfs::SyncFailure(directory, status);
  }
  if (!status.ok()) {
    // Nothing names it yet. Left behind, one of each retry on a full disk would keep it full.
    writer.reset();
    files.Remove(vfs::JoinPath(directory, name)).IgnoreError();
    return status;
  }
  const std::string current = fmt::format("NOKV {} {:08x}\n", name, Crc32c(name));
  status = vfs::ReplaceFile(files, vfs::JoinPath(directory, kCurrentFileName), current);
  if (absl::IsResourceExhausted(status)) {
    const absl::StatusOr<uint64_t> in_force = ReadCurrent(files, directory);
    if (in_force.ok() && *in_force != identity.number) {
      writer.reset();
      files.Remove(vfs::JoinPath(directory, name)).IgnoreError();
      return status;
    }
    // CURRENT may name the new manifest for good: which of the two is in force is not known.
    return InternalError("{}: {}", kCurrentFileName, StdView(status.message()));
  }
  RETURN_IF_ERROR(status);
  return writer;
}

absl::Status ManifestWriter::WriteState(const VersionEdit& state) {
  const std::string header = EncodeHeader(identity_);
  RETURN_IF_ERROR(file_->Append(header));
  size_ = header.size();
  RETURN_IF_ERROR(Append(state));
  state_bytes_ = size_;
  return absl::OkStatus();
}

absl::Status ManifestWriter::Append(const VersionEdit& edit) {
  if (!failure_.ok()) return failure_;
  const std::string bytes = edit.Encode();
  std::string record;
  record.reserve(kFrameBytes + bytes.size());
  PutFixed(record, RecordCrc(bytes, size_));
  PutFixed(record, static_cast<uint32_t>(bytes.size()));
  record += bytes;
  failure_ = file_->Append(record);
  if (failure_.ok()) {
    // The record is complete and may be durable: not a full disk's half record any more.
    failure_ = file_->Sync();
    if (!failure_.ok()) failure_ = vfs::SyncFailure(ManifestFileName(identity_.number), failure_);
  }
  if (failure_.ok()) size_ += record.size();
  return failure_;
}

absl::StatusOr<uint64_t> ReadCurrent(const vfs::FileSystem& files, const std::string& directory) {
  const std::string path = vfs::JoinPath(directory, kCurrentFileName);
  ASSIGN_OR_RETURN(const std::string text, vfs::ReadFile(files, path, 4096));
  uint64_t number = 0;
  if (text.starts_with(kCurrentPrefix)) {
    const char* const end = text.data() + text.size();
    std::from_chars(text.data() + kCurrentPrefix.size(), end, number);
  }
  const std::string name = ManifestFileName(number);
  if (text != fmt::format("NOKV {} {:08x}\n", name, Crc32c(name))) {
    return DataLossError("{} at 0: damaged, or not the file of a NoKV database", path);
  }
  return number;
}

absl::StatusOr<ManifestContents> ReadManifest(
    const vfs::FileSystem& files, const std::string& directory, uint64_t number,
    const std::function<absl::Status(const VersionEdit&)>& visit) {
  const std::string path = vfs::JoinPath(directory, ManifestFileName(number));
  ASSIGN_OR_RETURN(const std::string bytes, vfs::ReadFile(files, path, kManifestBytesMax));
  ManifestContents contents;
  contents.identity.number = number;
  RETURN_IF_ERROR(DecodeHeader(bytes, path, &contents.identity));

  uint64_t offset = kHeaderBytes;
  while (offset < bytes.size()) {
    const std::optional<std::string_view> record = RecordAt(bytes, offset);
    if (!record.has_value()) {
      RETURN_IF_ERROR(JudgeTail(files, bytes, offset, path, contents.identity));
      contents.bytes_cut = bytes.size() - offset;
      contents.cut_position = fmt::format("{} at {}", ManifestFileName(number), offset);
      break;
    }
    absl::StatusOr<VersionEdit> edit = VersionEdit::Decode(*record);
    if (!edit.ok()) {
      return DataLossError("{} at {}: {}", path, offset, StdView(edit.status().message()));
    }
    RETURN_IF_ERROR(visit(*edit));
    ++contents.edits;
    offset += kFrameBytes + record->size();
  }
  if (contents.edits == 0) {
    return DataLossError("{} at {}: the first record, which holds the state, is damaged or missing",
                         path, kHeaderBytes);
  }
  return contents;
}

}  // namespace nokv::lsm
