// SET with all its options.
#include "gateway/command/arguments.h"
#include "gateway/command/handlers.h"

#include <limits>
#include <optional>

namespace nokv::command {
namespace {

using backend::Object;
using backend::ObjectType;

enum class ExpiryKind { kNone, kKeep, kSeconds, kMilliseconds, kAtSeconds, kAtMilliseconds };

struct SetOptions {
  bool only_if_absent = false;
  bool only_if_present = false;
  bool returns_old = false;
  ExpiryKind expiry_kind = ExpiryKind::kNone;
  std::string_view expiry;
};

ExpiryKind ExpiryKindOf(std::string_view word) {
  if (IsWord(word, "ex")) return ExpiryKind::kSeconds;
  if (IsWord(word, "px")) return ExpiryKind::kMilliseconds;
  if (IsWord(word, "exat")) return ExpiryKind::kAtSeconds;
  if (IsWord(word, "pxat")) return ExpiryKind::kAtMilliseconds;
  if (IsWord(word, "keepttl")) return ExpiryKind::kKeep;
  return ExpiryKind::kNone;
}

// Nothing for a syntax error. One kind of expiry may be given twice, two kinds may not.
std::optional<SetOptions> ReadOptions(const Call& call) {
  SetOptions options;
  const auto& arguments = call.arguments;
  for (size_t i = 3; i < arguments.size(); ++i) {
    const std::string_view word = arguments[i];
    const ExpiryKind kind = ExpiryKindOf(word);
    if (IsWord(word, "nx") && !options.only_if_present) {
      options.only_if_absent = true;
    } else if (IsWord(word, "xx") && !options.only_if_absent) {
      options.only_if_present = true;
    } else if (IsWord(word, "get")) {
      options.returns_old = true;
    } else if (kind != ExpiryKind::kNone &&
               (options.expiry_kind == ExpiryKind::kNone || options.expiry_kind == kind)) {
      options.expiry_kind = kind;
      if (kind == ExpiryKind::kKeep) continue;
      if (++i == arguments.size()) return std::nullopt;
      options.expiry = arguments[i];
    } else {
      return std::nullopt;
    }
  }
  return options;
}

// Unix milliseconds; 0 for none; nothing after answering what is wrong.
std::optional<uint64_t> ReadExpiry(Call& call, const SetOptions& options) {
  if (options.expiry_kind == ExpiryKind::kNone || options.expiry_kind == ExpiryKind::kKeep) {
    return 0;
  }
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  const std::optional<int64_t> number = ReadInteger(call, options.expiry);
  if (!number) return std::nullopt;

  const bool is_seconds =
      options.expiry_kind == ExpiryKind::kSeconds || options.expiry_kind == ExpiryKind::kAtSeconds;
  const bool is_relative = options.expiry_kind == ExpiryKind::kSeconds ||
                           options.expiry_kind == ExpiryKind::kMilliseconds;
  const int64_t unit_ms = is_seconds ? 1000 : 1;
  const int64_t base_ms = is_relative ? static_cast<int64_t>(call.keyspace.now_ms()) : 0;
  if (*number <= 0 || *number > kMax / unit_ms || *number * unit_ms > kMax - base_ms) {
    call.reply.Error("ERR invalid expire time in 'set' command");
    return std::nullopt;
  }
  return static_cast<uint64_t>(*number * unit_ms + base_ms);
}

}  // namespace

absl::Status Set(Call& call) {
  const std::optional<SetOptions> options = ReadOptions(call);
  if (!options) {
    call.reply.Error(kSyntaxError);
    return absl::OkStatus();
  }
  const std::optional<uint64_t> expiry_ms = ReadExpiry(call, *options);
  if (!expiry_ms) return absl::OkStatus();

  const std::string_view key = call.arguments[1];
  const bool needs_old = options->returns_old || options->only_if_absent ||
                         options->only_if_present || options->expiry_kind == ExpiryKind::kKeep;
  const Object* old = nullptr;
  if (needs_old) {
    ASSIGN_OR_RETURN(old, call.keyspace.Find(call.database, key));
  }
  const bool is_refused =
      (options->only_if_absent && old != nullptr) || (options->only_if_present && old == nullptr);
  if (options->returns_old && old != nullptr) {
    if (old->type != ObjectType::kString) {
      call.reply.Error(kWrongType);
      return absl::OkStatus();
    }
    call.reply.Bulk(old->payload);
  } else if (options->returns_old || is_refused) {
    call.reply.Null();
  } else {
    call.reply.Ok();
  }
  if (is_refused) return absl::OkStatus();

  Object object{.expiry_ms = *expiry_ms, .payload = call.arguments[2]};
  if (options->expiry_kind == ExpiryKind::kKeep && old != nullptr) {
    object.expiry_ms = old->expiry_ms;
  }
  return call.keyspace.Put(call.database, key, object);
}

}  // namespace nokv::command
