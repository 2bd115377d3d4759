// Kills a real process under load, again and again in the same directory, and looks for what it
// acknowledged.
#include "engine/base/random.h"
#include "engine/db.h"
#include "engine/vfs/scratch_directory.h"
#include "tests/engine/crash_explorer.h"
#include "tests/engine/kill_load.h"
#include "tests/engine/model.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <array>
#include <csignal>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

namespace nokv::tests {
namespace {

// What one writer should have left: the state after its last acknowledged step.
struct WriterModel {
  State state;
  uint64_t step = 0;

  void AdvanceTo(uint64_t target, int writer) {
    while (step < target) state.Apply(LoadStep(writer, ++step));
  }
};

using Models = std::array<WriterModel, kWriters>;

std::pair<pid_t, int> Start(const std::string& directory, const Models& models) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  std::array<std::string, kWriters> steps;
  for (int i = 0; i < kWriters; ++i) steps[i] = std::to_string(models[i].step);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::dup2(ends[1], STDOUT_FILENO);
    ::close(ends[0]);
    ::close(ends[1]);
    ::execl(NOKV_KILL_WRITER, NOKV_KILL_WRITER, directory.c_str(), steps[0].c_str(),
            steps[1].c_str(), steps[2].c_str(), nullptr);
    ::_exit(127);
  }
  ::close(ends[1]);
  return {child, ends[0]};
}

// Lets the process write until `count` acknowledgements came, kills it, and moves the models to
// what it acknowledged. Returns how many steps that were.
uint64_t RunAndKill(const std::string& directory, uint64_t count, Models& models) {
  const auto [child, pipe] = Start(directory, models);
  uint64_t received = 0;
  bool is_killed = false;
  for (;;) {
    if (received >= count && !is_killed) {
      ::kill(child, SIGKILL);
      is_killed = true;
    }
    Acknowledgement acknowledgement{};
    const ssize_t got = ::read(pipe, &acknowledgement, sizeof(acknowledgement));
    if (got == 0) break;
    REQUIRE(got == static_cast<ssize_t>(sizeof(acknowledgement)));
    const auto writer = static_cast<int>(acknowledgement.writer);
    models[writer].AdvanceTo(acknowledgement.step, writer);
    ++received;
  }
  ::close(pipe);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(is_killed);  // Else it ended by itself, and says why on standard error.
  return received;
}

// Each writer's rows are those after its last acknowledged step, or after the one it was in.
void ExpectEverything(const std::string& directory, Models& models) {
  Options options;
  options.directory = directory;
  options.background_work = false;
  auto db = DB::Open(options);
  REQUIRE(db.status().ToString() == "OK");
  const auto contents = ReadEverything(**db);
  REQUIRE(contents.status().ToString() == "OK");
  const Rows& rows = contents->state.rows({});
  size_t row_count = 0;
  for (int i = 0; i < kWriters; ++i) {
    State found;
    for (auto row = rows.lower_bound(WriterPrefix(i));
         row != rows.end() && row->first.starts_with(WriterPrefix(i)); ++row, ++row_count) {
      found.Apply(Change{ChangeKind::kSet, {}, 0, row->first, *row->second.value});
    }
    const std::string missing = Difference(models[i].state, found);
    if (missing.empty()) continue;
    models[i].AdvanceTo(models[i].step + 1, i);
    const std::string also_missing = Difference(models[i].state, found);
    INFO("writer " << i << " after step " << models[i].step - 1 << ":\n"
                   << missing << "and after the next:\n"
                   << also_missing);
    REQUIRE(also_missing.empty());
  }
  REQUIRE(rows.size() == row_count);
  REQUIRE((*db)->Verify().ToString() == "OK");
}

TEST_CASE("a killed process loses nothing that it acknowledged", "[engine][crash][kill]") {
  const uint64_t kills = Scale() == 1 ? 8 : 100;
  const uint64_t seed = EntropySeed();
  fmt::print("seed {}\n", seed);
  Random random(seed);
  const vfs::ScratchDirectory scratch;
  const std::string directory = scratch.Path("db");
  Models models;
  uint64_t acknowledged = 0;
  for (uint64_t kill = 0; kill < kills; ++kill) {
    // Now and then soon after the start, or inside the recovery.
    const uint64_t count = kill % 4 == 3 ? random.Uniform(20) : random.Uniform(6000);
    acknowledged += RunAndKill(directory, count, models);
    INFO("seed " << seed << ", kill " << kill << " after " << count << " acknowledgements");
    ExpectEverything(directory, models);
  }
  fmt::print("{} kills, {} acknowledged writes\n", kills, acknowledged);
}

}  // namespace
}  // namespace nokv::tests
