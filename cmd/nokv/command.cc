#include "cmd/nokv/command.h"

#include "cmd/directory_owner.h"
#include "cmd/nokv/text.h"
#include "engine/vfs/file_system.h"

#include <CLI/CLI.hpp>
#include <absl/strings/escaping.h>
#include <nlohmann/json.hpp>

#include <charconv>
#include <utility>

namespace nokv::cli {
namespace {

// Keys from this byte on hold what is not the user's own: Redis data, metadata.
constexpr char kFirstSystemByte = '\xff';

// The commands look at one state and leave; they need little of the memory a server would take.
constexpr uint64_t kMemoryBytes = 64ull << 20;

// What the failure to open `workdir` leaves the user to do.
std::string HintForOpen(const absl::Status& status, const std::string& workdir) {
  switch (status.code()) {
    case absl::StatusCode::kNotFound:
      return "this is not a database; give the directory of one with --workdir (`nokv set` makes "
             "one where there is nothing)";
    case absl::StatusCode::kFailedPrecondition:
      return "stop the process that uses the directory first, or give a checkpoint of it";
    case absl::StatusCode::kDataLoss:
      return fmt::format(
          "keep a copy of {} as it is, then restore it from a checkpoint or another replica",
          workdir);
    case absl::StatusCode::kUnimplemented:
      return "use the `nokv` of the version that wrote the directory, or a newer one";
    case absl::StatusCode::kResourceExhausted:
      return "free space on the disk, then try again";
    case absl::StatusCode::kPermissionDenied:
      return "looking takes the lock too, so the directory and its files must be yours to read and "
             "write";
    default:
      return "if the message does not help, look into the system's log for errors of the disk";
  }
}

absl::StatusOr<std::unique_ptr<DB>> OpenWithHint(const Options& options, RecoveryReport* report) {
  absl::StatusOr<std::unique_ptr<DB>> db = DB::Open(options, report);
  if (db.ok()) return db;
  return WithHint(db.status(), HintForOpen(db.status(), options.directory));
}

absl::Status CheckIsDirectory(const std::string& workdir) {
  constexpr const char* kHint = "give the directory of a database with --workdir, one you may read";
  const vfs::FileSystem& files = vfs::PosixFileSystem();
  if (workdir.empty()) return WithHint(InvalidArgumentError("--workdir is empty"), kHint);
  if (!files.Exists(workdir)) {
    return WithHint(NotFoundError("directory {} is not there", workdir), kHint);
  }
  const auto names = files.List(workdir);
  return names.ok() ? absl::OkStatus() : WithHint(names.status(), kHint);
}

// No directory at all, or one with nothing in it.
bool IsVacant(const std::string& workdir) {
  const vfs::FileSystem& files = vfs::PosixFileSystem();
  if (!files.Exists(workdir)) return true;
  const auto names = files.List(workdir);
  return names.ok() && names->empty();
}

}  // namespace

CLI::App& AddBareCommand(CLI::App& app, const CommandText& text, std::function<void()> is_called) {
  CLI::App* command = app.add_subcommand(text.name, text.description);
  command->footer("Example:\n  " + text.example);
  command->callback(std::move(is_called));
  return *command;
}

std::string CheckWhole(const std::string& text) {
  uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [parsed, error] = std::from_chars(text.data(), end, number);
  const bool is_whole = error == std::errc() && parsed == end;
  return is_whole ? "" : fmt::format("\"{}\" is not a whole number such as 100", text);
}

void AddWorkdirFlag(CLI::App& command, CommonFlags& flags) {
  command.add_option("--workdir", flags.workdir, "Directory of the database")
      ->required()
      ->type_name("DIR");
}

void AddJsonFlag(CLI::App& command, CommonFlags& flags) {
  command.add_flag("--json", flags.json, "Print JSON");
}

void AddKeyFlags(CLI::App& command, CommonFlags& flags) {
  command.add_option("--cf", flags.column_family, "Column family")
      ->capture_default_str()
      ->type_name("NAME");
  command.add_flag("--hex", flags.hex, "Take and print keys and values as hex digits");
}

void AddKeyArgument(CLI::App& command, CommonFlags& flags) {
  command.add_option("key", flags.key, R"(Key; \xHH for a byte, \\ for a backslash)")
      ->required()
      ->type_name("");
}

void AddSystemFlag(CLI::App& command, CommonFlags& flags) {
  command.add_flag("--system", flags.system,
                   "Allow keys that begin with byte FF: they hold Redis data and metadata");
}

absl::StatusOr<std::unique_ptr<DB>> OpenReadOnly(const std::string& workdir,
                                                 RecoveryReport* report) {
  RETURN_IF_ERROR(CheckIsDirectory(workdir));
  Options options;
  options.directory = workdir;
  options.create_if_missing = false;
  options.read_only = true;
  options.background_work = false;
  options.memory_bytes = kMemoryBytes;
  return OpenWithHint(options, report);
}

absl::StatusOr<std::unique_ptr<DB>> OpenWritable(const std::string& workdir, IfMissing if_missing) {
  Options options;
  options.directory = workdir;
  options.create_if_missing = if_missing == IfMissing::kCreate && IsVacant(workdir);
  options.memory_bytes = kMemoryBytes;
  RETURN_IF_ERROR(options.create_if_missing ? CheckCanBeMade(workdir, "--workdir")
                                            : CheckIsDirectory(workdir));
  return OpenWithHint(options, nullptr);
}

absl::Status CheckCanBeMade(const std::string& directory, std::string_view flag) {
  if (directory.empty()) {
    return WithHint(InvalidArgumentError("{} is empty", flag),
                    fmt::format("give a directory with {}", flag));
  }
  const size_t name_end = directory.find_last_not_of('/') + 1;
  const std::string parent(vfs::DirectoryOf(std::string_view(directory).substr(0, name_end)));
  if (vfs::PosixFileSystem().Exists(parent)) return absl::OkStatus();
  return WithHint(
      NotFoundError("directory {} is not there, so {} can't be made", parent, directory),
      fmt::format("make it first, or give another directory with {}", flag));
}

absl::StatusOr<ColumnFamilyHandle> FindFamily(DB& db, const std::string& name) {
  absl::StatusOr<ColumnFamilyHandle> family = db.FindColumnFamily(name);
  if (family.status().code() != absl::StatusCode::kNotFound) return family;
  std::string names;
  for (const auto& [other, handle] : db.ListColumnFamilies()) {
    names += (names.empty() ? "" : ", ") + Escape(other);
  }
  return WithHint(NotFoundError("column family \"{}\" is not there", Escape(name)),
                  "give one of these with --cf: " + names);
}

absl::StatusOr<std::string> KeyFromText(const CommonFlags& flags, const std::string& text) {
  return flags.hex ? FromHex(text) : Unescape(text);
}

std::string KeyToText(const CommonFlags& flags, std::string_view key) {
  return flags.hex ? ToHex(key) : Escape(key);
}

absl::Status CheckKeyMayChange(const CommonFlags& flags, std::string_view key) {
  if (flags.system || key.empty() || key.front() != kFirstSystemByte) return absl::OkStatus();
  return WithHint(InvalidArgumentError("key {} belongs to the system: it begins with byte FF",
                                       KeyToText(flags, key)),
                  "change Redis data through `nokv-redis`; --system does it here, unchecked");
}

absl::Status CheckIsUsersOwn(const std::string& workdir) {
  Options options;
  options.directory = workdir;
  options.memory_bytes = kMemoryBytes;
  const absl::Status status = CheckIsNoClusters(options);
  if (status.ok()) return status;
  return WithHint(status,
                  "change the key in the running cluster, with `nokv kv` or through `nokv-redis`");
}

void PutValue(nlohmann::ordered_json& object, const CommonFlags& flags, std::string_view name,
              std::string_view bytes) {
  const std::string key(name);
  const std::string encoding_key = key + "_encoding";
  if (flags.hex) {
    object[key] = ToHex(bytes);
    object[encoding_key] = "hex";
  } else if (IsUtf8(bytes)) {
    object[key] = std::string(bytes);
    object[encoding_key] = "utf8";
  } else {
    object[key] = absl::Base64Escape(AbslView(bytes));
    object[encoding_key] = "base64";
  }
}

absl::Status WithHint(const absl::Status& status, std::string_view hint) {
  return absl::Status(status.code(),
                      AbslView(fmt::format("{}\n{}", StdView(status.message()), hint)));
}

absl::Status WithDaemonHint(const absl::Status& status, std::string_view if_taken,
                            std::string_view if_damaged) {
  switch (status.code()) {
    case absl::StatusCode::kNotFound:
      return WithHint(status, "make the directory above it first, or give another --workdir");
    case absl::StatusCode::kAlreadyExists:
      return WithHint(status, "a file is in the way: give a directory with --workdir");
    case absl::StatusCode::kPermissionDenied:
      return WithHint(status, "or give a --workdir that this user may read and write");
    case absl::StatusCode::kFailedPrecondition:
      return WithHint(status, if_taken);
    case absl::StatusCode::kDataLoss:
      return WithHint(status, if_damaged);
    case absl::StatusCode::kUnimplemented:
      return WithHint(status, "use the `nokv` of the version that wrote the directory, or newer");
    case absl::StatusCode::kResourceExhausted:
      return WithHint(status, "free space on the disk, then start again");
    default:
      return status;
  }
}

}  // namespace nokv::cli
