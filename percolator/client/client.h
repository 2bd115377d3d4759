// The keys of a cluster: finds the store that leads a key's region, and goes on trying until it has
// answered or the time is up.
//
// Every operation returns at once and answers once, on an executor, never inside the call. A write
// ends in an outcome, in a status that says that nothing was written, or undetermined: then an
// attempt got no answer before the time was up (README.md, "Outcomes").
//
// Thread-safety: safe. The destructor forgets what is under way; no seam is called afterwards, but
// a callback that has begun on another thread may still be running.
#pragma once

#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/base/status.h"
#include "pd/client/pd_client.h"
#include "percolator/client/kv_network.h"
#include "percolator/client/timer.h"
#include "percolator/mvcc/key_codec.h"
#include "percolator/mvcc/timestamp.h"

#include <absl/time/time.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace nokv::client {

class Gate;
struct Core;

template <typename T>
using Done = std::function<void(absl::StatusOr<T>)>;

inline constexpr absl::Duration kDefaultTimeout = absl::Seconds(10);
inline constexpr size_t kValueBytesMax = 6 << 20;
inline constexpr size_t kBatchKeysMax = 64 << 10;
inline constexpr size_t kHeaderBytesMax = 64;

// All must outlive the client. Callbacks come on the executors of the network, the driver's client
// and the timer; `executor` takes those of operations that fail at once.
struct Seams {
  KvNetwork& network;
  pd::PdClient& pd;
  Timer& timer;
  Clock& clock;
  Executor& executor;
};

struct ClientOptions {
  uint64_t seed = 1;  // Of the random part of waits.
  // kSystem only for parts of the system, which keep the encoding of keys from byte FF on.
  mvcc::KeyOwner key_owner = mvcc::KeyOwner::kClient;
  // A store that does not answer for so long is taken for dead, and another peer is asked.
  absl::Duration attempt_timeout = absl::Seconds(3);
  size_t operations_max = 64 << 10;  // Under way at once; more are refused.
  size_t regions_max = 64 << 10;     // Routes remembered.
};

struct Value {
  std::string bytes;
  mvcc::Timestamp commit;
  uint64_t expiry_ms = 0;  // Unix milliseconds from which the key is gone; 0: never.

  bool operator==(const Value&) const = default;
};

struct GetRequest {
  std::string key = {};
  // The newest, linearizable, unless a timestamp was drawn for a snapshot.
  mvcc::Timestamp at = mvcc::Timestamp::Max();
  absl::Duration timeout = kDefaultTimeout;
};

struct BatchGetRequest {
  std::vector<std::string> keys = {};  // In any order; some may be equal.
  mvcc::Timestamp at = {};
  absl::Duration timeout = kDefaultTimeout;
};

// Keys [start, end), an empty end being none. Those of the system are never among them unless the
// client is a part of it.
struct ScanRequest {
  std::string start = {};
  std::string end = {};
  bool is_reverse = false;
  bool is_keys_only = false;
  mvcc::Timestamp at = {};
  uint32_t rows_max = 1024;  // A page ends with the row that reaches one of these.
  size_t bytes_max = 1 << 20;
  absl::Duration timeout = kDefaultTimeout;
};

struct Row {
  std::string key;
  Value value;

  bool operator==(const Row&) const = default;
};

struct ScanPage {
  std::vector<Row> rows;
  // There may be more: the next request's start, or its end if reverse.
  std::optional<std::string> resume;
};

struct WriteRequest {
  enum class Kind : uint8_t { kPut, kDelete };

  Kind kind = Kind::kPut;
  std::string key = {};
  std::string value = {};  // Of a put.
  // Of a put: Unix milliseconds, by the driver's clock, from which the key is gone; 0: never.
  uint64_t expiry_ms = 0;
  // Unset: blind, overwrites whatever is there. Set to the timestamp, drawn for this write alone,
  // at which the key was read: a conflict if anybody wrote it since. InvalidArgument for one that
  // another write has had.
  std::optional<mvcc::Timestamp> snapshot = {};
  absl::Duration timeout = kDefaultTimeout;
};

struct Committed {
  mvcc::Timestamp at;
};

// Nothing was written: somebody else wrote the key after the snapshot.
struct Conflict {
  mvcc::Timestamp other_commit;
};

using WriteOutcome = std::variant<Committed, Conflict>;

// Adds to an integer that is kept as decimal text behind `header`. An absent key counts as 0.
struct AddRequest {
  std::string key = {};
  int64_t delta = 0;
  std::string header = {};
  absl::Duration timeout = kDefaultTimeout;
};

struct Sum {
  int64_t value = 0;
  mvcc::Timestamp commit;
};

// Nothing was written.
enum class CannotAdd : uint8_t { kOtherHeader, kNotAnInteger, kOutOfRange };

using AddOutcome = std::variant<Sum, CannotAdd>;

// An attempt to write got no answer and the time is up: it was written, or will be, or never.
inline bool IsUndetermined(const absl::Status& status) {
  return status.code() == absl::StatusCode::kUnknown;
}

class Client {
 public:
  Client(const Seams& seams, const ClientOptions& options);
  ~Client();

  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Failures of all: InvalidArgument for what can't be asked, Unavailable when the time is up,
  // ResourceExhausted when too much is under way or a disk is full, FailedPrecondition in the wrong
  // cluster or at a timestamp whose versions were collected.

  // Nothing if the key is absent at that timestamp.
  void Get(GetRequest request, Done<std::optional<Value>> done);

  // As many answers as keys, in their order; all of one snapshot.
  void BatchGet(BatchGetRequest request, Done<std::vector<std::optional<Value>>> done);

  // Pages of one timestamp, together, are one snapshot.
  void Scan(ScanRequest request, Done<ScanPage> done);

  void Write(WriteRequest request, Done<WriteOutcome> done);

  void Add(AddRequest request, Done<AddOutcome> done);

  // Above every timestamp whose drawing had ended before the call.
  void DrawTimestamp(absl::Duration timeout, Done<mvcc::Timestamp> done);

  // The placement driver's time in Unix milliseconds, as the latest timestamp told it. By it, and
  // by no clock of a host, the cluster judges expiry. Nothing if the client was given no timestamp
  // within `age_max`.
  std::optional<uint64_t> DriverMillis(absl::Duration age_max);

 private:
  std::shared_ptr<Gate> gate_;
  std::unique_ptr<Core> core_;
};

}  // namespace nokv::client
