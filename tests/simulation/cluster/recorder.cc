#include "tests/simulation/cluster/recorder.h"

#include "engine/base/check.h"

namespace nokv::simulation {

Recorder::Id Recorder::Begin(checker::Operation operation) {
  operation.call = queue_.now_nanos();
  queue_.Trace(operation.client);
  records_.push_back({.operation = std::move(operation)});
  return records_.size() - 1;
}

void Recorder::End(Id id) {
  At(id).end = queue_.now_nanos();
  Settle(id, State::kEnded);
}

checker::History Recorder::TakeHistory() const {
  checker::History history;
  for (const Record& record : records_) {
    if (record.state != State::kDropped) history.push_back(record.operation);
  }
  return history;
}

void Recorder::Settle(Id id, State state) {
  NOKV_CHECK(records_[id].state == State::kOpen);
  records_[id].state = state;
  queue_.Trace(static_cast<uint64_t>(state));
  if (state == State::kEnded) ++ended_;
  if (state == State::kUnknown) ++forgotten_;
  if (state == State::kDropped) ++dropped_;
}

}  // namespace nokv::simulation
