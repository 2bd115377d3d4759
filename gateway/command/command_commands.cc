// COMMAND: the command table as clients see it.
#include "gateway/command/arguments.h"
#include "gateway/command/handlers.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace nokv::command {
namespace {

constexpr std::array<std::pair<uint32_t, std::string_view>, 10> kFlagNames = {{
    {kWrite, "write"},
    {kReadOnly, "readonly"},
    {kDenyOom, "denyoom"},
    {kAdmin, "admin"},
    {kNoScript, "noscript"},
    {kLoading, "loading"},
    {kStale, "stale"},
    {kFast, "fast"},
    {kNoAuth, "no_auth"},
    {kAllowBusy, "allow_busy"},
}};

std::string_view GroupName(Group group) {
  switch (group) {
    case Group::kConnection:
      return "connection";
    case Group::kGeneric:
      return "generic";
    case Group::kServer:
      return "server";
    case Group::kString:
      return "string";
  }
  return "";
}

std::vector<std::string_view> Categories(const Command& command) {
  std::vector<std::string_view> categories;
  if ((command.flags & kWrite) != 0) categories.push_back("@write");
  if ((command.flags & kReadOnly) != 0) categories.push_back("@read");
  if (command.group == Group::kConnection) categories.push_back("@connection");
  if (command.group == Group::kString) categories.push_back("@string");
  if (command.group == Group::kGeneric) categories.push_back("@keyspace");
  if ((command.flags & kAdmin) != 0) {
    categories.push_back("@admin");
    categories.push_back("@dangerous");
  }
  categories.push_back((command.flags & kFast) != 0 ? "@fast" : "@slow");
  return categories;
}

void DescribeCommand(const Command& command, resp::Writer& reply) {
  reply.Array(10);
  reply.Bulk(command.name);
  reply.Integer(command.arity);

  std::vector<std::string_view> flags;
  for (const auto& [flag, name] : kFlagNames) {
    if ((command.flags & flag) != 0) flags.push_back(name);
  }
  reply.Set(flags.size());
  for (const std::string_view name : flags) reply.Simple(name);

  reply.Integer(command.first_key);
  reply.Integer(command.last_key);
  reply.Integer(command.key_step);

  const std::vector<std::string_view> categories = Categories(command);
  reply.Set(categories.size());
  for (const std::string_view name : categories) reply.Simple(name);

  reply.Array(0);  // Tips.
  reply.Array(0);  // Key specifications.
  reply.Array(command.subcommands.size());
  for (const Command& subcommand : command.subcommands) DescribeCommand(subcommand, reply);
}

void DocumentCommand(const Command& command, resp::Writer& reply) {
  reply.Bulk(command.name);
  reply.Map(command.subcommands.empty() ? 3 : 4);
  reply.Bulk("summary");
  reply.Bulk(command.summary);
  reply.Bulk("since");
  reply.Bulk(command.since);
  reply.Bulk("group");
  reply.Bulk(GroupName(command.group));
  if (command.subcommands.empty()) return;
  reply.Bulk("subcommands");
  reply.Map(command.subcommands.size());
  for (const Command& subcommand : command.subcommands) DocumentCommand(subcommand, reply);
}

// "get" or "client|id".
const Command* FindByFullName(std::string_view name) {
  const size_t bar = name.find('|');
  const Command* command = FindCommand(name.substr(0, bar));
  if (command == nullptr || bar == std::string_view::npos) return command;
  return FindSubcommand(*command, name.substr(bar + 1));
}

}  // namespace

absl::Status CommandAll(Call& call) {
  call.reply.Array(Table().size());
  for (const Command& command : Table()) DescribeCommand(command, call.reply);
  return absl::OkStatus();
}

absl::Status CommandCount(Call& call) {
  call.reply.Integer(static_cast<int64_t>(Table().size()));
  return absl::OkStatus();
}

absl::Status CommandInfo(Call& call) {
  const auto names = call.arguments.subspan(2);
  if (names.empty()) return CommandAll(call);
  call.reply.Array(names.size());
  for (const std::string_view name : names) {
    const Command* command = FindByFullName(name);
    if (command == nullptr) {
      call.reply.Null();
    } else {
      DescribeCommand(*command, call.reply);
    }
  }
  return absl::OkStatus();
}

absl::Status CommandDocs(Call& call) {
  std::vector<const Command*> commands;
  if (call.arguments.size() == 2) {
    for (const Command& command : Table()) commands.push_back(&command);
  }
  for (const std::string_view name : call.arguments.subspan(2)) {
    if (const Command* command = FindByFullName(name)) commands.push_back(command);
  }
  call.reply.Map(commands.size());
  for (const Command* command : commands) DocumentCommand(*command, call.reply);
  return absl::OkStatus();
}

absl::Status CommandList(Call& call) {
  const auto& arguments = call.arguments;
  std::string_view pattern = "*";
  std::string category;
  if (arguments.size() == 5 && IsWord(arguments[2], "filterby")) {
    if (IsWord(arguments[3], "pattern")) {
      pattern = arguments[4];
    } else if (IsWord(arguments[3], "aclcat")) {
      category = "@" + Lowered(arguments[4]);
    } else if (IsWord(arguments[3], "module")) {
      pattern = "";  // There are no modules.
    } else {
      call.reply.Error(kSyntaxError);
      return absl::OkStatus();
    }
  } else if (arguments.size() != 2) {
    call.reply.Error(kSyntaxError);
    return absl::OkStatus();
  }
  std::vector<std::string_view> names;
  for (const Command& command : Table()) {
    bool is_wanted = GlobMatches(pattern, command.name, {.ignores_case = true});
    if (!category.empty()) {
      const std::vector<std::string_view> categories = Categories(command);
      is_wanted = std::find(categories.begin(), categories.end(), category) != categories.end();
    }
    if (is_wanted) names.push_back(command.name);
  }
  call.reply.Array(names.size());
  for (const std::string_view name : names) call.reply.Bulk(name);
  return absl::OkStatus();
}

}  // namespace nokv::command
