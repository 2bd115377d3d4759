#include "tests/checker/search.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace nokv::checker {
namespace {

constexpr uint64_t kStepsBetweenQuestions = 1024;

void SetBit(std::vector<uint64_t>& bits, size_t bit) { bits[bit / 64] |= uint64_t{1} << bit % 64; }

void ClearBit(std::vector<uint64_t>& bits, size_t bit) {
  bits[bit / 64] &= ~(uint64_t{1} << bit % 64);
}

bool HasBit(const std::vector<uint64_t>& bits, size_t bit) {
  return (bits[bit / 64] >> bit % 64 & 1) != 0;
}

}  // namespace

Search::Search(const History& operations, const std::vector<Action>& actions, const Model& model,
               MayGoOn may_go_on)
    : operations_(operations),
      actions_(actions),
      model_(model),
      may_go_on_(std::move(may_go_on)),
      call_event_(operations.size()),
      end_event_(operations.size()),
      bit_(operations.size()) {
  size_t known = 0;
  for (size_t i = 0; i < operations.size(); ++i) {
    if (operations[i].is_known()) {
      bit_[i] = known++;
      continue;
    }
    if (actions[i].kind == OperationKind::kGet) continue;  // Says nothing, does nothing.
    bit_[i] = unknowns_.size();
    size_t twin = unknowns_.size();
    for (size_t u = unknowns_.size(); u-- > 0 && twin == unknowns_.size();) {
      if (actions[unknowns_[u]] == actions[i]) twin = u;
    }
    twin_.push_back(twin);
    unknowns_.push_back(i);
  }
  known_bits_.resize(known / 64 + 1);
  unknown_bits_.resize(unknowns_.size() / 64 + 1);
  SortEvents();
}

// Calls before ends of the same time: then they overlap.
void Search::SortEvents() {
  using Moment = std::tuple<Time, bool, size_t>;
  std::vector<Moment> moments;
  moments.reserve(2 * operations_.size());
  for (size_t i = 0; i < operations_.size(); ++i) {
    moments.emplace_back(operations_[i].call, false, i);
    if (operations_[i].is_known()) moments.emplace_back(operations_[i].end, true, i);
  }
  std::sort(moments.begin(), moments.end());
  events_.resize(moments.size() + 1);
  for (uint32_t event = 1; event < events_.size(); ++event) {
    const auto& [time, is_end, operation] = moments[event - 1];
    events_[event].operation = operation;
    events_[event].is_end = is_end;
    (is_end ? end_event_ : call_event_)[operation] = event;
  }
}

void Search::Restart() {
  state_ = model_.initial();
  has_unseen_ = false;
  known_left_ = 0;
  taken_.clear();
  std::fill(known_bits_.begin(), known_bits_.end(), 0);
  std::fill(unknown_bits_.begin(), unknown_bits_.end(), 0);
  first_word_ = end_word_ = 0;
  seen_.Clear();
  // The list holds calls and ends of the known operations that have no place yet.
  uint32_t last = 0;
  for (uint32_t event = 1; event < events_.size(); ++event) {
    if (end_event_[events_[event].operation] == 0) continue;
    if (events_[event].is_end) ++known_left_;
    events_[event].previous = last;
    events_[last].next = event;
    last = event;
  }
  events_[last].next = 0;
  events_[0].previous = last;
}

void Search::Unlink(uint32_t event) {
  const Event& e = events_[event];
  events_[e.previous].next = e.next;
  events_[e.next].previous = e.previous;
}

void Search::Relink(uint32_t event) {
  const Event& e = events_[event];
  events_[e.previous].next = event;
  events_[e.next].previous = event;
}

void Search::Take(size_t operation, uint64_t next_state, bool is_forced) {
  taken_.push_back({.operation = operation,
                    .state_before = state_,
                    .is_forced = is_forced,
                    .unseen_before = has_unseen_});
  state_ = next_state;
  const size_t bit = bit_[operation];
  has_unseen_ = end_event_[operation] == 0;
  if (has_unseen_) {
    SetBit(unknown_bits_, bit);
    return;
  }
  SetBit(known_bits_, bit);
  end_word_ = std::max(end_word_, bit / 64 + 1);
  while (first_word_ < end_word_ && known_bits_[first_word_] == UINT64_MAX) ++first_word_;
  --known_left_;
  Unlink(call_event_[operation]);
  Unlink(end_event_[operation]);
}

void Search::Untake() {
  const Taken& last = taken_.back();
  const size_t bit = bit_[last.operation];
  if (has_unseen_) {
    ClearBit(unknown_bits_, bit);
  } else {
    ClearBit(known_bits_, bit);
    first_word_ = std::min(first_word_, bit / 64);
    while (end_word_ > first_word_ && known_bits_[end_word_ - 1] == 0) --end_word_;
    ++known_left_;
    Relink(end_event_[last.operation]);
    Relink(call_event_[last.operation]);
  }
  state_ = last.state_before;
  has_unseen_ = last.unseen_before;
  taken_.pop_back();
}

Search::Choice Search::Enter() {
  for (uint32_t event = events_[0].next; event != 0 && !events_[event].is_end;) {
    const uint32_t next = events_[event].next;
    const size_t operation = events_[event].operation;
    const bool fits = actions_[operation].is_observation() &&
                      model_.Step(state_, actions_[operation]).has_value();
    // Its end may be what comes next: go on from what is behind both.
    const uint32_t after = next == end_event_[operation] ? events_[next].next : next;
    if (fits) Take(operation, state_, true);
    event = fits ? after : next;
  }
  return {.event = events_[0].next};
}

bool Search::GoBack(Choice* choice) {
  while (!taken_.empty()) {
    const Taken last = taken_.back();
    Untake();
    if (last.is_forced) continue;
    const bool was_known = end_event_[last.operation] != 0;
    *choice = was_known ? Choice{.event = events_[call_event_[last.operation]].next}
                        : Choice{.unknown = bit_[last.operation] + 1, .is_known = false};
    return true;
  }
  return false;
}

bool Search::NextCandidate(Choice* choice, size_t* operation) const {
  if (choice->is_known) {
    const Event& event = events_[choice->event];
    if (!event.is_end) {
      *operation = event.operation;
      choice->event = event.next;
      return true;
    }
    *choice = {.unknown = 0, .is_known = false};
  }
  // The first end in the list bounds what may come next. There is one as long as anything is left.
  uint32_t first_end = events_[0].next;
  while (!events_[first_end].is_end) first_end = events_[first_end].next;
  while (choice->unknown < unknowns_.size()) {
    const size_t u = choice->unknown++;
    if (call_event_[unknowns_[u]] > first_end) return false;
    if (HasBit(unknown_bits_, u)) continue;
    // Of two that are no different the earlier one will do.
    if (twin_[u] != u && !HasBit(unknown_bits_, twin_[u])) continue;
    *operation = unknowns_[u];
    return true;
  }
  return false;
}

bool Search::Try(size_t operation) {
  const Action& action = actions_[operation];
  // An effect that is overwritten before anything sees it need not have happened.
  if (has_unseen_ && action.is_blind()) return false;
  const std::optional<uint64_t> next = model_.Step(state_, action);
  if (!next.has_value()) return false;
  if (!action.is_known && *next == state_) return false;
  Take(operation, *next, false);
  if (Remember()) return true;
  Untake();
  return false;
}

bool Search::Remember() {
  buffer_.clear();
  buffer_.push_back(state_);
  buffer_.push_back(first_word_ << 1 | (has_unseen_ ? 1 : 0));
  for (size_t i = first_word_; i < end_word_; ++i) buffer_.push_back(known_bits_[i]);
  const size_t known_end = buffer_.size();
  buffer_.insert(buffer_.end(), unknown_bits_.begin(), unknown_bits_.end());
  while (buffer_.size() > known_end && buffer_.back() == 0) buffer_.pop_back();
  buffer_.push_back(known_end);
  return seen_.Insert(buffer_);
}

Search::Result Search::Run(uint32_t stop_at) {
  Restart();
  Choice choice = Enter();
  while (known_left_ > 0) {
    if (++steps_ % kStepsBetweenQuestions == 0 && !may_go_on_(seen_.memory_bytes())) {
      return Result::kLimit;
    }
    size_t operation = 0;
    if (NextCandidate(&choice, &operation)) {
      if (Try(operation)) choice = Enter();
      continue;
    }
    uint32_t first_end = events_[0].next;
    while (!events_[first_end].is_end) first_end = events_[first_end].next;
    furthest_ = std::max(furthest_, first_end);
    if (first_end == stop_at) return Result::kFound;
    if (!GoBack(&choice)) return Result::kNone;
  }
  return Result::kFound;
}

std::vector<size_t> Search::LongestOrder() {
  std::vector<size_t> order;
  if (Run(furthest_) != Result::kFound) return order;
  for (const Taken& taken : taken_) order.push_back(taken.operation);
  // What nothing has seen says nothing: the search was only trying.
  while (!order.empty() && end_event_[order.back()] == 0) order.pop_back();
  return order;
}

}  // namespace nokv::checker
