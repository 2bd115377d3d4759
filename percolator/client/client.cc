#include "percolator/client/client.h"

#include "percolator/client/core.h"
#include "percolator/client/operation.h"

#include <utility>

namespace nokv::client {

Client::Client(const Seams& seams, const ClientOptions& options)
    : gate_(std::make_shared<Gate>(seams.executor)),
      core_(std::make_unique<Core>(seams, options, gate_)) {}

Client::~Client() { gate_->Close(); }

void Client::Get(GetRequest request, Done<std::optional<Value>> done) {
  gate_->EnterFromUser([&] { StartGet(*core_, std::move(request), std::move(done)); });
}

void Client::BatchGet(BatchGetRequest request, Done<std::vector<std::optional<Value>>> done) {
  gate_->EnterFromUser([&] { StartBatchGet(*core_, std::move(request), std::move(done)); });
}

void Client::Scan(ScanRequest request, Done<ScanPage> done) {
  gate_->EnterFromUser([&] { StartScan(*core_, std::move(request), std::move(done)); });
}

void Client::Write(WriteRequest request, Done<WriteOutcome> done) {
  gate_->EnterFromUser([&] { StartWrite(*core_, std::move(request), std::move(done)); });
}

void Client::Add(AddRequest request, Done<AddOutcome> done) {
  gate_->EnterFromUser([&] { StartAdd(*core_, std::move(request), std::move(done)); });
}

void Client::DrawTimestamp(absl::Duration timeout, Done<mvcc::Timestamp> done) {
  gate_->EnterFromUser([&] { StartDrawTimestamp(*core_, timeout, std::move(done)); });
}

std::optional<uint64_t> Client::DriverMillis(absl::Duration age_max) {
  std::optional<uint64_t> millis;
  gate_->EnterFromUser([&] {
    Environment& environment = core_->environment;
    const uint64_t now_nanos = environment.now_nanos();
    if (environment.driver_clock.IsFresh(age_max, now_nanos)) {
      millis = environment.driver_clock.Millis(now_nanos);
    }
  });
  return millis;
}

void StartDrawTimestamp(Core& core, absl::Duration timeout, Done<mvcc::Timestamp> done) {
  if (!Begin(core, absl::OkStatus(), done)) return;
  core.timestamps.Draw(core.environment.DeadlineAfter(timeout),
                       [&core, done = std::move(done)](absl::StatusOr<mvcc::Timestamp> timestamp) {
                         End<mvcc::Timestamp>(core, done, std::move(timestamp));
                       });
}

absl::Status StatusOf(const errors::v1::KeyError& error) {
  using errors::v1::KeyError;
  const std::string key = mvcc::ShowKey(error.key());
  switch (error.reason_case()) {
    case KeyError::kSnapshotTooOld:
      return FailedPreconditionError(
          "key {}: versions at {} were collected, all from {} on are there", key,
          error.snapshot_too_old().read_ts(), error.snapshot_too_old().safe_point_ts());
    case KeyError::kRolledBack:
      return FailedPreconditionError("key {}: the write of {} was rolled back by another client",
                                     key, error.rolled_back().start_ts());
    default:
      return InternalError(
          "key {}: the store answered with key error {}, which does not belong here", key,
          static_cast<int>(error.reason_case()));
  }
}

}  // namespace nokv::client
