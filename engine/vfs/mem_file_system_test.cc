#include "engine/vfs/mem_file_system.h"

#include "engine/base/random.h"

#include <catch2/catch.hpp>

#include <array>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace nokv::vfs {
namespace {

constexpr uint64_t kSeeds = 300;

std::string Contents(const FileSystem& files, const std::string& path) {
  auto bytes = ReadFile(files, path, 1 << 24);
  return bytes.ok() ? *std::move(bytes) : std::string(bytes.status().message());
}

std::unique_ptr<WritableFile> CreateWith(FileSystem& files, const std::string& path,
                                         std::string_view bytes) {
  auto file = files.Create(path);
  REQUIRE(file.ok());
  REQUIRE((*file)->Append(bytes).ok());
  return *std::move(file);
}

void CreateDurable(FileSystem& files, const std::string& path, std::string_view bytes) {
  REQUIRE(CreateWith(files, path, bytes)->Sync().ok());
  REQUIRE(files.SyncDirectory(std::string(DirectoryOf(path))).ok());
}

void Store(SegmentFile& segment, uint64_t offset, std::string_view bytes) {
  const std::array<std::string_view, 1> pieces = {bytes};
  REQUIRE(segment.Write(offset, pieces).ok());
}

std::unique_ptr<MemFileSystem> CutClone(const MemFileSystem& files, uint64_t seed,
                                        PowerCutMode mode = PowerCutMode::kRandom) {
  auto clone = files.Clone();
  Random random(seed);
  clone->PowerCut(random, mode);
  return clone;
}

// The distinct answers of `look` over many power cuts of the same state.
template <typename Look>
std::set<std::string> Outcomes(const MemFileSystem& files, Look look,
                               PowerCutMode mode = PowerCutMode::kRandom) {
  std::set<std::string> outcomes;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    outcomes.insert(look(*CutClone(files, seed, mode)));
  }
  return outcomes;
}

TEST_CASE("what was synced survives every power cut", "[vfs][mem]") {
  MemFileSystem files;
  CreateDurable(files, "a", std::string(10'000, 'a'));
  auto segment = files.CreateSegment("s", {.capacity_bytes = 1 << 16});
  Store(**segment, 5000, "synced");
  REQUIRE((*segment)->Sync().ok());
  REQUIRE(files.SyncDirectory(".").ok());
  Store(**segment, 5006, std::string(20'000, 'x'));  // Shares its first page with synced bytes.

  for (const PowerCutMode mode : {PowerCutMode::kKeepNothing, PowerCutMode::kKeepEverything,
                                  PowerCutMode::kRandom, PowerCutMode::kReorder}) {
    for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
      INFO("seed " << seed << " mode " << static_cast<int>(mode));
      const auto after = CutClone(files, seed, mode);
      REQUIRE(Contents(*after, "a") == std::string(10'000, 'a'));
      REQUIRE(after->FileSize("s").value() == 1 << 16);
      REQUIRE(Contents(*after, "s").substr(5000, 6) == "synced");
    }
  }
}

TEST_CASE("without a sync nothing is certain, and keep-nothing keeps nothing", "[vfs][mem]") {
  MemFileSystem files;
  CreateDurable(files, "a", "old");
  auto file = files.OpenAppend("a");
  REQUIRE((*file)->Append("new").ok());
  CreateWith(files, "unsynced-name", "bytes")->Sync().IgnoreError();

  const auto nothing = CutClone(files, 1, PowerCutMode::kKeepNothing);
  REQUIRE(Contents(*nothing, "a") == "old");
  REQUIRE_FALSE(nothing->Exists("unsynced-name"));
  const auto everything = CutClone(files, 1, PowerCutMode::kKeepEverything);
  REQUIRE(Contents(*everything, "a") == "oldnew");
  REQUIRE(Contents(*everything, "unsynced-name") == "bytes");

  const auto contents = Outcomes(files, [](auto& after) { return Contents(after, "a"); });
  REQUIRE(contents.count("old") == 1);
  REQUIRE(contents.count("oldnew") == 1);
  REQUIRE(contents.count(std::string("old\0\0\0", 6)) == 1);  // The size came before the bytes.
  REQUIRE(contents.size() > 6);                               // Tears and garbage.
  for (const std::string& text : contents) REQUIRE(text.substr(0, 3) == "old");
}

TEST_CASE("pages of a segment survive each by itself, and may be torn", "[vfs][mem]") {
  MemFileSystem files;
  auto segment = files.CreateSegment("s", {.capacity_bytes = 8 * 4096});
  REQUIRE((*segment)->Sync().ok());
  REQUIRE(files.SyncDirectory(".").ok());
  Store(**segment, 0, std::string(4 * 4096, 'x'));

  bool late_without_early = false;
  bool torn = false;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    INFO("seed " << seed);
    const std::string bytes = Contents(*CutClone(files, seed), "s");
    REQUIRE(bytes.size() == 8 * 4096);
    // Preallocated: no byte is anything but the old zero or the new x.
    REQUIRE(bytes.find_first_not_of(std::string("\0x", 2)) == std::string::npos);
    REQUIRE(bytes.find('x', 4 * 4096) == std::string::npos);
    const std::string_view first(bytes.data(), 4096);
    const std::string_view last(bytes.data() + 3 * 4096, 4096);
    late_without_early |= first.find('x') == std::string_view::npos && last[0] == 'x';
    torn |= first.find('x') != std::string_view::npos && first.find('\0') != std::string_view::npos;
  }
  REQUIRE(late_without_early);
  REQUIRE(torn);
}

TEST_CASE("reorder keeps the late pages and loses the early ones", "[vfs][mem]") {
  MemFileSystem files;
  auto segment = files.CreateSegment("s", {.capacity_bytes = 4 * 4096});
  REQUIRE(files.SyncDirectory(".").ok());
  REQUIRE((*segment)->Sync().ok());
  for (uint64_t page = 0; page < 4; ++page) Store(**segment, page * 4096, "x");
  const auto outcomes = Outcomes(
      files,
      [](auto& after) {
        std::string kept;
        for (uint64_t page = 0; page < 4; ++page) {
          kept.push_back(Contents(after, "s")[page * 4096] == 'x' ? 'x' : '-');
        }
        return kept;
      },
      PowerCutMode::kReorder);
  REQUIRE(outcomes == std::set<std::string>{"xxxx", "-xxx", "--xx", "---x", "----"});
}

TEST_CASE("a rename over a file leaves the old one or the new one", "[vfs][mem]") {
  MemFileSystem files;
  CreateDurable(files, "CURRENT", "old");
  CreateDurable(files, "CURRENT.tmp", "new");
  REQUIRE(files.Rename("CURRENT.tmp", "CURRENT").ok());
  const auto look = [](auto& after) {
    return Contents(after, "CURRENT") + (after.Exists("CURRENT.tmp") ? " and tmp" : "");
  };
  REQUIRE(Outcomes(files, look) == std::set<std::string>{"old and tmp", "new", "new and tmp"});
  REQUIRE(files.SyncDirectory(".").ok());
  REQUIRE(Outcomes(files, look) == std::set<std::string>{"new"});
}

TEST_CASE("replacing a file whole is atomic from a sync to the next", "[vfs][mem]") {
  MemFileSystem files;
  REQUIRE(ReplaceFile(files, "CURRENT", "one").ok());
  REQUIRE(ReplaceFile(files, "CURRENT", "two").ok());
  REQUIRE(Outcomes(files, [](auto& after) { return Contents(after, "CURRENT"); }) ==
          std::set<std::string>{"two"});
}

TEST_CASE("changes of one name survive in their order", "[vfs][mem]") {
  MemFileSystem files;
  CreateDurable(files, "n", "0");
  for (const char* version : {"1", "2", "3"}) {
    REQUIRE(CreateWith(files, std::string("t") + version, version)->Sync().ok());
    REQUIRE(files.Rename(std::string("t") + version, "n").ok());
  }
  REQUIRE(Outcomes(files, [](auto& after) { return Contents(after, "n"); }) ==
          std::set<std::string>{"0", "1", "2", "3"});
}

TEST_CASE("a removed file may come back until its directory is synced", "[vfs][mem]") {
  MemFileSystem files;
  CreateDurable(files, "a", "content");
  REQUIRE(files.Remove("a").ok());
  const auto look = [](auto& after) {
    return after.Exists("a") ? Contents(after, "a") : std::string("gone");
  };
  REQUIRE(Outcomes(files, look) == std::set<std::string>{"content", "gone"});
  REQUIRE(files.SyncDirectory(".").ok());
  REQUIRE(Outcomes(files, look) == std::set<std::string>{"gone"});
}

TEST_CASE("a directory is durable once its parent is synced", "[vfs][mem]") {
  MemFileSystem files;
  REQUIRE(files.CreateDirectory("/db").ok());
  CreateDurable(files, "/db/a", "a");
  REQUIRE_FALSE(CutClone(files, 1, PowerCutMode::kKeepNothing)->Exists("db"));
  REQUIRE(files.SyncDirectory("/").ok());
  REQUIRE(Contents(*CutClone(files, 1, PowerCutMode::kKeepNothing), "db/a") == "a");
}

TEST_CASE("syncing one directory says nothing about another", "[vfs][mem]") {
  MemFileSystem files;
  REQUIRE(files.CreateDirectory("x").ok());
  REQUIRE(files.CreateDirectory("y").ok());
  REQUIRE(files.SyncDirectory(".").ok());
  CreateWith(files, "x/a", "a")->Sync().IgnoreError();
  CreateWith(files, "y/b", "b")->Sync().IgnoreError();
  CreateWith(files, "x/moved", "m")->Sync().IgnoreError();
  REQUIRE(files.Rename("x/moved", "y/moved").ok());
  REQUIRE(files.SyncDirectory("y").ok());
  const auto after = CutClone(files, 1, PowerCutMode::kKeepNothing);
  REQUIRE(*after->List("x") == std::vector<std::string>{});
  REQUIRE(*after->List("y") == std::vector<std::string>{"b", "moved"});
  REQUIRE(Contents(*after, "y/moved") == "m");
}

TEST_CASE("a truncation that was not synced may be undone", "[vfs][mem]") {
  MemFileSystem files;
  auto segment = files.CreateSegment("s", {.capacity_bytes = 16'384});
  Store(**segment, 0, std::string(16'384, 'x'));
  REQUIRE((*segment)->Sync().ok());
  REQUIRE(files.SyncDirectory(".").ok());
  REQUIRE((*segment)->Truncate(100).ok());
  REQUIRE(Contents(*CutClone(files, 1, PowerCutMode::kKeepNothing), "s") ==
          std::string(16'384, 'x'));
  REQUIRE(Contents(*CutClone(files, 1, PowerCutMode::kKeepEverything), "s") ==
          std::string(100, 'x'));
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    INFO("seed " << seed);
    REQUIRE(Contents(*CutClone(files, seed), "s").substr(0, 100) == std::string(100, 'x'));
  }
}

TEST_CASE("a death makes open files dead and drops locks", "[vfs][mem]") {
  MemFileSystem files;
  const uint64_t boot_id = files.BootId();
  for (const bool power : {false, true}) {
    const std::string name = power ? "p" : "k";
    auto file = CreateWith(files, name, "bytes");
    auto segment = files.CreateSegment(name + "s", {.capacity_bytes = 8192});
    Store(**segment, 0, "mapped");
    auto reader = files.OpenRead(name);
    auto lock = files.Lock("LOCK");
    REQUIRE(lock.ok());
    if (power) {
      Random random(1);
      files.PowerCut(random, PowerCutMode::kKeepNothing);
    } else {
      files.KillProcess();
    }
    REQUIRE((files.BootId() != boot_id) == power);
    char buffer[1];
    std::string scratch;
    REQUIRE(absl::IsInternal(file->Append("x")));
    REQUIRE(absl::IsInternal(file->Sync()));
    REQUIRE(absl::IsInternal((*reader)->Read(0, 1, buffer)));
    REQUIRE(absl::IsInternal((*segment)->Write(0, {})));
    REQUIRE(absl::IsInternal((*segment)->Sync()));
    REQUIRE(absl::IsInternal((*segment)->Truncate(0)));
    REQUIRE(absl::IsInternal((*segment)->Read(0, 1, &scratch).status()));
    REQUIRE(std::string_view((*segment)->data(), 6) == "mapped");  // A view outlives its file.
    REQUIRE(files.Exists(name) != power);
    auto second = files.Lock("LOCK");
    REQUIRE(second.ok());
    lock->reset();  // The dead one's; must not drop the living one's.
    REQUIRE(absl::IsFailedPrecondition(files.Lock("LOCK").status()));
  }
}

TEST_CASE("a killed process leaves its bytes in the page cache, where a power cut takes them",
          "[vfs][mem]") {
  MemFileSystem files;
  CreateDurable(files, "a", "old");
  auto file = files.OpenAppend("a");
  REQUIRE((*file)->Append("new").ok());
  files.KillProcess();
  REQUIRE(Contents(files, "a") == "oldnew");
  REQUIRE(Contents(*CutClone(files, 1, PowerCutMode::kKeepNothing), "a") == "old");
  // Whoever opens it next makes the bytes of the dead durable by a sync.
  REQUIRE(files.OpenAppend("a").value()->Sync().ok());
  REQUIRE(Contents(*CutClone(files, 1, PowerCutMode::kKeepNothing), "a") == "oldnew");
}

TEST_CASE("a clone shares nothing, and the same seed gives the same bytes", "[vfs][mem]") {
  MemFileSystem files;
  CreateDurable(files, "a", "old");
  auto file = files.OpenAppend("a");
  REQUIRE((*file)->Append(std::string(20'000, 'n')).ok());
  REQUIRE(files.Link("a", "b").ok());
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    INFO("seed " << seed);
    const auto one = CutClone(files, seed);
    const auto two = CutClone(files, seed);
    REQUIRE(one->Dump() == two->Dump());
    REQUIRE(Contents(*one, "a") == Contents(*two, "a"));
  }
  const auto clone = files.Clone();
  REQUIRE(clone->LinkCount("a").value() == 2);
  REQUIRE(clone->UsedBytes() == files.UsedBytes());
  REQUIRE(clone->OpenAppend("b").value()->Append("clone").ok());
  REQUIRE(Contents(*clone, "a").size() == 20'008);
  REQUIRE(Contents(files, "a").size() == 20'003);
}

TEST_CASE("a full disk refuses, keeps what fits and heals when a file goes", "[vfs][mem]") {
  MemFileSystem files;
  files.SetCapacityBytes(5 * 4096);
  auto segment = files.CreateSegment("s", {.capacity_bytes = 2 * 4096});
  REQUIRE(segment.ok());
  REQUIRE(files.UsedBytes() == 2 * 4096);
  REQUIRE(absl::IsResourceExhausted(
      files.CreateSegment("large", {.capacity_bytes = 4 * 4096}).status()));
  REQUIRE_FALSE(files.Exists("large"));

  auto file = CreateWith(files, "a", std::string(2 * 4096 + 1, 'a'));
  REQUIRE(files.FreeBytes("a").value() == 0);
  REQUIRE(file->Append(std::string(4095, 'b')).ok());  // The rest of its last block.
  REQUIRE(absl::IsResourceExhausted(file->Append("c")));
  REQUIRE(files.FileSize("a").value() == 3 * 4096);

  REQUIRE(files.Remove("s").ok());
  REQUIRE(files.FreeBytes("a").value() == 0);  // Still open.
  segment->reset();
  REQUIRE(files.FreeBytes("a").value() == 2 * 4096);
  REQUIRE(file->Append("c").ok());
  REQUIRE(files.UsedBytes() == 4 * 4096);

  auto other = files.CreateSegment("t", {.capacity_bytes = 4096});
  REQUIRE(other.ok());
  REQUIRE((*other)->Truncate(0).ok());
  REQUIRE(files.UsedBytes() == 4 * 4096);
  CreateWith(files, "small", "x");
  REQUIRE(files.Rename("a", "small").ok());  // Frees the file it replaces.
  REQUIRE(files.UsedBytes() == 4 * 4096);
}

TEST_CASE("damage is on the disk and survives a power cut", "[vfs][mem]") {
  MemFileSystem files;
  CreateDurable(files, "a", "abcdef");
  REQUIRE(files.FlipBit("a", 1, 0).ok());
  REQUIRE(Contents(files, "a") == "accdef");
  REQUIRE(Contents(*CutClone(files, 1, PowerCutMode::kKeepNothing), "a") == "accdef");
  REQUIRE(files.ZeroFrom("a", 4).ok());
  REQUIRE(Contents(files, "a") == std::string("accd\0\0", 6));
  REQUIRE(files.CutAt("a", 2).ok());
  REQUIRE(Contents(*CutClone(files, 1, PowerCutMode::kKeepNothing), "a") == "ac");
  REQUIRE(absl::IsNotFound(files.FlipBit("b", 0, 0)));

  auto segment = files.CreateSegment("s", {.capacity_bytes = 4096});
  Store(**segment, 0, "x");
  REQUIRE(files.DamageMapping("s").ok());
  REQUIRE(absl::IsDataLoss((*segment)->MappingStatus()));
  REQUIRE(absl::IsDataLoss((*segment)->Sync()));
}

TEST_CASE("a handle may outlive its file system", "[vfs][mem]") {
  auto files = std::make_unique<MemFileSystem>();
  auto file = CreateWith(*files, "a", "x");
  files.reset();
  REQUIRE(file->Append("y").ok());
}

TEST_CASE("random histories never lose or invent what was synced", "[vfs][mem][random]") {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    INFO("seed " << seed);
    Random random(seed);
    MemFileSystem files;
    std::string all;  // Everything appended to the file.
    size_t synced = 0;
    REQUIRE(CreateWith(files, "a", "")->Sync().ok());
    REQUIRE(files.SyncDirectory(".").ok());
    for (int life = 0; life < 4; ++life) {
      auto file = files.OpenAppend("a");
      REQUIRE(file.ok());
      for (uint64_t i = random.Uniform(12); i > 0; --i) {
        const std::string bytes(1 + random.Uniform(3000), static_cast<char>('a' + i));
        REQUIRE((*file)->Append(bytes).ok());
        all += bytes;
        if (random.OneIn(3)) {
          REQUIRE((*file)->Sync().ok());
          synced = all.size();
        }
      }
      if (random.OneIn(3)) {
        files.KillProcess();
        REQUIRE(Contents(files, "a") == all);
        continue;
      }
      files.PowerCut(random, random.OneIn(4) ? PowerCutMode::kReorder : PowerCutMode::kRandom);
      const std::string found = Contents(files, "a");
      REQUIRE(found.size() >= synced);
      REQUIRE(found.size() <= all.size());
      REQUIRE(found.compare(0, synced, all, 0, synced) == 0);
      all = found;
      synced = found.size();
    }
  }
}

}  // namespace
}  // namespace nokv::vfs
