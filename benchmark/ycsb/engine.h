// What the benchmark asks of a storage engine, and the list of engines it knows.
//
// Every read copies the value's bytes to the caller. A write that has returned survives what the
// run's durability says. Each engine is opened with one set of options for all workloads, chosen
// as its own experts would choose it; the file of the engine says which and why.
//
// Thread-safety: an Engine is safe; a Session belongs to one thread.
#pragma once

#include "engine/base/status.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace nokv::bench {

enum class SyncLevel {
  kProcess = 1,  // L1: survives the death of the process.
  kPower = 2,    // L2: survives a power cut.
};

struct EngineOptions {
  std::string directory;  // Exists and is empty.
  SyncLevel durability = SyncLevel::kProcess;
  uint64_t memory_bytes = 0;
  uint64_t data_bytes_max = 0;  // Keys and values of every record there will ever be.
  uint32_t threads = 1;
  uint32_t value_threshold_bytes = 0;  // nokv only; 0 for its default.
};

class Session {
 public:
  virtual ~Session() = default;

  virtual absl::Status Put(std::string_view key, std::string_view value) = 0;

  // False if the key is absent. Reuses the storage of `value`.
  virtual absl::StatusOr<bool> Get(std::string_view key, std::string* value) = 0;

  // Replaces `values` by the values of at most `rows` keys from `first` on, one after the other,
  // and returns how many there were.
  virtual absl::StatusOr<uint32_t> Scan(std::string_view first, uint32_t rows,
                                        std::string* values) = 0;
};

class Engine {
 public:
  virtual ~Engine() = default;

  // Destroy it before the engine.
  virtual std::unique_ptr<Session> NewSession() = 0;

  // False for the engine that does nothing: what it "reads" is not checked.
  virtual bool keeps_data() const { return true; }
};

// The names that OpenEngine() takes.
std::vector<std::string> EngineNames();

// InvalidArgument for an unknown name.
absl::StatusOr<std::unique_ptr<Engine>> OpenEngine(std::string_view name,
                                                   const EngineOptions& options);

}  // namespace nokv::bench
