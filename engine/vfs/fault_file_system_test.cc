#include "engine/vfs/fault_file_system.h"

#include "engine/vfs/mem_file_system.h"

#include <catch2/catch.hpp>

#include <array>
#include <memory>
#include <string>
#include <vector>

namespace nokv::vfs {
namespace {

std::string Contents(const FileSystem& files, const std::string& path) {
  auto bytes = ReadFile(files, path, 1 << 20);
  return bytes.ok() ? *std::move(bytes) : std::string(bytes.status().message());
}

absl::Status Eio() { return InternalError("planned I/O error"); }

TEST_CASE("without faults everything passes and is counted", "[vfs][fault]") {
  MemFileSystem memory;
  FaultFileSystem files(memory);
  REQUIRE(ReplaceFile(files, "a", "bytes").ok());
  REQUIRE(Contents(files, "a") == "bytes");
  // remove, create, append, sync, rename, directory sync
  REQUIRE(files.mutation_count() == 6);
  REQUIRE(files.count(OperationKind::kAppend) == 1);
  REQUIRE(files.count(OperationKind::kOpen) == 1);
  REQUIRE(files.count(OperationKind::kRead) == 1);
}

TEST_CASE("the nth operation of a kind fails, once, and does nothing", "[vfs][fault]") {
  MemFileSystem memory;
  FaultFileSystem files(memory);
  auto file = files.Create("a");
  files.FailNth(OperationKind::kAppend, 2, Eio());
  REQUIRE((*file)->Append("1").ok());
  REQUIRE((*file)->Append("2") == Eio());
  REQUIRE((*file)->Append("3").ok());
  REQUIRE(Contents(memory, "a") == "13");

  files.FailAll(OperationKind::kSync, Eio());
  REQUIRE_FALSE((*file)->Sync().ok());
  REQUIRE_FALSE((*file)->Sync().ok());
  files.ClearFaults();
  REQUIRE((*file)->Sync().ok());
}

TEST_CASE("each kind of operation can be failed before it does anything", "[vfs][fault]") {
  MemFileSystem memory;
  REQUIRE(memory.Create("a").value()->Append("old").ok());
  FaultFileSystem files(memory);
  auto append = files.OpenAppend("a");
  auto read = files.OpenRead("a");
  auto segment = files.CreateSegment("s", {.capacity_bytes = 4096});
  REQUIRE(segment.ok());
  const std::string before = memory.Dump();
  files.SetHook([](const Operation&) { return FaultAction::Fail(Eio()); });

  const std::array<std::string_view, 1> pieces = {"x"};
  std::string scratch;
  char buffer[1];
  REQUIRE((*append)->Append("x") == Eio());
  REQUIRE((*append)->Sync() == Eio());
  REQUIRE((*read)->Read(0, 1, buffer) == Eio());
  REQUIRE((*segment)->Write(0, pieces) == Eio());
  REQUIRE((*segment)->Sync() == Eio());
  REQUIRE((*segment)->Truncate(0) == Eio());
  REQUIRE((*segment)->Read(0, 1, &scratch).status() == Eio());
  REQUIRE(files.Create("b").status() == Eio());
  REQUIRE(files.OpenAppend("a").status() == Eio());
  REQUIRE(files.OpenRead("a").status() == Eio());
  REQUIRE(files.CreateSegment("t", {.capacity_bytes = 4096}).status() == Eio());
  REQUIRE(files.OpenSegment("s", {.capacity_bytes = 8192}).status() == Eio());
  REQUIRE(files.OpenSegment("s", {.read_only = true}).status() == Eio());
  REQUIRE(files.Rename("a", "b") == Eio());
  REQUIRE(files.Remove("a") == Eio());
  REQUIRE(files.Link("a", "b") == Eio());
  REQUIRE(files.LinkCount("a").status() == Eio());
  REQUIRE(files.CreateDirectory("d") == Eio());
  REQUIRE(files.SyncDirectory(".") == Eio());
  REQUIRE(files.List(".").status() == Eio());
  REQUIRE(files.FileSize("a").status() == Eio());
  REQUIRE(files.Lock("LOCK").status() == Eio());
  REQUIRE(files.FreeBytes(".").status() == Eio());
  REQUIRE(memory.Dump() == before);
  for (size_t kind = 0; kind < kOperationKinds; ++kind) {
    INFO(Name(static_cast<OperationKind>(kind)));
    REQUIRE(files.count(static_cast<OperationKind>(kind)) > 0);
  }
}

TEST_CASE("a short write leaves its first bytes", "[vfs][fault]") {
  MemFileSystem memory;
  FaultFileSystem files(memory);
  auto file = files.Create("a");
  auto segment = files.CreateSegment("s", {.capacity_bytes = 4096});
  files.SetHook([](const Operation& operation) {
    return FaultAction::Short(operation.size_bytes / 2, ResourceExhaustedError("planned"));
  });
  REQUIRE(absl::IsResourceExhausted((*file)->Append("abcdef")));
  REQUIRE(Contents(memory, "a") == "abc");
  const std::array<std::string_view, 3> pieces = {"ab", "cd", "ef"};
  REQUIRE(absl::IsResourceExhausted((*segment)->Write(0, pieces)));
  REQUIRE(Contents(memory, "s").substr(0, 6) == std::string("abc\0\0\0", 6));
  REQUIRE(absl::IsResourceExhausted(files.Remove("a")));  // Nothing of it can be done in part.
  REQUIRE(memory.Exists("a"));
}

TEST_CASE("an operation can be done and fail all the same", "[vfs][fault]") {
  MemFileSystem memory;
  FaultFileSystem files(memory);
  files.SetHook([](const Operation&) { return FaultAction::PerformThenFail(Eio()); });
  REQUIRE(files.Create("a").status() == Eio());
  REQUIRE(memory.Exists("a"));
  REQUIRE(files.Rename("a", "b") == Eio());
  REQUIRE(memory.Exists("b"));
  REQUIRE(absl::IsNotFound(files.Remove("a")));  // Its own failure is the truer one.
}

TEST_CASE("the hook sees kind, path, size and numbers", "[vfs][fault]") {
  MemFileSystem memory;
  FaultFileSystem files(memory);
  std::vector<std::string> seen;
  files.SetHook([&](const Operation& operation) {
    seen.push_back(fmt::format("{} {} {} {} {}", Name(operation.kind), operation.path,
                               operation.size_bytes, operation.nth_of_kind, operation.mutation));
    return FaultAction::Pass();
  });
  REQUIRE(ReplaceFile(files, "a", "bytes").ok());
  REQUIRE(Contents(files, "a") == "bytes");
  REQUIRE(seen == std::vector<std::string>{"remove a.tmp 0 1 1", "create a.tmp 0 1 2",
                                           "append a.tmp 5 1 3", "sync a.tmp 0 1 4",
                                           "rename a 0 1 5", "directory sync . 0 1 6",
                                           "open a 0 1 0", "read a 5 1 0"});
}

TEST_CASE("a crash at every mutation of a replacement leaves the old file or the new",
          "[vfs][fault]") {
  MemFileSystem start;
  REQUIRE(ReplaceFile(start, "a", "old").ok());
  uint64_t old_count = 0;
  uint64_t new_count = 0;
  for (uint64_t mutation = 1; mutation <= 7; ++mutation) {
    for (uint64_t seed = 1; seed <= 20; ++seed) {
      INFO("mutation " << mutation << " seed " << seed);
      auto memory = start.Clone();
      FaultFileSystem files(*memory);
      bool crashed = false;
      files.CrashAt({.mutation = mutation, .short_bytes = 1, .then = [&] {
                       crashed = true;
                       Random random(seed);
                       memory->PowerCut(random, PowerCutMode::kRandom);
                     }});
      const absl::Status status = ReplaceFile(files, "a", "new");
      REQUIRE(crashed == (mutation < 7));
      REQUIRE(status.ok() == !crashed);
      REQUIRE(files.dead() == crashed);
      const std::string after = Contents(*memory, "a");
      REQUIRE((after == "old" || after == "new"));
      if (!crashed) REQUIRE(after == "new");
      ++(after == "old" ? old_count : new_count);
    }
  }
  REQUIRE(old_count > 20);
  REQUIRE(new_count > 20);
}

TEST_CASE("a killed program changes nothing any more", "[vfs][fault]") {
  MemFileSystem memory;
  FaultFileSystem files(memory);
  auto file = files.Create("a");
  files.Kill();
  REQUIRE_FALSE((*file)->Append("x").ok());
  REQUIRE_FALSE(files.Remove("a").ok());
  REQUIRE_FALSE(files.OpenRead("a").ok());
  REQUIRE(files.mutation_count() == 1);
  REQUIRE(Contents(memory, "a").empty());
}

}  // namespace
}  // namespace nokv::vfs
