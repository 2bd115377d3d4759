// A database of this process.
#include "cmd/directory_owner.h"
#include "cmd/nokv-redis/modes.h"
#include "gateway/backend/embedded.h"

#include <spdlog/spdlog.h>

namespace nokv::redis {
namespace {

Options EngineOptions(const Settings& settings) {
  Options options;
  options.directory = settings.workdir;
  options.durability = settings.durability;
  options.memory_bytes = settings.memory_bytes;
  return options;
}

// What the failure to open the database leaves the user to do.
std::string_view AdviceFor(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kNotFound:
      return "make the directory above it first, or give another --workdir";
    case absl::StatusCode::kAlreadyExists:
      return "a file is in the way: give a directory with --workdir";
    case absl::StatusCode::kFailedPrecondition:
      return "give this process a --workdir of its own";
    case absl::StatusCode::kDataLoss:
      return "keep a copy of the directory as it is, then restore it from a checkpoint";
    case absl::StatusCode::kUnimplemented:
      return "use the nokv-redis of the version that wrote the directory, or a newer one";
    case absl::StatusCode::kResourceExhausted:
      return "free space on the disk, then start again";
    case absl::StatusCode::kPermissionDenied:
      return "or give a --workdir that this user may read and write";
    default:
      return "if the message does not help, look into the system's log for errors of the disk";
  }
}

absl::StatusOr<std::unique_ptr<DB>> OpenUsersOwn(const Options& options, RecoveryReport* report) {
  RETURN_IF_ERROR(CheckIsNoClusters(options));
  return DB::Open(options, report);
}

absl::StatusOr<std::unique_ptr<DB>> OpenDatabase(const Settings& settings, RecoveryReport* report) {
  absl::StatusOr<std::unique_ptr<DB>> db = OpenUsersOwn(EngineOptions(settings), report);
  if (db.ok()) return db;
  const std::string text =
      fmt::format("{}; {}", StdView(db.status().message()), AdviceFor(db.status().code()));
  return absl::Status(db.status().code(), AbslView(text));
}

std::string ReadyText(const Settings& settings, const RecoveryReport& report) {
  return fmt::format("data in {}, recovered {} {} in {:.2f} s", settings.workdir,
                     report.records_replayed, report.records_replayed == 1 ? "record" : "records",
                     report.seconds);
}

absl::Status CheckTakesWrites(DB& db) {
  const Stats stats = db.GetStats();
  if (!stats.read_only) return absl::OkStatus();
  return FailedPreconditionError("read-only: {}", stats.read_only_cause);
}

}  // namespace

absl::Status ServeEmbedded(const Settings& settings) {
  RecoveryReport report;
  ASSIGN_OR_RETURN(const std::unique_ptr<DB> db, OpenDatabase(settings, &report));
  if (report.bytes_cut > 0) {
    spdlog::warn("recovery cut {} bytes ({} whole records) at {}: they were never acknowledged",
                 report.bytes_cut, report.records_cut, report.cut_position);
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<backend::EmbeddedBackend> backend,
                   backend::EmbeddedBackend::Create(*db, SystemClock()));
  RETURN_IF_ERROR(
      ServeClients(settings, {.backend = *backend,
                              .db = db.get(),
                              .durability = settings.durability == Durability::kPower ? "L2" : "L1",
                              .ready = ReadyText(settings, report),
                              .readiness = [&db] { return CheckTakesWrites(*db); }}));
  spdlog::info("stopping: the round is finished, the database is being closed");
  return absl::OkStatus();
}

}  // namespace nokv::redis
