// The process that kill_test kills: kill_writer DIRECTORY STEP0 STEP1 ...
//
// One writer for each STEP goes on after that step for ever, and says so on standard output after
// each acknowledgement; a further task flushes, compacts, collects and takes checkpoints beside
// them. Ends by being killed, or with status 1 and a message when the database reports an error.
#include "engine/base/executor.h"
#include "engine/db.h"
#include "engine/vfs/file_system.h"
#include "tests/engine/kill_load.h"

#include <fmt/format.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <unistd.h>

namespace nokv::tests {
namespace {

[[noreturn]] void Die(const absl::Status& status) {
  const std::string text = "kill_writer: " + status.ToString() + "\n";
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
  ::_exit(1);
}

void Must(const absl::Status& status) {
  if (!status.ok()) Die(status);
}

void WriteForEver(DB& db, int writer, uint64_t step) {
  for (;;) {
    ++step;
    const Durability level = IsPowerStep(writer, step) ? Durability::kPower : Durability::kProcess;
    Must(db.Write(LoadStep(writer, step), {.durability = level}));
    const Acknowledgement acknowledgement{static_cast<uint64_t>(writer), step};
    const ssize_t written = ::write(STDOUT_FILENO, &acknowledgement, sizeof(acknowledgement));
    if (written != static_cast<ssize_t>(sizeof(acknowledgement))) ::_exit(0);  // Nobody listens.
  }
}

void KeepUpForEver(DB& db, const std::string& directory) {
  vfs::FileSystem& files = vfs::PosixFileSystem();
  for (uint64_t round = 0;; ++round) {
    Must(db.Flush());
    if (round % 3 == 1) Must(db.CompactRange({}, "", ""));
    if (round % 3 == 2) Must(db.RunValueLogGC().status());
    if (round % 8 != 4) continue;
    const std::string copy = fmt::format("{}-copy-{}-{}", directory, ::getpid(), round);
    Must(db.Checkpoint(copy));
    const auto names = files.List(copy);
    Must(names.status());
    for (const std::string& name : *names) Must(files.Remove(vfs::JoinPath(copy, name)));
  }
}

Options LoadOptions(const std::string& directory) {
  Options options;
  options.directory = directory;
  options.memory_bytes = 2 << 20;
  options.segment_bytes_max = 1 << 20;
  options.log_distance_bytes_max = 4 << 20;
  options.table_bytes_target = 64 << 10;
  options.level_base_bytes = 256 << 10;
  options.reserve_bytes = 1 << 20;
  return options;
}

}  // namespace
}  // namespace nokv::tests

int main(int argc, char** argv) {
  using nokv::tests::kWriters;
  if (argc != 2 + kWriters) return 2;
  const std::string directory = argv[1];
  auto db = nokv::DB::Open(nokv::tests::LoadOptions(directory));
  if (!db.ok()) nokv::tests::Die(db.status());
  const std::unique_ptr<nokv::Executor> threads = nokv::NewThreadPool(kWriters + 1);
  for (int writer = 0; writer < kWriters; ++writer) {
    const uint64_t step = std::strtoull(argv[2 + writer], nullptr, 10);
    threads->Submit(nokv::Priority::kHigh,
                    [&db, writer, step] { nokv::tests::WriteForEver(**db, writer, step); });
  }
  threads->Submit(nokv::Priority::kLow, [&] { nokv::tests::KeepUpForEver(**db, directory); });
  for (;;) ::pause();
}
