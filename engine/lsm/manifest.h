// The durable log of version edits, and the file CURRENT that names the manifest in force.
//
// manifest := header record*                                  ("MANIFEST-000005")
// header   := magic "NOKVMANI" u64 | version u32 | reserved u32 | database_id u64 | boot_id u64
//             | reserved u32 | crc32c u32                                          (40 bytes)
// record   := crc u32 | length u32 | edit
//             crc := crc32c(length u32, offset u64 of the record in the file, edit)
// CURRENT  := "NOKV " manifest name " " crc32c of the name in hex "\n"
//
// The first record holds the whole state, and each following one an edit. Every open of a database
// for writing starts a new manifest, so nobody appends behind a torn tail. An edit takes effect
// when its record is synced.
//
// A record that is cut short at the end of the file is an edit that a crash interrupted: it is
// dropped and reported. The same goes for a damaged last record if power was lost since it was
// written; otherwise that is corruption, as is damage anywhere before.
//
// Version 2 knows the edits of groups (../groups/README.md) and is written only where there are
// any.
//
// Thread-safety: none.
#pragma once

#include "engine/base/status.h"
#include "engine/lsm/version_edit.h"
#include "engine/vfs/file_system.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace nokv::lsm {

std::string ManifestFileName(uint64_t number);  // "MANIFEST-000005"

inline constexpr char kCurrentFileName[] = "CURRENT";

inline constexpr uint32_t kManifestVersion = 2;        // The newest that is read.
inline constexpr uint32_t kManifestWithoutGroups = 1;  // Knows tags 1 to 13 only.

struct ManifestIdentity {
  uint64_t number = 0;
  uint64_t database_id = 0;
  uint64_t boot_id = 0;
  uint32_t version = kManifestWithoutGroups;
};

class ManifestWriter {
 public:
  // Creates the manifest with `state` as its first record, syncs it and makes CURRENT name it. On
  // failure CURRENT names what it named before.
  static absl::StatusOr<std::unique_ptr<ManifestWriter>> Start(vfs::FileSystem& files,
                                                               const std::string& directory,
                                                               const ManifestIdentity& identity,
                                                               const VersionEdit& state);

  // Durable when it returns OK. After a failure nothing is known about the edit, and the writer
  // takes no more.
  absl::Status Append(const VersionEdit& edit);

  uint64_t number() const { return identity_.number; }

  uint64_t size_bytes() const { return size_; }

  // Bytes of the first record: when the rest is several times as long, it is time for a new one.
  uint64_t state_bytes() const { return state_bytes_; }

 private:
  ManifestWriter(std::unique_ptr<vfs::WritableFile> file, const ManifestIdentity& identity)
      : file_(std::move(file)), identity_(identity) {}

  // Header and first record.
  absl::Status WriteState(const VersionEdit& state);

  const std::unique_ptr<vfs::WritableFile> file_;
  const ManifestIdentity identity_;
  uint64_t size_ = 0;
  uint64_t state_bytes_ = 0;
  absl::Status failure_;
};

struct ManifestContents {
  ManifestIdentity identity;
  uint64_t edits = 0;
  uint64_t bytes_cut = 0;
  std::string cut_position;  // Empty if nothing was cut.
};

// The number of the manifest that CURRENT names. NotFound if there is no CURRENT, DataLoss if it is
// damaged or not ours.
absl::StatusOr<uint64_t> ReadCurrent(const vfs::FileSystem& files, const std::string& directory);

// Calls `visit` for each edit in order.
absl::StatusOr<ManifestContents> ReadManifest(
    const vfs::FileSystem& files, const std::string& directory, uint64_t number,
    const std::function<absl::Status(const VersionEdit&)>& visit);

}  // namespace nokv::lsm
