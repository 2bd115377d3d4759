// GET, MGET, MSET and the counters.
#include "gateway/command/arguments.h"
#include "gateway/command/handlers.h"
#include "gateway/command/host.h"
#include "gateway/resp/integer.h"

#include <charconv>

namespace nokv::command {
namespace {

using backend::Object;
using backend::ObjectType;

void CountLookup(Call& call, const Object* object) {
  Statistics& statistics = call.host.statistics;
  (object != nullptr ? statistics.keyspace_hits : statistics.keyspace_misses).Add();
}

constexpr std::string_view kOverflow = "ERR increment or decrement would overflow";

void AnswerSum(Call& call, const backend::AddOutcome& outcome) {
  if (const int64_t* sum = std::get_if<int64_t>(&outcome)) return call.reply.Integer(*sum);
  switch (std::get<backend::AddRefusal>(outcome)) {
    case backend::AddRefusal::kWrongType:
      return call.reply.Error(kWrongType);
    case backend::AddRefusal::kNotAnInteger:
      return call.reply.Error(kNotAnInteger);
    case backend::AddRefusal::kOverflow:
      return call.reply.Error(kOverflow);
  }
}

// Adds to the integer at the key; an absent key is 0. Keeps the expiry.
absl::Status AddToCounter(Call& call, int64_t delta) {
  const std::string_view key = call.arguments[1];
  ASSIGN_OR_RETURN(const std::optional<backend::AddOutcome> outcome,
                   call.keyspace.Add(call.database, key, delta));
  if (outcome) {
    AnswerSum(call, *outcome);
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const Object* object, call.keyspace.Find(call.database, key));
  Object changed;
  int64_t value = 0;
  if (object != nullptr) {
    if (object->type != ObjectType::kString) {
      call.reply.Error(kWrongType);
      return absl::OkStatus();
    }
    const std::optional<int64_t> stored = ReadInteger(call, object->payload);
    if (!stored) return absl::OkStatus();
    value = *stored;
    changed = *object;
  }
  if (__builtin_add_overflow(value, delta, &value)) {
    call.reply.Error(kOverflow);
    return absl::OkStatus();
  }
  char digits[24];
  const char* end = std::to_chars(digits, digits + sizeof(digits), value).ptr;
  changed.payload = call.keyspace.Keep({digits, static_cast<size_t>(end - digits)});
  RETURN_IF_ERROR(call.keyspace.Put(call.database, key, changed));
  call.reply.Integer(value);
  return absl::OkStatus();
}

}  // namespace

absl::Status Get(Call& call) {
  ASSIGN_OR_RETURN(const Object* object, call.keyspace.Find(call.database, call.arguments[1]));
  CountLookup(call, object);
  if (object == nullptr) {
    call.reply.Null();
  } else if (object->type != ObjectType::kString) {
    call.reply.Error(kWrongType);
  } else {
    call.reply.Bulk(object->payload);
  }
  return absl::OkStatus();
}

absl::Status MGet(Call& call) {
  call.reply.Array(call.arguments.size() - 1);
  for (const std::string_view key : call.arguments.subspan(1)) {
    ASSIGN_OR_RETURN(const Object* object, call.keyspace.Find(call.database, key));
    CountLookup(call, object);
    if (object == nullptr || object->type != ObjectType::kString) {
      call.reply.Null();
    } else {
      call.reply.Bulk(object->payload);
    }
  }
  return absl::OkStatus();
}

absl::Status MSet(Call& call) {
  const auto& arguments = call.arguments;
  if (arguments.size() % 2 == 0) {
    call.reply.Error("ERR wrong number of arguments for 'mset' command");
    return absl::OkStatus();
  }
  for (size_t i = 1; i < arguments.size(); i += 2) {
    RETURN_IF_ERROR(call.keyspace.Put(call.database, arguments[i], {.payload = arguments[i + 1]}));
  }
  call.reply.Ok();
  return absl::OkStatus();
}

absl::Status Incr(Call& call) { return AddToCounter(call, 1); }

absl::Status Decr(Call& call) { return AddToCounter(call, -1); }

absl::Status IncrBy(Call& call) {
  const std::optional<int64_t> delta = ReadInteger(call, call.arguments[2]);
  return delta ? AddToCounter(call, *delta) : absl::OkStatus();
}

absl::Status DecrBy(Call& call) {
  const std::optional<int64_t> delta = ReadInteger(call, call.arguments[2]);
  if (!delta) return absl::OkStatus();
  if (*delta == INT64_MIN) {  // Has no opposite.
    call.reply.Error("ERR decrement would overflow");
    return absl::OkStatus();
  }
  return AddToCounter(call, -*delta);
}

}  // namespace nokv::command
