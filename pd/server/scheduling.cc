// Deciding about operators, under the driver's lock and in bounded steps.
#include "pd/server/placement_driver.h"

namespace nokv::pd {

void PlacementDriver::Tick() {
  MutexLock lock(mutex_);
  const uint64_t now_ms = NowMs();
  operators_.Expire(now_ms);
  if (is_paused_) return;
  for (size_t i = 0; i < options_.moves_per_tick_max; ++i) {
    const BalanceDecision decision =
        PlanLeaderBalance(cluster_, operators_, options_.balance, last_examined_, now_ms);
    last_examined_ = decision.last_examined;
    if (!decision.move.has_value() || !operators_.Add(*decision.move, now_ms).ok()) return;
  }
}

void PlacementDriver::PauseScheduling() {
  MutexLock lock(mutex_);
  is_paused_ = true;
  operators_.EndAll(OperatorEnd::kPaused, NowMs());
}

void PlacementDriver::ResumeScheduling() {
  MutexLock lock(mutex_);
  is_paused_ = false;
}

Diagnosis PlacementDriver::Diagnose() {
  MutexLock lock(mutex_);
  const uint64_t now_ms = NowMs();
  Diagnosis diagnosis{
      .is_paused = is_paused_,
      .balance = PlanLeaderBalance(cluster_, operators_, options_.balance, last_examined_, now_ms),
      .running = {},
      .ended = {operators_.ended().begin(), operators_.ended().end()},
      .now_ms = now_ms,
      .addresses = {}};
  for (const auto& [region, op] : operators_.running()) diagnosis.running.push_back(op);
  for (const auto& [id, store] : cluster_.stores()) {
    diagnosis.addresses.emplace(id, store.record.address);
  }
  return diagnosis;
}

}  // namespace nokv::pd
