// A command: what is known about it without running it, and the function that runs it.
//
// Handlers are plain functions of a Call. They answer the client's mistakes through the reply and
// return OK; a status that is not OK is the keyspace's and makes the backend answer in their place.
// A handler may run more than once for one call (gateway/backend/keyspace.h).
//
// Thread-safety: the table is constant; a Call belongs to the event loop's thread.
#pragma once

#include "engine/base/status.h"
#include "gateway/backend/keyspace.h"
#include "gateway/command/session.h"
#include "gateway/resp/writer.h"

#include <cstdint>
#include <span>
#include <string_view>

namespace nokv::command {

struct Host;

struct Call {
  std::span<const std::string_view> arguments;  // Begins with the name; never empty.
  const Command* named = nullptr;               // FindCommand() of the name.
  const Command* command = nullptr;             // Set by Dispatch(), if it may run.
  int database = 0;                             // The session's when the call first ran.
  bool is_authenticated = false;                // Likewise.
  bool is_repeated = false;                     // It was counted when it first ran.
  Session& session;
  Host& host;
  backend::Keyspace& keyspace;
  resp::Writer& reply;
};

using Handler = absl::Status (*)(Call& call);

// The names that COMMAND INFO gives them are in command_commands.cc.
enum Flags : uint32_t {
  kWrite = 1u << 0,
  kReadOnly = 1u << 1,
  kDenyOom = 1u << 2,
  kAdmin = 1u << 3,
  kNoScript = 1u << 4,
  kLoading = 1u << 5,
  kStale = 1u << 6,
  kFast = 1u << 7,
  kNoAuth = 1u << 8,
  kAllowBusy = 1u << 9,

  // Ours, not told: what its keys hold does not matter to it, most often.
  kOverwrites = 1u << 31,
};

enum class Group : uint8_t { kConnection, kGeneric, kServer, kString };

struct Command {
  std::string_view name;  // In lower case; "client|id" for a subcommand.
  int arity;              // Arguments with the name; -n for n or more.
  uint32_t flags;
  int first_key;  // 0: no keys.
  int last_key;   // Negative: counted from the end.
  int key_step;
  Handler handler;
  Group group;
  std::string_view since;
  std::string_view summary;
  std::span<const Command> subcommands = {};
};

// Every command, in alphabetical order.
std::span<const Command> Table();

// In any case; null if unknown.
const Command* FindCommand(std::string_view name);
const Command* FindSubcommand(const Command& command, std::string_view name);

// The places of the keys among `count` arguments: first, first + step, ... while less than end.
struct KeyPlaces {
  size_t first = 0;
  size_t end = 0;
  size_t step = 1;
};

KeyPlaces PlacesOfKeys(const Command& command, size_t count);

// Does what Redis does before a command (known, enough arguments, authenticated), then runs it.
absl::Status Dispatch(Call& call);

inline constexpr std::string_view kSyntaxError = "ERR syntax error";
inline constexpr std::string_view kNotAnInteger = "ERR value is not an integer or out of range";
inline constexpr std::string_view kWrongType =
    "WRONGTYPE Operation against a key holding the wrong kind of value";

}  // namespace nokv::command
