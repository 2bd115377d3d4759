#include "raftstore/store/alarms.h"

namespace nokv::store {
namespace {

constexpr uint64_t kMinuteNanos = 60'000'000'000;

}  // namespace

void Alarms::Raise(const AlarmTopic& topic, uint64_t now_nanos,
                   const std::function<std::string()>& make_text) {
  if (raised_.size() >= kTopicsMax && !raised_.contains(topic)) {
    std::erase_if(raised_, [now_nanos](const auto& item) {
      return now_nanos - item.second.raised_nanos >= kMinuteNanos;
    });
    if (raised_.size() >= kTopicsMax) return;
  }
  const auto [found, is_new] = raised_.try_emplace(topic);
  Alarm& alarm = found->second;
  alarm.raised_nanos = now_nanos;
  if (!is_new && now_nanos - alarm.told_nanos < kMinuteNanos) return;
  alarm.text = make_text();
  alarm.told_nanos = now_nanos;
  if (tell_ != nullptr) tell_(alarm.text);
}

std::vector<std::string> Alarms::WhyNotReady(uint64_t now_nanos) const {
  std::vector<std::string> texts;
  for (const auto& [topic, alarm] : raised_) {
    if (topic.kind == AlarmTopic::Kind::kOtherRegion) continue;
    if (now_nanos - alarm.raised_nanos < kMinuteNanos) texts.push_back(alarm.text);
  }
  return texts;
}

}  // namespace nokv::store
