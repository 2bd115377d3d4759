// Dispatch: from the words of a client to the handler of a command.
#include "gateway/backend/key_encoding.h"
#include "gateway/command/arguments.h"
#include "gateway/command/handlers.h"
#include "gateway/command/host.h"

#include <algorithm>

namespace nokv::command {
namespace {

constexpr size_t kEchoedBytesMax = 128;  // Of a name, and of all arguments, in an error message.

std::string_view BeforeZero(std::string_view text) { return text.substr(0, text.find('\0')); }

void AnswerUnknownCommand(Call& call) {
  std::string echoed;
  for (const std::string_view argument : call.arguments.subspan(1)) {
    if (echoed.size() >= kEchoedBytesMax) break;
    echoed += '\'';
    echoed += BeforeZero(argument).substr(0, kEchoedBytesMax - (echoed.size() - 1));
    echoed += "' ";
  }
  call.reply.Error(fmt::format("ERR unknown command '{}', with args beginning with: {}",
                               BeforeZero(call.arguments[0]).substr(0, kEchoedBytesMax), echoed));
}

void AnswerUnknownSubcommand(Call& call, const Command& command) {
  std::string upper(command.name);
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  call.reply.Error(fmt::format("ERR unknown subcommand '{}'. Try {} HELP.",
                               BeforeZero(call.arguments[1]).substr(0, kEchoedBytesMax), upper));
}

bool HasArity(const Command& command, size_t arguments) {
  const auto count = static_cast<int>(std::min<size_t>(arguments, INT32_MAX));
  return command.arity >= 0 ? count == command.arity : count >= -command.arity;
}

// Null after answering what is wrong.
const Command* Resolve(Call& call, const Command* command) {
  if (command == nullptr) {
    AnswerUnknownCommand(call);
    return nullptr;
  }
  if (!command->subcommands.empty() && call.arguments.size() > 1) {
    const Command* subcommand = FindSubcommand(*command, call.arguments[1]);
    if (subcommand == nullptr) {
      AnswerUnknownSubcommand(call, *command);
      return nullptr;
    }
    command = subcommand;
  }
  if (!HasArity(*command, call.arguments.size())) {
    call.reply.Error(fmt::format("ERR wrong number of arguments for '{}' command", command->name));
    return nullptr;
  }
  return command;
}

void Count(Call& call) {
  Statistics& statistics = call.host.statistics;
  statistics.commands.Add();
  if (call.named == nullptr) {
    statistics.unknown_commands.Add();
  } else {
    statistics.per_command[static_cast<size_t>(call.named - Table().data())].calls.Add();
  }
}

bool HasRoomForKeys(Call& call, const Command& command) {
  const KeyPlaces places = PlacesOfKeys(command, call.arguments.size());
  for (size_t i = places.first; i < places.end; i += places.step) {
    if (backend::KeyFits(call.arguments[i])) continue;
    call.reply.Error(fmt::format("ERR NoKV: a key of {} bytes is too long, 32000 always fit",
                                 call.arguments[i].size()));
    return false;
  }
  return true;
}

}  // namespace

KeyPlaces PlacesOfKeys(const Command& command, size_t count) {
  if (command.first_key == 0) return {};
  const auto last = command.last_key >= 0 ? static_cast<int64_t>(command.last_key)
                                          : static_cast<int64_t>(count) + command.last_key;
  return {.first = static_cast<size_t>(command.first_key),
          .end = std::min(static_cast<size_t>(last + 1), count),
          .step = static_cast<size_t>(command.key_step)};
}

absl::Status Dispatch(Call& call) {
  if (!call.is_repeated) Count(call);
  const Command* const command = Resolve(call, call.named);
  if (command == nullptr) return absl::OkStatus();
  if (!call.is_authenticated && (command->flags & kNoAuth) == 0) {
    call.reply.Error("NOAUTH Authentication required.");
    return absl::OkStatus();
  }
  call.session.last_command = command;
  if (!HasRoomForKeys(call, *command)) return absl::OkStatus();
  call.command = command;
  return command->handler(call);
}

}  // namespace nokv::command
