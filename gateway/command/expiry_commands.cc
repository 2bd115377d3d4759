// EXPIRE and its relatives, TTL, PERSIST.
#include "gateway/command/arguments.h"
#include "gateway/command/handlers.h"

#include <limits>
#include <optional>

namespace nokv::command {
namespace {

enum class Unit { kSeconds, kMilliseconds };

struct Conditions {
  bool only_if_none = false;     // NX
  bool only_if_any = false;      // XX
  bool only_if_greater = false;  // GT
  bool only_if_less = false;     // LT
};

// Nothing after answering what is wrong.
std::optional<Conditions> ReadConditions(Call& call) {
  Conditions conditions;
  for (const std::string_view word : call.arguments.subspan(3)) {
    if (IsWord(word, "nx")) {
      conditions.only_if_none = true;
    } else if (IsWord(word, "xx")) {
      conditions.only_if_any = true;
    } else if (IsWord(word, "gt")) {
      conditions.only_if_greater = true;
    } else if (IsWord(word, "lt")) {
      conditions.only_if_less = true;
    } else {
      call.reply.Error(fmt::format("ERR Unsupported option {}", word));
      return std::nullopt;
    }
  }
  if (conditions.only_if_none &&
      (conditions.only_if_any || conditions.only_if_greater || conditions.only_if_less)) {
    call.reply.Error("ERR NX and XX, GT or LT options at the same time are not compatible");
    return std::nullopt;
  }
  if (conditions.only_if_greater && conditions.only_if_less) {
    call.reply.Error("ERR GT and LT options at the same time are not compatible");
    return std::nullopt;
  }
  return conditions;
}

// A key that never expires has the greatest expiry of all.
bool Allows(const Conditions& conditions, uint64_t current_ms, int64_t wanted_ms) {
  const bool expires = current_ms != 0;
  const auto current = static_cast<int64_t>(current_ms);
  if (conditions.only_if_none && expires) return false;
  if (conditions.only_if_any && !expires) return false;
  if (conditions.only_if_greater && (!expires || wanted_ms <= current)) return false;
  return !(conditions.only_if_less && expires && wanted_ms >= current);
}

// Unix milliseconds of the third argument, or nothing after answering what is wrong. May lie in the
// past, also before 1970.
std::optional<int64_t> ReadExpiry(Call& call, Unit unit, int64_t base_ms) {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  std::optional<int64_t> when = ReadInteger(call, call.arguments[2]);
  if (!when) return std::nullopt;
  bool fits = true;
  if (unit == Unit::kSeconds) {
    fits = *when <= kMax / 1000 && *when >= kMin / 1000;
    if (fits) *when *= 1000;
  }
  if (!fits || *when > kMax - base_ms) {
    call.reply.Error(fmt::format("ERR invalid expire time in '{}' command", call.command->name));
    return std::nullopt;
  }
  return *when + base_ms;
}

absl::Status SetExpiry(Call& call, Unit unit, int64_t base_ms) {
  const std::optional<Conditions> conditions = ReadConditions(call);
  if (!conditions) return absl::OkStatus();
  const std::optional<int64_t> when = ReadExpiry(call, unit, base_ms);
  if (!when) return absl::OkStatus();

  const std::string_view key = call.arguments[1];
  ASSIGN_OR_RETURN(const backend::Object* object, call.keyspace.Find(call.database, key));
  if (object == nullptr || !Allows(*conditions, object->expiry_ms, *when)) {
    call.reply.Integer(0);
    return absl::OkStatus();
  }
  if (*when <= static_cast<int64_t>(call.keyspace.now_ms())) {
    RETURN_IF_ERROR(call.keyspace.Remove(call.database, key).status());
  } else {
    backend::Object changed = *object;
    changed.expiry_ms = static_cast<uint64_t>(*when);
    RETURN_IF_ERROR(call.keyspace.Put(call.database, key, changed));
  }
  call.reply.Integer(1);
  return absl::OkStatus();
}

// Answers -2 for no key, -1 for no expiry, else what `convert` makes of the expiry.
template <typename Convert>
absl::Status AnswerExpiry(Call& call, Convert&& convert) {
  ASSIGN_OR_RETURN(const backend::Object* object,
                   call.keyspace.Find(call.database, call.arguments[1]));
  if (object == nullptr) {
    call.reply.Integer(-2);
  } else if (object->expiry_ms == 0) {
    call.reply.Integer(-1);
  } else {
    call.reply.Integer(static_cast<int64_t>(convert(object->expiry_ms)));
  }
  return absl::OkStatus();
}

uint64_t ToSeconds(uint64_t milliseconds) { return (milliseconds + 500) / 1000; }

}  // namespace

absl::Status Expire(Call& call) {
  return SetExpiry(call, Unit::kSeconds, static_cast<int64_t>(call.keyspace.now_ms()));
}

absl::Status ExpireAt(Call& call) { return SetExpiry(call, Unit::kSeconds, 0); }

absl::Status PExpire(Call& call) {
  return SetExpiry(call, Unit::kMilliseconds, static_cast<int64_t>(call.keyspace.now_ms()));
}

absl::Status PExpireAt(Call& call) { return SetExpiry(call, Unit::kMilliseconds, 0); }

absl::Status Ttl(Call& call) {
  const uint64_t now_ms = call.keyspace.now_ms();
  return AnswerExpiry(call, [now_ms](uint64_t expiry_ms) { return ToSeconds(expiry_ms - now_ms); });
}

absl::Status PTtl(Call& call) {
  const uint64_t now_ms = call.keyspace.now_ms();
  return AnswerExpiry(call, [now_ms](uint64_t expiry_ms) { return expiry_ms - now_ms; });
}

absl::Status ExpireTime(Call& call) { return AnswerExpiry(call, ToSeconds); }

absl::Status PExpireTime(Call& call) {
  return AnswerExpiry(call, [](uint64_t expiry_ms) { return expiry_ms; });
}

absl::Status Persist(Call& call) {
  const std::string_view key = call.arguments[1];
  ASSIGN_OR_RETURN(const backend::Object* object, call.keyspace.Find(call.database, key));
  const bool expires = object != nullptr && object->expiry_ms != 0;
  if (expires) {
    backend::Object changed = *object;
    changed.expiry_ms = 0;
    RETURN_IF_ERROR(call.keyspace.Put(call.database, key, changed));
  }
  call.reply.Integer(expires ? 1 : 0);
  return absl::OkStatus();
}

}  // namespace nokv::command
