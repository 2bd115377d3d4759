// A file mapped into memory, whose I/O errors are errors of that file.
//
// Touching a mapped page that the disk cannot deliver raises SIGBUS, which by default ends the
// process. A handler, installed with the first mapping, puts a page of zeros in its place and marks
// the mapping damaged; signals for addresses that are not ours go to the handler that was there
// before. The handler looks mappings up in a table without locks, see the source.
//
// Thread-safety: damaged() is safe; create and destroy from anywhere, but destroy only when nobody
// touches the bytes any more.
#pragma once

#include "engine/base/status.h"
#include "engine/vfs/file_system.h"
#include "engine/vfs/posix_io.h"

#include <cstdint>
#include <memory>
#include <string_view>

namespace nokv::vfs {

struct MappingSlot;

struct MappingOptions {
  bool writable = false;
  SegmentPages pages = SegmentPages::kWritten;  // Small ones are advised as random: no read-ahead.
};

class Mapping {
 public:
  // Maps the first `size` bytes, shared with the file; size > 0.
  static absl::StatusOr<std::unique_ptr<Mapping>> Map(const FileDescriptor& file, size_t size,
                                                      const MappingOptions& options,
                                                      std::string_view path);

  ~Mapping();

  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  char* data() const { return data_; }

  size_t size() const { return size_; }

  // True once an access has hit an I/O error; the page reads as zeros since, and what was stored
  // in it after its last write-back is lost.
  bool damaged() const;

  // Makes the pages of [offset, offset + size) resident, and writable unless they are to stay
  // clean, where the kernel can.
  void Populate(uint64_t offset, uint64_t size) const;

 private:
  Mapping(char* data, size_t size, SegmentPages pages);

  char* const data_;
  const size_t size_;
  const SegmentPages pages_;
  MappingSlot* const slot_;
};

}  // namespace nokv::vfs
