#include "cmd/nokv/command.h"
#include "cmd/nokv/layout.h"
#include "cmd/nokv/text.h"
#include "engine/base/clock.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cerrno>
#include <cstdio>
#include <limits>
#include <optional>

namespace nokv::cli {
namespace {

struct SetFlags : CommonFlags {
  std::optional<std::string> value;  // As typed: text, or hex digits with --hex.
  std::string value_file;            // "-" for standard input.
  std::string ttl;
};

absl::StatusOr<std::string> ReadAll(std::FILE* file, const std::string& name) {
  std::string bytes;
  char buffer[64 << 10];
  while (const size_t count = std::fread(buffer, 1, sizeof(buffer), file)) {
    if (bytes.size() + count > kValueBytesMax) {
      return InvalidArgumentError("value in {} is larger than {}", name,
                                  HumanBytes(kValueBytesMax));
    }
    bytes.append(buffer, count);
  }
  if (std::ferror(file) != 0) return ErrnoStatus(errno, "read", name);
  return bytes;
}

absl::StatusOr<std::string> ValueOf(const SetFlags& flags) {
  if (flags.value) {
    if (flags.hex) return FromHex(*flags.value);
    return *flags.value;
  }
  if (flags.value_file.empty()) {
    return InvalidArgumentError("give a value behind the key, or a file with --value-file");
  }
  if (flags.value_file == "-") return ReadAll(stdin, "standard input");
  std::FILE* file = std::fopen(flags.value_file.c_str(), "rb");
  if (file == nullptr) return ErrnoStatus(errno, "open", flags.value_file);
  absl::StatusOr<std::string> bytes = ReadAll(file, flags.value_file);
  std::fclose(file);
  return bytes;
}

// The time from which the key is gone; 0 without --ttl.
absl::StatusOr<uint64_t> ExpiryOf(const SetFlags& flags) {
  if (flags.ttl.empty()) return 0;
  absl::Duration ttl;
  if (!absl::ParseDuration(AbslView(flags.ttl), &ttl) || ttl < absl::Milliseconds(1) ||
      ttl > absl::Hours(24 * 366 * 1000)) {
    return WithHint(InvalidArgumentError("--ttl {} is not a time of life", Escape(flags.ttl)),
                    "give a number with a unit, such as 500ms, 30s, 90m or 24h");
  }
  return SystemClock().WallMillis() + static_cast<uint64_t>(absl::ToInt64Milliseconds(ttl));
}

absl::Status Set(const SetFlags& flags) {
  ASSIGN_OR_RETURN(const std::string key, KeyFromText(flags, flags.key));
  RETURN_IF_ERROR(CheckKeyMayChange(flags, key));
  ASSIGN_OR_RETURN(const std::string value, ValueOf(flags));
  ASSIGN_OR_RETURN(const uint64_t expiry_ms, ExpiryOf(flags));
  RETURN_IF_ERROR(CheckIsUsersOwn(flags.workdir));
  ASSIGN_OR_RETURN(const std::unique_ptr<DB> db, OpenWritable(flags.workdir, IfMissing::kCreate));
  ASSIGN_OR_RETURN(const ColumnFamilyHandle family, FindFamily(*db, flags.column_family));
  // A change by hand is rare and wanted: it survives a power cut before the command returns.
  const Change change{ChangeKind::kSet, family, expiry_ms, key, value};
  RETURN_IF_ERROR(db->Apply(change, {.durability = Durability::kPower}));

  if (flags.json) {
    PrintLine(JsonText({{"column_family", flags.column_family},
                        {"key", KeyToText(flags, key)},
                        {"value_bytes", value.size()},
                        {"expiry_ms", expiry_ms}}));
  } else {
    PrintLine(fmt::format("set {}: {}{}", KeyToText(flags, key), HumanBytes(value.size()),
                          expiry_ms == 0 ? "" : ", until " + ExpiryText(expiry_ms)));
  }
  return absl::OkStatus();
}

}  // namespace

void AddSet(CLI::App& app, Action& chosen) {
  const auto [command, flags] = AddCommand(
      app, chosen,
      {.name = "set",
       .description = "Set a key; makes the database if the directory is absent or empty",
       .example = "nokv set --workdir ./nokv-data --ttl 24h user:1 alice"},
      Set);
  AddKeyFlags(command, flags);
  AddSystemFlag(command, flags);
  command.add_option("--ttl", flags.ttl, "Time after which the key is gone: 500ms, 30s, 90m, 24h")
      ->type_name("TIME");
  AddKeyArgument(command, flags);
  CLI::Option* value =
      command.add_option("value", flags.value, "Value, taken as it is")->type_name("");
  CLI::Option* file =
      command
          .add_option("--value-file", flags.value_file, "Read the value from a file (- : stdin)")
          ->type_name("FILE");
  value->excludes(file);
}

}  // namespace nokv::cli
