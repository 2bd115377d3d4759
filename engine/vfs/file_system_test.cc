// What every file system promises, run over the machine's and the one in memory.
#include "engine/vfs/file_system.h"

#include "engine/base/random.h"
#include "engine/vfs/mem_file_system.h"
#include "engine/vfs/scratch_directory.h"

#include <catch2/catch.hpp>

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace nokv::vfs {
namespace {

// A file system and a fresh directory in it.
class World {
 public:
  virtual ~World() = default;
  virtual FileSystem& files() = 0;
  virtual std::string Path(std::string_view name) = 0;
};

class MachineWorld final : public World {
 public:
  FileSystem& files() override { return PosixFileSystem(); }

  std::string Path(std::string_view name) override { return directory_.Path(name); }

 private:
  ScratchDirectory directory_;
};

class MemWorld final : public World {
 public:
  MemWorld() { REQUIRE(files_.CreateDirectory("db").ok()); }

  FileSystem& files() override { return files_; }

  std::string Path(std::string_view name) override { return JoinPath("db", name); }

 private:
  MemFileSystem files_;
};

#define FOR_BOTH_WORLDS(name, tags) TEMPLATE_TEST_CASE(name, tags, MachineWorld, MemWorld)

void WriteFile(FileSystem& files, const std::string& path, std::string_view bytes) {
  auto file = files.Create(path);
  REQUIRE(file.ok());
  REQUIRE((*file)->Append(bytes).ok());
}

std::string Contents(const FileSystem& files, const std::string& path) {
  auto bytes = ReadFile(files, path, 1 << 24);
  INFO(bytes.status().ToString());
  REQUIRE(bytes.ok());
  return *std::move(bytes);
}

bool Mentions(const absl::Status& status, std::string_view text) {
  return StdView(status.message()).find(text) != std::string_view::npos;
}

std::string Digits(size_t size) {
  std::string text;
  for (size_t i = 0; i < size; ++i) text.push_back(static_cast<char>('0' + i % 10));
  return text;
}

FOR_BOTH_WORLDS("what was appended is read back", "[vfs]") {
  TestType world;
  const std::string path = world.Path("a");
  const std::string text = Digits(100'000);
  {
    auto file = world.files().Create(path);
    REQUIRE(file.ok());
    for (size_t at = 0; at < text.size(); at += 999) {
      REQUIRE((*file)->Append(std::string_view(text).substr(at, 999)).ok());
    }
    REQUIRE((*file)->Sync().ok());
  }
  REQUIRE(Contents(world.files(), path) == text);
  REQUIRE(world.files().FileSize(path).value() == text.size());
  REQUIRE(world.files().Create(path).status().code() == absl::StatusCode::kAlreadyExists);

  auto more = world.files().OpenAppend(path);
  REQUIRE(more.ok());
  REQUIRE((*more)->Append("more").ok());
  REQUIRE((*more)->Append("").ok());
  REQUIRE(Contents(world.files(), path) == text + "more");
}

FOR_BOTH_WORLDS("a read past the end names the file and the numbers", "[vfs]") {
  TestType world;
  const std::string path = world.Path("short");
  WriteFile(world.files(), path, "0123456789");
  auto file = world.files().OpenRead(path);
  REQUIRE(file.ok());
  REQUIRE((*file)->size_bytes() == 10);
  char buffer[16];
  REQUIRE((*file)->Read(4, 6, buffer).ok());
  REQUIRE(std::string_view(buffer, 6) == "456789");
  REQUIRE((*file)->Read(10, 0, buffer).ok());
  const absl::Status status = (*file)->Read(4, 7, buffer);
  REQUIRE(absl::IsDataLoss(status));
  REQUIRE(Mentions(status, path));
  REQUIRE(Mentions(status, "7"));
  REQUIRE(Mentions(status, "10"));
}

FOR_BOTH_WORLDS("a file that is not there is NotFound by every call", "[vfs]") {
  TestType world;
  FileSystem& files = world.files();
  const std::string path = world.Path("missing");
  REQUIRE_FALSE(files.Exists(path));
  REQUIRE(absl::IsNotFound(files.OpenRead(path).status()));
  REQUIRE(absl::IsNotFound(files.OpenAppend(path).status()));
  REQUIRE(absl::IsNotFound(files.OpenSegment(path, {.capacity_bytes = 4096}).status()));
  REQUIRE(absl::IsNotFound(files.Remove(path)));
  REQUIRE(absl::IsNotFound(files.Rename(path, world.Path("other"))));
  REQUIRE(absl::IsNotFound(files.Link(path, world.Path("other"))));
  REQUIRE(absl::IsNotFound(files.LinkCount(path).status()));
  REQUIRE(absl::IsNotFound(files.FileSize(path).status()));
  REQUIRE(absl::IsNotFound(files.List(path).status()));
  REQUIRE(absl::IsNotFound(files.SyncDirectory(path)));
  REQUIRE(absl::IsNotFound(files.Create(JoinPath(path, "below")).status()));
  REQUIRE(Mentions(files.Remove(path), path));
}

FOR_BOTH_WORLDS("a rename replaces its target, and readers of the old file go on", "[vfs]") {
  TestType world;
  FileSystem& files = world.files();
  const std::string from = world.Path("from");
  const std::string to = world.Path("to");
  WriteFile(files, from, "new");
  WriteFile(files, to, "old");
  auto reader = files.OpenRead(to);
  REQUIRE(reader.ok());
  REQUIRE(files.Rename(from, to).ok());
  REQUIRE_FALSE(files.Exists(from));
  REQUIRE(Contents(files, to) == "new");
  char buffer[3];
  REQUIRE((*reader)->Read(0, 3, buffer).ok());
  REQUIRE(std::string_view(buffer, 3) == "old");
  REQUIRE(files.Rename(to, to).ok());
  REQUIRE(Contents(files, to) == "new");
}

FOR_BOTH_WORLDS("links share bytes and are counted", "[vfs]") {
  TestType world;
  FileSystem& files = world.files();
  const std::string first = world.Path("first");
  const std::string second = world.Path("second");
  WriteFile(files, first, "shared");
  REQUIRE(files.LinkCount(first).value() == 1);
  REQUIRE(files.Link(first, second).ok());
  REQUIRE(files.LinkCount(first).value() == 2);
  REQUIRE(files.Link(first, second).code() == absl::StatusCode::kAlreadyExists);
  REQUIRE(files.Rename(first, second).ok());  // POSIX: two names of one file, nothing happens.
  REQUIRE(files.Exists(first));
  REQUIRE(files.Remove(first).ok());
  REQUIRE(files.LinkCount(second).value() == 1);
  REQUIRE(Contents(files, second) == "shared");
}

FOR_BOTH_WORLDS("a directory lists its files in order", "[vfs]") {
  TestType world;
  FileSystem& files = world.files();
  const std::string directory = world.Path("sub");
  REQUIRE(files.CreateDirectory(directory).ok());
  REQUIRE(files.CreateDirectory(directory).ok());
  REQUIRE(files.List(directory)->empty());
  for (const char* name : {"b", "a", "c"}) WriteFile(files, JoinPath(directory, name), name);
  REQUIRE(*files.List(directory) == std::vector<std::string>{"a", "b", "c"});
  REQUIRE(files.SyncDirectory(directory).ok());
  REQUIRE_FALSE(files.CreateDirectory(JoinPath(directory, "a")).ok());
}

FOR_BOTH_WORLDS("a file is replaced whole", "[vfs]") {
  TestType world;
  FileSystem& files = world.files();
  const std::string path = world.Path("CURRENT");
  REQUIRE(ReplaceFile(files, path, "one").ok());
  WriteFile(files, path + ".tmp", "left behind by a crash");
  REQUIRE(ReplaceFile(files, path, "two").ok());
  REQUIRE(Contents(files, path) == "two");
  REQUIRE_FALSE(files.Exists(path + ".tmp"));
  REQUIRE(absl::IsDataLoss(ReadFile(files, path, 2).status()));
  REQUIRE(absl::IsNotFound(ReadFile(files, path + "x", 2).status()));
}

FOR_BOTH_WORLDS("a lock is held once, also inside one process", "[vfs]") {
  TestType world;
  FileSystem& files = world.files();
  const std::string path = world.Path("LOCK");
  auto lock = files.Lock(path);
  REQUIRE(lock.ok());
  const absl::Status second = files.Lock(path).status();
  REQUIRE(absl::IsFailedPrecondition(second));
  REQUIRE(Mentions(second, path));
  REQUIRE(Mentions(second, "this process"));
  lock->reset();
  REQUIRE(files.Lock(path).ok());
}

FOR_BOTH_WORLDS("a segment has its capacity at once and keeps what is written", "[vfs]") {
  for (const bool map : {true, false}) {
    TestType world;
    FileSystem& files = world.files();
    const std::string path = world.Path("000001.log");
    const uint64_t capacity = 256 << 10;
    {
      auto segment = files.CreateSegment(path, {.capacity_bytes = capacity, .map = map});
      REQUIRE(segment.ok());
      REQUIRE(((*segment)->data() != nullptr) == map);
      REQUIRE((*segment)->capacity_bytes() == capacity);
      REQUIRE(files.FileSize(path).value() == capacity);
      REQUIRE(files.CreateSegment(path, {.capacity_bytes = capacity}).status().code() ==
              absl::StatusCode::kAlreadyExists);

      (*segment)->Prepare(0, 64 << 10);
      (*segment)->Prepare(capacity - 1, 1 << 20);  // Beyond the end: only a hint.
      const std::array<std::string_view, 4> pieces = {"head", "", "body", "tail"};
      REQUIRE((*segment)->Write(4090, pieces).ok());
      REQUIRE((*segment)->Write(capacity - 12, pieces).ok());
      REQUIRE((*segment)->Write(capacity, {}).ok());
      REQUIRE((*segment)->Sync().ok());
      std::string scratch;
      REQUIRE((*segment)->Read(4090, 12, &scratch).value() == "headbodytail");
      REQUIRE((*segment)->Read(4089, 1, &scratch).value() == std::string(1, '\0'));
      if (map) REQUIRE(std::string_view((*segment)->data() + 4094, 4) == "body");
      const absl::Status past = (*segment)->Read(capacity - 4, 5, &scratch).status();
      REQUIRE(absl::IsDataLoss(past));
      REQUIRE(Mentions(past, path));
      REQUIRE(absl::IsDataLoss((*segment)->Read(UINT64_MAX, 2, &scratch).status()));
    }
    auto segment = files.OpenSegment(path, {.read_only = true, .map = map});
    REQUIRE(segment.ok());
    std::string scratch;
    REQUIRE((*segment)->Read(capacity - 12, 12, &scratch).value() == "headbodytail");
    REQUIRE((*segment)->MappingStatus().ok());
    REQUIRE(Contents(files, path).substr(4090, 12) == "headbodytail");
  }
}

FOR_BOTH_WORLDS("many pieces are written as one run of bytes", "[vfs]") {
  for (const bool map : {true, false}) {
    TestType world;
    auto segment =
        world.files().CreateSegment(world.Path("s"), {.capacity_bytes = 8192, .map = map});
    REQUIRE(segment.ok());
    const std::string text = Digits(2000);
    std::vector<std::string_view> pieces;
    for (size_t at = 0, size = 0; at < text.size(); at += size, size = (size + 1) % 7) {
      pieces.push_back(std::string_view(text).substr(at, size));
    }
    REQUIRE((*segment)->Write(100, pieces).ok());
    std::string scratch;
    REQUIRE((*segment)->Read(100, text.size(), &scratch).value() == text);
  }
}

FOR_BOTH_WORLDS("a segment can be opened again to write on, and larger", "[vfs]") {
  for (const bool map : {true, false}) {
    TestType world;
    FileSystem& files = world.files();
    const std::string path = world.Path("s");
    const std::array<std::string_view, 1> old_bytes = {"old bytes"};
    const std::array<std::string_view, 1> new_bytes = {"new bytes"};
    {
      auto segment = files.CreateSegment(path, {.capacity_bytes = 8192, .map = map});
      REQUIRE((*segment)->Write(0, old_bytes).ok());
    }
    auto segment = files.OpenSegment(path, {.capacity_bytes = 64 << 10, .map = map});
    REQUIRE(segment.ok());
    REQUIRE((*segment)->capacity_bytes() == 64 << 10);
    REQUIRE((*segment)->Write(60'000, new_bytes).ok());
    std::string scratch;
    REQUIRE((*segment)->Read(0, 9, &scratch).value() == "old bytes");
    REQUIRE((*segment)->Read(60'000, 9, &scratch).value() == "new bytes");
    REQUIRE(
        files.OpenSegment(path, {.capacity_bytes = 4096, .map = map}).value()->capacity_bytes() ==
        64 << 10);
  }
}

FOR_BOTH_WORLDS("a truncated or removed segment stays readable below the cut", "[vfs]") {
  for (const bool map : {true, false}) {
    TestType world;
    FileSystem& files = world.files();
    const std::string path = world.Path("s");
    auto segment = files.CreateSegment(path, {.capacity_bytes = 1 << 20, .map = map});
    const std::array<std::string_view, 1> bytes = {"kept"};
    REQUIRE((*segment)->Write(4996, bytes).ok());
    REQUIRE((*segment)->Truncate(5000).ok());
    REQUIRE(files.FileSize(path).value() == 5000);
    REQUIRE(files.Remove(path).ok());
    std::string scratch;
    REQUIRE((*segment)->Read(4996, 4, &scratch).value() == "kept");
    REQUIRE(absl::IsDataLoss((*segment)->Read(4996, 5, &scratch).status()));
    if (map) REQUIRE(std::string_view((*segment)->data() + 4996, 4) == "kept");
    (*segment)->Prepare(0, 1 << 20);
    REQUIRE((*segment)->Sync().ok());
    REQUIRE((*segment)->MappingStatus().ok());
  }
}

FOR_BOTH_WORLDS("an empty file is a segment without bytes", "[vfs]") {
  TestType world;
  WriteFile(world.files(), world.Path("empty"), "");
  auto segment = world.files().OpenSegment(world.Path("empty"), {.read_only = true});
  REQUIRE(segment.ok());
  REQUIRE((*segment)->capacity_bytes() == 0);
  std::string scratch;
  REQUIRE((*segment)->Read(0, 0, &scratch).ok());
  REQUIRE(absl::IsDataLoss((*segment)->Read(0, 1, &scratch).status()));
}

FOR_BOTH_WORLDS("readers of published bytes run beside the writer", "[vfs]") {
  for (const bool map : {true, false}) {
    TestType world;
    auto segment =
        world.files().CreateSegment(world.Path("s"), {.capacity_bytes = 1 << 20, .map = map});
    REQUIRE(segment.ok());
    std::atomic<uint64_t> published{0};
    std::atomic<int> mistakes{0};
    std::vector<std::thread> readers;
    for (uint64_t seed = 1; seed <= 2; ++seed) {
      readers.emplace_back([&, seed] {
        Random random(seed);
        std::string scratch;
        for (uint64_t count = 0; count < 2000;) {
          const uint64_t end = published.load(std::memory_order_acquire);
          if (end == 0) continue;
          const uint64_t offset = random.Uniform(end / 8) * 8;
          const auto bytes = (*segment)->Read(offset, 8, &scratch);
          if (!bytes.ok() || *bytes != fmt::format("{:08}", offset)) ++mistakes;
          ++count;
        }
      });
    }
    for (uint64_t offset = 0; offset < 64 << 10; offset += 8) {
      const std::string text = fmt::format("{:08}", offset);
      const std::array<std::string_view, 1> pieces = {text};
      if (!(*segment)->Write(offset, pieces).ok()) ++mistakes;
      published.store(offset + 8, std::memory_order_release);
      if (offset % 8192 == 0 && !(*segment)->Sync().ok()) ++mistakes;
    }
    for (std::thread& reader : readers) reader.join();
    REQUIRE(mistakes == 0);
  }
}

FOR_BOTH_WORLDS("free space and the boot id answer", "[vfs]") {
  TestType world;
  REQUIRE(world.files().FreeBytes(std::string(DirectoryOf(world.Path("x")))).value() > 0);
  REQUIRE(world.files().BootId() == world.files().BootId());
}

TEST_CASE("paths are joined and taken apart", "[vfs]") {
  REQUIRE(JoinPath("a", "b") == "a/b");
  REQUIRE(JoinPath("a/", "b") == "a/b");
  REQUIRE(JoinPath("", "b") == "b");
  REQUIRE(JoinPath("/", "b") == "/b");
  REQUIRE(DirectoryOf("a/b") == "a");
  REQUIRE(DirectoryOf("/b") == "/");
  REQUIRE(DirectoryOf("b") == ".");
  REQUIRE(DirectoryOf("a/b/c") == "a/b");
}

}  // namespace
}  // namespace nokv::vfs
