// CONFIG, DBSIZE, FLUSHALL, FLUSHDB, TIME.
#include "gateway/command/arguments.h"
#include "gateway/command/handlers.h"
#include "gateway/command/host.h"

#include <array>
#include <utility>
#include <vector>

namespace nokv::command {
namespace {

// Settings that change nothing here, so clients may set them freely. Anything a client could rely
// on for its correctness is refused instead.
constexpr std::array<std::string_view, 7> kSettable = {"latency-monitor-threshold",
                                                       "slowlog-log-slower-than",
                                                       "slowlog-max-len",
                                                       "save",
                                                       "appendonly",
                                                       "appendfsync",
                                                       "tcp-keepalive"};

bool IsSettable(std::string_view name) {
  for (const std::string_view settable : kSettable) {
    if (name == settable) return true;
  }
  return false;
}

// True if the call says SYNC, ASYNC or nothing: all are the same here, because nothing is freed
// while the client waits.
bool ReadFlushMode(Call& call) {
  const auto& arguments = call.arguments;
  const bool is_right =
      arguments.size() == 1 ||
      (arguments.size() == 2 && (IsWord(arguments[1], "sync") || IsWord(arguments[1], "async")));
  if (!is_right) call.reply.Error(kSyntaxError);
  return is_right;
}

absl::Status Flush(Call& call, std::optional<int> database) {
  if (!ReadFlushMode(call)) return absl::OkStatus();
  RETURN_IF_ERROR(call.keyspace.Clear(database));
  call.reply.Ok();
  return absl::OkStatus();
}

}  // namespace

absl::Status ConfigGet(Call& call) {
  std::vector<std::pair<std::string_view, std::string_view>> found;
  for (const auto& [name, value] : call.host.settings) {
    for (const std::string_view pattern : call.arguments.subspan(2)) {
      if (!GlobMatches(pattern, name, {.ignores_case = true})) continue;
      found.emplace_back(name, value);
      break;
    }
  }
  call.reply.Map(found.size());
  for (const auto& [name, value] : found) {
    call.reply.Bulk(name);
    call.reply.Bulk(value);
  }
  return absl::OkStatus();
}

absl::Status ConfigSet(Call& call) {
  const auto pairs = call.arguments.subspan(2);
  if (pairs.size() % 2 != 0) {
    call.reply.Error("ERR wrong number of arguments for 'config|set' command");
    return absl::OkStatus();
  }
  for (size_t i = 0; i < pairs.size(); i += 2) {
    const std::string name = Lowered(pairs[i]);
    if (call.host.settings.contains(name) && !IsSettable(name)) {
      call.reply.Error(
          fmt::format("ERR CONFIG SET failed (possibly related to argument '{}') - can't set "
                      "immutable config",
                      pairs[i]));
      return absl::OkStatus();
    }
    if (!IsSettable(name)) {
      call.reply.Error(
          fmt::format("ERR Unknown option or number of arguments for CONFIG SET - '{}'", pairs[i]));
      return absl::OkStatus();
    }
  }
  for (size_t i = 0; i < pairs.size(); i += 2) {
    call.host.settings[Lowered(pairs[i])] = pairs[i + 1];
  }
  call.reply.Ok();
  return absl::OkStatus();
}

absl::Status ConfigResetStat(Call& call) {
  call.reply.Ok();  // The figures are counters of a metrics system: they never go back.
  return absl::OkStatus();
}

absl::Status ConfigRewrite(Call& call) {
  call.reply.Error("ERR The server is running without a config file");
  return absl::OkStatus();
}

absl::Status DbSize(Call& call) {
  ASSIGN_OR_RETURN(const backend::KeyCounts counts, call.keyspace.Count(call.database));
  call.reply.Integer(static_cast<int64_t>(counts.keys));
  return absl::OkStatus();
}

absl::Status FlushAll(Call& call) { return Flush(call, std::nullopt); }

absl::Status FlushDb(Call& call) { return Flush(call, call.database); }

absl::Status Time(Call& call) {
  const uint64_t now_ms = call.host.clock.WallMillis();
  call.reply.Array(2);
  call.reply.BulkInteger(static_cast<int64_t>(now_ms / 1000));
  call.reply.BulkInteger(static_cast<int64_t>(now_ms % 1000 * 1000));
  return absl::OkStatus();
}

}  // namespace nokv::command
