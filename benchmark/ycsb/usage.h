// What this process has used, as the kernel accounts for it, and what a directory holds.
//
// Thread-safety: all functions are safe.
#pragma once

#include "engine/base/status.h"

#include <cstdint>
#include <string>

namespace nokv::bench {

// User and system time of every thread so far.
double ProcessCpuSeconds();

// The same of all processes of the machine, and what other virtual machines took away from it.
double MachineBusySeconds();

// Bytes that this process made the kernel write to the device: pages made dirty, through files or
// mappings, less those whose file went away first. Every byte counted is on the device only after
// SyncFileSystem(). Other processes' writes and the file system's own journal are not in it, which
// is why it is used and not the device's counters.
uint64_t ProcessDeviceBytesWritten();

// The largest resident size since the process began or since the last reset. Pages of mapped files
// are in it as long as they are mapped.
uint64_t PeakResidentBytes();
void ResetPeakResidentBytes();

// Flushes everything that the file system of `directory` has in memory.
absl::Status SyncFileSystem(const std::string& directory);

// Blocks allocated to the files under `directory`.
absl::StatusOr<uint64_t> AllocatedBytes(const std::string& directory);

}  // namespace nokv::bench
