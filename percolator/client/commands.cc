#include "percolator/client/commands.h"

#include "engine/base/check.h"

#include <fmt/format.h>

namespace nokv::client {
namespace {

using kv::v1::Command;
using kv::v1::CommandResult;

// Calls `visit` with the response that is set. False if none is.
template <typename Visit>
bool VisitResponse(const CommandResult& result, Visit&& visit) {
  switch (result.response_case()) {
    case CommandResult::kGet:
      return visit(result.get());
    case CommandResult::kBatchGet:
      return visit(result.batch_get());
    case CommandResult::kScan:
      return visit(result.scan());
    case CommandResult::kPrewrite:
      return visit(result.prewrite());
    case CommandResult::kCommit:
      return visit(result.commit());
    case CommandResult::kBatchRollback:
      return visit(result.batch_rollback());
    case CommandResult::kResolveLock:
      return visit(result.resolve_lock());
    case CommandResult::kCheckTxnStatus:
      return visit(result.check_txn_status());
    case CommandResult::kTxnHeartBeat:
      return visit(result.txn_heart_beat());
    case CommandResult::kUnknown:
    case CommandResult::RESPONSE_NOT_SET:
      break;
  }
  return false;
}

}  // namespace

kv::v1::Context& ContextOf(Command& command) {
  switch (command.request_case()) {
    case Command::kGet:
      return *command.mutable_get()->mutable_context();
    case Command::kBatchGet:
      return *command.mutable_batch_get()->mutable_context();
    case Command::kScan:
      return *command.mutable_scan()->mutable_context();
    case Command::kPrewrite:
      return *command.mutable_prewrite()->mutable_context();
    case Command::kCommit:
      return *command.mutable_commit()->mutable_context();
    case Command::kBatchRollback:
      return *command.mutable_batch_rollback()->mutable_context();
    case Command::kResolveLock:
      return *command.mutable_resolve_lock()->mutable_context();
    case Command::kCheckTxnStatus:
      return *command.mutable_check_txn_status()->mutable_context();
    case Command::kTxnHeartBeat:
      return *command.mutable_txn_heart_beat()->mutable_context();
    case Command::REQUEST_NOT_SET:
      break;
  }
  CheckFailed(__FILE__, __LINE__, "a command has a request");
}

const errors::v1::RegionError* RegionErrorOf(const CommandResult& result) {
  const errors::v1::RegionError* error = nullptr;
  VisitResponse(result, [&](const auto& response) {
    if (response.has_region_error()) error = &response.region_error();
    return true;
  });
  return error;
}

bool IsAnswer(Command::RequestCase request, const CommandResult& result) {
  // Requests and responses have the same field numbers, which are the values of the cases.
  if (static_cast<int>(request) != static_cast<int>(result.response_case())) {
    return false;
  }
  return VisitResponse(
      result, [](const auto& response) { return static_cast<int>(response.outcome_case()) != 0; });
}

std::string Describe(const errors::v1::RegionError& error) {
  if (!error.message().empty()) return error.message();
  return fmt::format("refusal of kind {}", static_cast<int>(error.reason_case()));
}

}  // namespace nokv::client
