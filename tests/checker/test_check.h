// For tests: a check of a history given as text or values, in few words.
//
// Thread-safety: none.
#pragma once

#include "tests/checker/linearizability.h"

#include <catch2/catch.hpp>

#include <string>
#include <string_view>

namespace nokv::checker {

inline History Parse(std::string_view lines) {
  History history;
  const absl::Status status =
      ParseHistory(std::string(kHistoryHeader) + std::string(lines), history);
  INFO(status.ToString());
  REQUIRE(status.ok());
  return history;
}

inline Report Check(const History& history, const ModelFactory& new_model,
                    const Limits& limits = {}) {
  ManualClock clock;
  const absl::StatusOr<Report> report = CheckLinearizable(history, new_model, clock, limits);
  INFO(report.status().ToString());
  REQUIRE(report.ok());
  return *report;
}

inline bool IsGoodRegister(std::string_view lines) {
  const Report report = Check(Parse(lines), NewRegister);
  REQUIRE(report.verdict != Verdict::kUnknown);
  return report.verdict == Verdict::kLinearizable;
}

inline bool IsGoodCounter(std::string_view lines) {
  const Report report = Check(Parse(lines), NewCounter);
  REQUIRE(report.verdict != Verdict::kUnknown);
  return report.verdict == Verdict::kLinearizable;
}

}  // namespace nokv::checker
