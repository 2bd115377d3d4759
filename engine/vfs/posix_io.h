// File descriptors, and transfers that finish or fail: interrupted calls are repeated, short ones
// continued.
//
// Thread-safety: a descriptor has one owner; positioned transfers may run beside each other.
#pragma once

#include "engine/base/status.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace nokv::vfs {

class FileDescriptor {
 public:
  FileDescriptor() = default;

  explicit FileDescriptor(int number) : number_(number) {}

  FileDescriptor(FileDescriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}

  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }

  ~FileDescriptor();  // Closes.

  int get() const { return number_; }

 private:
  int number_ = -1;
};

// open(2) with O_CLOEXEC; files are created with mode 0644.
absl::StatusOr<FileDescriptor> OpenDescriptor(const std::string& path, int flags);

absl::StatusOr<uint64_t> DescriptorSize(const FileDescriptor& file, std::string_view path);

// Appends at the descriptor's own position.
absl::Status WriteAll(const FileDescriptor& file, std::string_view bytes, std::string_view path);

// Writes `pieces` one after the other from `offset` on, in one system call where it can.
absl::Status WriteAllAt(const FileDescriptor& file, uint64_t offset,
                        std::span<const std::string_view> pieces, std::string_view path);

// Exactly `size` bytes, or DataLoss if the file ends before.
absl::Status ReadAllAt(const FileDescriptor& file, uint64_t offset, size_t size, char* buffer,
                       std::string_view path);

absl::Status SyncData(const FileDescriptor& file, std::string_view path);

}  // namespace nokv::vfs
