// CLIENT and its subcommands.
#include "gateway/command/arguments.h"
#include "gateway/command/handlers.h"
#include "gateway/command/host.h"

#include <algorithm>
#include <vector>

namespace nokv::command {
namespace {

bool IsPrintableWord(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '!' && c <= '~'; });
}

}  // namespace

bool CheckClientName(Call& call, std::string_view name) {
  if (IsPrintableWord(name)) return true;
  call.reply.Error("ERR Client names cannot contain spaces, newlines or special characters.");
  return false;
}

absl::Status ClientId(Call& call) {
  call.reply.Integer(static_cast<int64_t>(call.session.id));
  return absl::OkStatus();
}

absl::Status ClientGetName(Call& call) {
  if (call.session.name.empty()) {
    call.reply.Null();
  } else {
    call.reply.Bulk(call.session.name);
  }
  return absl::OkStatus();
}

absl::Status ClientSetName(Call& call) {
  if (!CheckClientName(call, call.arguments[2])) return absl::OkStatus();
  call.session.name = call.arguments[2];
  call.reply.Ok();
  return absl::OkStatus();
}

absl::Status ClientSetInfo(Call& call) {
  const std::string_view name = call.arguments[2];
  const std::string_view value = call.arguments[3];
  std::string* const target = IsWord(name, "lib-name")  ? &call.session.library_name
                              : IsWord(name, "lib-ver") ? &call.session.library_version
                                                        : nullptr;
  if (target == nullptr) {
    call.reply.Error(fmt::format("ERR Unrecognized option '{}'", name));
  } else if (!IsPrintableWord(value)) {
    call.reply.Error(fmt::format("ERR {} cannot contain spaces, newlines or special characters.",
                                 Lowered(name)));
  } else {
    *target = value;
    call.reply.Ok();
  }
  return absl::OkStatus();
}

absl::Status ClientInfo(Call& call) {
  call.reply.Verbatim(call.host.Describe(call.session) + "\n");
  return absl::OkStatus();
}

absl::Status ClientList(Call& call) {
  const auto& arguments = call.arguments;
  const auto& sessions = call.host.sessions;
  std::string lines;
  const auto add = [&](const Session& session) {
    lines += call.host.Describe(session);
    lines += '\n';
  };
  if (arguments.size() == 2) {
    for (const auto& [id, session] : sessions) add(*session);
  } else if (IsWord(arguments[2], "type") && arguments.size() == 4) {
    const std::string_view type = arguments[3];
    const bool is_known = IsWord(type, "normal") || IsWord(type, "master") ||
                          IsWord(type, "replica") || IsWord(type, "slave") ||
                          IsWord(type, "pubsub");
    if (!is_known) {
      call.reply.Error(fmt::format("ERR Unknown client type '{}'", type));
      return absl::OkStatus();
    }
    if (IsWord(type, "normal")) {
      for (const auto& [id, session] : sessions) add(*session);
    }
  } else if (IsWord(arguments[2], "id") && arguments.size() > 3) {
    for (const std::string_view text : arguments.subspan(3)) {
      const std::optional<int64_t> id = ReadInteger(call, text, "ERR Invalid client ID");
      if (!id) return absl::OkStatus();
      const auto found = sessions.find(static_cast<uint64_t>(*id));
      if (found != sessions.end()) add(*found->second);
    }
  } else {
    call.reply.Error(kSyntaxError);
    return absl::OkStatus();
  }
  call.reply.Verbatim(lines);
  return absl::OkStatus();
}

}  // namespace nokv::command
