// Somebody who uses the client library, one operation after the other, and writes down what came
// back.
//
// Each value that is put is another, so that a read tells which write it saw. Counters are kept as
// the client's adds keep them, behind a header.
//
// Thread-safety: none; a world has one thread.
#pragma once

#include "percolator/client/client.h"
#include "tests/checker/history.h"
#include "tests/simulation/cluster/recorder.h"
#include "tests/simulation/cluster/world.h"

#include <absl/time/time.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace nokv::simulation {

struct WorkloadOptions {
  std::vector<std::string> registers = {};  // Keys, in order.
  std::vector<std::string> counters = {};
  uint64_t workers = 2;  // Of one client.
  absl::Duration think_max = absl::Milliseconds(100);
  absl::Duration timeout = absl::Seconds(8);
  absl::Duration attempt_timeout = absl::Seconds(3);  // Of the client library.
};

class Worker {
 public:
  // `number` is its own; all must outlive it.
  Worker(World& world, HostId host, client::Client& client, Recorder& recorder,
         const WorkloadOptions& options, uint64_t number)
      : world_(world),
        host_(host),
        client_(client),
        recorder_(recorder),
        options_(options),
        number_(number),
        name_(number * 1'000'000) {}

  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Works from now on.
  void Start() { Later(); }

  // Begins nothing any more.
  void Rest() { rests_ = true; }

  bool is_busy() const { return is_busy_; }

  // While it rests: reads every key once, one after the other. That one fails is a violation.
  void ReadAll() { ReadFrom(0); }

 private:
  using Value = std::optional<client::Value>;

  void Later();
  void Work();
  void WorkOnRegister(const std::string& key);
  void WorkOnCounter(const std::string& key);

  void Get(const std::string& key);
  void Put(const std::string& key);
  void Delete(const std::string& key);
  void Add(const std::string& key);

  // Reads at a snapshot, then writes if nobody else has written since.
  void Replace(const std::string& key);
  void ReplaceAt(const std::string& key, mvcc::Timestamp at, const std::string& expected);

  // Reads all keys at one snapshot.
  void ReadSnapshot();
  void BatchGet(mvcc::Timestamp at, std::vector<Recorder::Id> reads);
  void Scan(mvcc::Timestamp at, std::vector<Recorder::Id> reads, std::string start,
            std::map<std::string, std::string> found);
  void EndScan(const std::vector<Recorder::Id>& reads,
               const std::map<std::string, std::string>& found);

  void ReadFrom(size_t key);
  void Write(checker::Operation operation, client::WriteRequest request);

  Recorder::Id Begin(checker::OperationKind kind, const std::string& key);
  void EndGet(Recorder::Id id, const Value& answer);
  void EndWrite(Recorder::Id id, const absl::StatusOr<client::WriteOutcome>& outcome);
  void Fail(Recorder::Id id, const absl::Status& status);
  void FailAll(const std::vector<Recorder::Id>& ids, const absl::Status& status);

  std::vector<std::string> AllKeys() const;
  bool IsCounter(const std::string& key) const;
  // What is stored for a number or a text of the history, and back.
  std::string Stored(const std::string& key, const std::string& value) const;
  std::optional<std::string> Shown(const std::string& key, const std::string& stored);
  std::string NewValue(const std::string& key);

  Random& random() { return world_.queue.random(); }

  World& world_;
  const HostId host_;
  client::Client& client_;
  Recorder& recorder_;
  const WorkloadOptions& options_;
  const uint64_t number_;
  uint64_t name_;  // In the history. After an unknown outcome it is another.
  uint64_t values_ = 0;
  bool rests_ = false;
  bool is_busy_ = false;
};

}  // namespace nokv::simulation
