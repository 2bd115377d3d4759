// What a store finds wrong around it and cannot mend: people have to.
//
// An alarm is told when it is first raised, and once a minute while it goes on. It is over when it
// is cleared, or when nobody has raised it for a minute. More than kTopicsMax are not kept.
//
// Thread-safety: none.
#pragma once

#include "raftstore/transport/envelope.h"

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace nokv::store {

// What an alarm is about. One of a kind is known for each region and store.
struct AlarmTopic {
  enum class Kind : uint8_t {
    kNotAdmitted,  // The placement driver refuses this store for a reason that may pass.
    kRefused,      // The driver refuses the region, which this store leads.
    kOtherRegion,  // Another store means another region by the same id. Either may be wrong.
  };

  Kind kind = Kind::kNotAdmitted;
  transport::RegionId region = 0;
  transport::StoreId store = 0;

  friend auto operator<=>(const AlarmTopic&, const AlarmTopic&) = default;
};

class Alarms {
 public:
  static constexpr size_t kTopicsMax = 4'096;

  using Tell = std::function<void(const std::string& text)>;

  // `tell` may be empty.
  explicit Alarms(Tell tell) : tell_(std::move(tell)) {}

  // `make_text` is asked only if the alarm is to be told.
  void Raise(const AlarmTopic& topic, uint64_t now_nanos,
             const std::function<std::string()>& make_text);

  void Clear(const AlarmTopic& topic) { raised_.erase(topic); }

  // What goes on that makes this very store one not to be counted on.
  std::vector<std::string> WhyNotReady(uint64_t now_nanos) const;

 private:
  struct Alarm {
    std::string text = {};
    uint64_t told_nanos = 0;
    uint64_t raised_nanos = 0;  // Most recently.
  };

  const Tell tell_;
  std::map<AlarmTopic, Alarm> raised_;
};

}  // namespace nokv::store
