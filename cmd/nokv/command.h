// What the subcommands of `nokv` share: flags, opening the directory, errors with a way out.
//
// A command is one file: Add<Name>() declares its flags and its example; when the whole command
// line has been understood, `chosen` holds what to do. A command returns a status and never exits.
// Its message may have further lines: what the user can do next.
//
// Thread-safety: none; the program has one thread of its own.
#pragma once

#include "engine/base/status.h"
#include "engine/db.h"

#include <nlohmann/json_fwd.hpp>

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace CLI {  // NOLINT(readability-identifier-naming): CLI11's name.
class App;
}

namespace nokv::cli {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailure = 1;  // It did not work, or damage was found.
inline constexpr int kExitUsage = 2;    // The command line makes no sense.

using Action = std::function<absl::Status()>;

void AddStats(CLI::App& app, Action& chosen);
void AddManifest(CLI::App& app, Action& chosen);
void AddVlog(CLI::App& app, Action& chosen);
void AddVerify(CLI::App& app, Action& chosen);
void AddGet(CLI::App& app, Action& chosen);
void AddScan(CLI::App& app, Action& chosen);
void AddSet(CLI::App& app, Action& chosen);
void AddDel(CLI::App& app, Action& chosen);
void AddCheckpoint(CLI::App& app, Action& chosen);
void AddCompact(CLI::App& app, Action& chosen);

// The commands of a cluster; none in a build without it.
void AddClusterCommands(CLI::App& app, Action& chosen);

void AddRegions(CLI::App& app, Action& chosen);
void AddKv(CLI::App& app, Action& chosen);
void AddPd(CLI::App& app, Action& chosen);
void AddServe(CLI::App& app, Action& chosen);

// Flags that several commands have. Each command declares those that it obeys.
struct CommonFlags {
  std::string workdir;
  std::string column_family = "default";
  std::string key;  // As typed: see KeyFromText().
  bool json = false;
  bool hex = false;
  bool system = false;
};

struct CommandText {
  std::string name;
  std::string description;
  std::string example;  // Ends the help.
};

// A subcommand without flags; `is_called` runs when the whole command line has been understood.
CLI::App& AddBareCommand(CLI::App& app, const CommandText& text, std::function<void()> is_called);

// For CLI11's check() of whole numbers of 64 bits: its parser takes a minus sign, and what is too
// large for the largest number there is. Empty, or what is wrong.
std::string CheckWhole(const std::string& text);

void AddWorkdirFlag(CLI::App& command, CommonFlags& flags);
void AddJsonFlag(CLI::App& command, CommonFlags& flags);

// A command that was added, to give it further flags.
template <typename Flags>
struct Command {
  CLI::App& app;
  Flags& flags;
};

// A subcommand with --workdir and --json, which does `run` with its flags.
template <typename Flags>
Command<Flags> AddCommand(CLI::App& app, Action& chosen, const CommandText& text,
                          absl::Status (*run)(const Flags&)) {
  auto flags = std::make_shared<Flags>();
  CLI::App& command = AddBareCommand(
      app, text, [flags, run, &chosen] { chosen = [flags, run] { return run(*flags); }; });
  AddWorkdirFlag(command, *flags);
  AddJsonFlag(command, *flags);
  return {command, *flags};
}

void AddKeyFlags(CLI::App& command, CommonFlags& flags);  // --cf and --hex.
void AddKeyArgument(CLI::App& command, CommonFlags& flags);
void AddSystemFlag(CLI::App& command, CommonFlags& flags);

// Changes nothing in the directory. The errors say what to do next.
absl::StatusOr<std::unique_ptr<DB>> OpenReadOnly(const std::string& workdir,
                                                 RecoveryReport* report = nullptr);

enum class IfMissing { kFail, kCreate };

// For writing. kCreate makes a database only where there is nothing: a directory that holds
// somebody else's files is refused.
absl::StatusOr<std::unique_ptr<DB>> OpenWritable(const std::string& workdir, IfMissing if_missing);

// Whether the directory that `flag` names could be made: it has a name, and a directory above it.
absl::Status CheckCanBeMade(const std::string& directory, std::string_view flag);

// NotFound lists the families that there are.
absl::StatusOr<ColumnFamilyHandle> FindFamily(DB& db, const std::string& name);

// The key that the user means by `text`: escaped, or hex digits with --hex.
absl::StatusOr<std::string> KeyFromText(const CommonFlags& flags, const std::string& text);

// The same key as a person can read it and type it again.
std::string KeyToText(const CommonFlags& flags, std::string_view key);

// InvalidArgument for keys that belong to the system, unless --system allows them.
absl::Status CheckKeyMayChange(const CommonFlags& flags, std::string_view key);

// FailedPrecondition for the directory of a store or a placement driver: it changes through the
// cluster only. To be asked before OpenWritable, which already writes.
absl::Status CheckIsUsersOwn(const std::string& workdir);

// Adds `name`, and `name`_encoding: "utf8" if the bytes may stand in JSON as they are, else
// "base64"; "hex" with --hex.
void PutValue(nlohmann::ordered_json& object, const CommonFlags& flags, std::string_view name,
              std::string_view bytes);

// The status with a further line in its message, for the user to go on.
absl::Status WithHint(const absl::Status& status, std::string_view hint);

// The same for the failure to open a daemon's directory. `if_taken` is the hint if it is somebody
// else's, `if_damaged` if it is damaged.
absl::Status WithDaemonHint(const absl::Status& status, std::string_view if_taken,
                            std::string_view if_damaged);

}  // namespace nokv::cli
