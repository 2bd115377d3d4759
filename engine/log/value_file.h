// A file of values that garbage collection moved out of several segments. The records are the
// original bytes, still checked against the position that they were first written for; an index
// maps each segment's ordinals to their new places. Format: README.md.
//
// Thread-safety: the builder has one owner; an open file is safe.
#pragma once

#include "engine/base/status.h"
#include "engine/log/record.h"
#include "engine/log/value_host.h"
#include "engine/vfs/file_system.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace nokv::log {

std::string ValueFileName(uint32_t number);  // "000007.val"

class ValueFileBuilder {
 public:
  // `file` is empty and outlives the builder.
  static absl::StatusOr<std::unique_ptr<ValueFileBuilder>> Start(vfs::WritableFile& file,
                                                                 const FileHeader& header);

  // Appends a record. Segments ascending, and ordinals ascending within one.
  absl::Status Add(uint32_t segment, uint32_t ordinal, Position original, std::string_view record);

  // Writes the index and syncs: on OK the bytes are durable, the name is not.
  absl::Status Finish();

  uint64_t size_bytes() const { return size_ + buffer_.size(); }

 private:
  struct Place {
    uint32_t ordinal;
    uint32_t offset;
    uint32_t original_offset;
  };

  struct Section {
    uint32_t segment;
    std::vector<Place> places;
  };

  explicit ValueFileBuilder(vfs::WritableFile& file) : file_(file) {}

  absl::Status Drain();

  vfs::WritableFile& file_;
  std::string buffer_;
  uint64_t size_ = 0;
  std::vector<Section> sections_;
};

// One open value file; each segment in it is a ValueHost that keeps the file open.
class ValueFile {
 public:
  // DataLoss if header, index or trailer is damaged, Unimplemented if a newer version wrote it.
  static absl::StatusOr<std::shared_ptr<const ValueFile>> Open(vfs::FileSystem& files,
                                                               const std::string& directory,
                                                               uint32_t number,
                                                               uint64_t database_id, bool map);

  // The host of `segment`, or null if the file holds none of its values.
  static std::shared_ptr<const ValueHost> HostOf(const std::shared_ptr<const ValueFile>& file,
                                                 uint32_t segment);

  std::vector<uint32_t> Segments() const;

  uint64_t size_bytes() const;

  uint32_t number() const;

  ~ValueFile();

 private:
  class Host;
  struct State;
  explicit ValueFile(std::unique_ptr<State> state);

  const std::unique_ptr<State> state_;
};

}  // namespace nokv::log
