#include "cmd/nokv/command.h"
#include "cmd/nokv/layout.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

namespace nokv::cli {
namespace {

absl::Status Del(const CommonFlags& flags) {
  ASSIGN_OR_RETURN(const std::string key, KeyFromText(flags, flags.key));
  RETURN_IF_ERROR(CheckKeyMayChange(flags, key));
  RETURN_IF_ERROR(CheckIsUsersOwn(flags.workdir));
  ASSIGN_OR_RETURN(const std::unique_ptr<DB> db, OpenWritable(flags.workdir, IfMissing::kFail));
  ReadOptions options;
  ASSIGN_OR_RETURN(options.column_family, FindFamily(*db, flags.column_family));
  uint64_t expiry_ms = 0;
  ASSIGN_OR_RETURN(const bool existed, db->GetExpiry(options, key, &expiry_ms));
  if (existed) {
    const Change change{ChangeKind::kDelete, options.column_family, 0, key, {}};
    RETURN_IF_ERROR(db->Apply(change, {.durability = Durability::kPower}));
  }

  // An absent key is what the user asked for, so it is no failure.
  if (flags.json) {
    PrintLine(JsonText({{"column_family", flags.column_family},
                        {"key", KeyToText(flags, key)},
                        {"existed", existed}}));
  } else {
    PrintLine(fmt::format("{} {}", existed ? "deleted" : "was not there:", KeyToText(flags, key)));
  }
  return absl::OkStatus();
}

}  // namespace

void AddDel(CLI::App& app, Action& chosen) {
  const auto [command, flags] = AddCommand(app, chosen,
                                           {.name = "del",
                                            .description = "Delete a key",
                                            .example = "nokv del --workdir ./nokv-data user:1"},
                                           Del);
  AddKeyFlags(command, flags);
  AddSystemFlag(command, flags);
  AddKeyArgument(command, flags);
}

}  // namespace nokv::cli
