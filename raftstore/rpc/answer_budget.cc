#include "raftstore/rpc/answer_budget.h"

namespace nokv::rpc {
namespace {

constexpr uint64_t kBusyWaitMillis = 20;

// Makes a refusal of a read's result; false if it is no read's.
bool RefuseRead(kv::v1::CommandResult& result) {
  errors::v1::RegionError* error = nullptr;
  switch (result.response_case()) {
    case kv::v1::CommandResult::kGet:
      error = result.mutable_get()->mutable_region_error();
      break;
    case kv::v1::CommandResult::kBatchGet:
      error = result.mutable_batch_get()->mutable_region_error();
      break;
    case kv::v1::CommandResult::kScan:
      error = result.mutable_scan()->mutable_region_error();
      break;
    default:
      return false;
  }
  error->set_message("clients do not take their answers");
  error->mutable_server_is_busy()->set_what("answers");
  error->mutable_server_is_busy()->set_wait_ms(kBusyWaitMillis);
  return true;
}

}  // namespace

uint64_t AnswerBudget::Take(kv::v1::CommandResult& result, uint64_t bytes, bool has_room) {
  if (has_room && TryTake(bytes)) return bytes;
  if (RefuseRead(result)) bytes = result.ByteSizeLong();
  bytes_ += bytes;
  return bytes;
}

// Two that come together may both be refused where one would have fit, but never both taken.
bool AnswerBudget::TryTake(uint64_t bytes) {
  if (bytes_.fetch_add(bytes) + bytes <= bytes_max_) return true;
  bytes_ -= bytes;
  return false;
}

}  // namespace nokv::rpc
