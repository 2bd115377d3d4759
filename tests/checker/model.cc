#include "tests/checker/model.h"

#include <charconv>
#include <unordered_map>

namespace nokv::checker {
namespace {

// What register and counter have in common: all but what a value's number is.
class ValueModel : public Model {
 public:
  uint64_t initial() const override { return kAbsent; }

  absl::StatusOr<Action> Compile(const Operation& operation) override {
    Action action{.kind = operation.kind, .is_known = operation.is_known()};
    switch (operation.kind) {
      case OperationKind::kGet: {
        ASSIGN_OR_RETURN(action.found, NumberOf(operation.found));
        break;
      }
      case OperationKind::kPut: {
        ASSIGN_OR_RETURN(action.value, NumberOf(operation.value));
        break;
      }
      case OperationKind::kDelete:
        break;
      case OperationKind::kCas: {
        ASSIGN_OR_RETURN(action.expected, NumberOf(operation.expected));
        ASSIGN_OR_RETURN(action.value, NumberOf(operation.value));
        break;
      }
      case OperationKind::kIncr:
        RETURN_IF_ERROR(CompileIncr(operation, &action));
        break;
    }
    if (operation.is_known()) action.did = operation.did;
    return action;
  }

  std::optional<uint64_t> Step(uint64_t state, const Action& action) const override {
    switch (action.kind) {
      case OperationKind::kGet:
        return If(!action.is_known || state == action.found, state);
      case OperationKind::kPut:
        return action.value;
      case OperationKind::kDelete:
        return If(!action.did.has_value() || *action.did == (state != kAbsent), kAbsent);
      case OperationKind::kCas: {
        const bool swaps = state == action.expected;
        if (!action.is_known) return If(swaps, action.value);
        return If(swaps == action.did.value_or(true), swaps ? action.value : state);
      }
      case OperationKind::kIncr:
        return StepIncr(state, action);
    }
    return std::nullopt;
  }

 protected:
  static constexpr uint64_t kAbsent = uint64_t{1} << 63;

  virtual absl::StatusOr<uint64_t> NumberOf(const Value& value) = 0;
  virtual absl::Status CompileIncr(const Operation& operation, Action* action) = 0;
  virtual std::optional<uint64_t> StepIncr(uint64_t state, const Action& action) const = 0;

 private:
  static std::optional<uint64_t> If(bool condition, uint64_t state) {
    return condition ? std::optional(state) : std::nullopt;
  }
};

class Register final : public ValueModel {
 protected:
  absl::StatusOr<uint64_t> NumberOf(const Value& value) override {
    if (!value.has_value()) return kAbsent;
    return numbers_.try_emplace(*value, numbers_.size()).first->second;
  }

  absl::Status CompileIncr(const Operation& operation, Action*) override {
    return InvalidArgumentError("a register has no {}", KindName(operation.kind));
  }

  std::optional<uint64_t> StepIncr(uint64_t, const Action&) const override { return std::nullopt; }

 private:
  std::unordered_map<std::string, uint64_t> numbers_;
};

// A value's number is the value. The lowest one of 64 bits stands for none, those above it for
// texts, as they come up.
class Counter final : public ValueModel {
 protected:
  absl::StatusOr<uint64_t> NumberOf(const Value& value) override {
    if (!value.has_value()) return kAbsent;
    int64_t number = 0;
    const char* end = value->data() + value->size();
    const auto [stop, error] = std::from_chars(value->data(), end, number);
    if (error != std::errc() || stop != end) return TextNumberOf(*value);
    if (!IsNumber(static_cast<uint64_t>(number))) {
      return InvalidArgumentError("{} is too low for a counter", number);
    }
    return static_cast<uint64_t>(number);
  }

  absl::Status CompileIncr(const Operation& operation, Action* action) override {
    action->delta = operation.delta;
    action->found = static_cast<uint64_t>(operation.sum);
    return absl::OkStatus();
  }

  std::optional<uint64_t> StepIncr(uint64_t state, const Action& action) const override {
    const bool can_add = state == kAbsent || IsNumber(state);
    const bool did = action.did.value_or(true);
    if (!did || !can_add) return !did && !can_add ? std::optional(state) : std::nullopt;
    const int64_t before = state == kAbsent ? 0 : static_cast<int64_t>(state);
    int64_t sum = 0;
    if (__builtin_add_overflow(before, action.delta, &sum)) return std::nullopt;
    const auto next = static_cast<uint64_t>(sum);
    if (!IsNumber(next) || (action.is_known && next != action.found)) return std::nullopt;
    return next;
  }

 private:
  static constexpr uint64_t kTextsMax = uint64_t{1} << 32;

  static bool IsNumber(uint64_t state) { return state - kAbsent > kTextsMax; }

  absl::StatusOr<uint64_t> TextNumberOf(const std::string& text) {
    if (texts_.size() == kTextsMax) return InvalidArgumentError("too many texts");
    return texts_.try_emplace(text, kAbsent + 1 + texts_.size()).first->second;
  }

  std::unordered_map<std::string, uint64_t> texts_;
};

}  // namespace

std::unique_ptr<Model> NewRegister() { return std::make_unique<Register>(); }

std::unique_ptr<Model> NewCounter() { return std::make_unique<Counter>(); }

}  // namespace nokv::checker
