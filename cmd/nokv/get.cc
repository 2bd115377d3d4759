#include "cmd/nokv/command.h"
#include "cmd/nokv/layout.h"
#include "cmd/nokv/text.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <unistd.h>

namespace nokv::cli {
namespace {

void PrintJson(const CommonFlags& flags, std::string_view key, const std::string* value,
               uint64_t expiry_ms) {
  nlohmann::ordered_json out;
  out["column_family"] = flags.column_family;
  out["key"] = KeyToText(flags, key);
  out["found"] = value != nullptr;
  if (value != nullptr) {
    PutValue(out, flags, "value", *value);
    out["value_bytes"] = value->size();
    out["expiry_ms"] = expiry_ms;
  }
  PrintLine(JsonText(out));
}

// The bytes and nothing else, so that a redirection holds the value; a person at a terminal gets a
// line end.
void PrintRaw(const CommonFlags& flags, const std::string& value) {
  Print(flags.hex ? ToHex(value) : value);
  if (flags.hex || isatty(STDOUT_FILENO) != 0) Print("\n");
}

absl::Status Get(const CommonFlags& flags) {
  ASSIGN_OR_RETURN(const std::string key, KeyFromText(flags, flags.key));
  ASSIGN_OR_RETURN(const std::unique_ptr<DB> db, OpenReadOnly(flags.workdir));
  // One state for the value and its expiry: nobody else writes, but time passes.
  const std::unique_ptr<Snapshot> snapshot = db->NewSnapshot();
  ReadOptions options;
  options.snapshot = snapshot.get();
  ASSIGN_OR_RETURN(options.column_family, FindFamily(*db, flags.column_family));

  std::string value;
  uint64_t expiry_ms = 0;
  ASSIGN_OR_RETURN(bool found, db->Get(options, key, &value));
  if (found) {
    ASSIGN_OR_RETURN(found, db->GetExpiry(options, key, &expiry_ms));
  }

  if (flags.json) {
    PrintJson(flags, key, found ? &value : nullptr, expiry_ms);
  } else if (found) {
    PrintRaw(flags, value);
  }
  if (found) return absl::OkStatus();
  return WithHint(NotFoundError("key {} is not there", KeyToText(flags, key)),
                  "`nokv scan --prefix` shows which keys are");
}

}  // namespace

void AddGet(CLI::App& app, Action& chosen) {
  const auto [command, flags] =
      AddCommand(app, chosen,
                 {.name = "get",
                  .description = "Print the value of a key: its bytes and nothing else",
                  .example = "nokv get --workdir ./nokv-data user:1"},
                 Get);
  AddKeyFlags(command, flags);
  AddKeyArgument(command, flags);
}

}  // namespace nokv::cli
