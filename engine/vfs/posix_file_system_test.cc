// What only the machine's file system has: mappings that meet I/O errors, other processes, full
// disks and file systems without preallocation.
#include "engine/base/random.h"
#include "engine/vfs/file_system.h"
#include "engine/vfs/scratch_directory.h"

#include <catch2/catch.hpp>

#include <array>
#include <atomic>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <signal.h>
#include <string>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace nokv::vfs {
namespace {

constexpr uint64_t kCapacity = 64 << 10;

bool Mentions(const absl::Status& status, std::string_view text) {
  return StdView(status.message()).find(text) != std::string_view::npos;
}

std::unique_ptr<SegmentFile> CreateSegmentOrDie(const std::string& path) {
  auto segment = PosixFileSystem().CreateSegment(path, {.capacity_bytes = kCapacity});
  INFO(segment.status().ToString());
  REQUIRE(segment.ok());
  REQUIRE((*segment)->data() != nullptr);
  return *std::move(segment);
}

absl::Status WriteAt(SegmentFile& segment, uint64_t offset, std::string_view bytes) {
  const std::array<std::string_view, 1> pieces = {bytes};
  return segment.Write(offset, pieces);
}

// Runs `body` in a process of its own; what it returns is the exit code.
template <typename Body>
pid_t Fork(Body body) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) ::_exit(body());
  return child;
}

int WaitFor(pid_t child) {
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return status;
}

// A small file system of its own, where the test may mount one.
class Mount {
 public:
  Mount(const char* type, const char* options, const std::string& path) : path_(path) {
    std::filesystem::create_directory(path);
    mounted_ = ::mount(type, path.c_str(), type, 0, options) == 0;
    if (!mounted_) WARN("not allowed to mount a " << type << ": skipped");
  }

  ~Mount() {
    if (mounted_) ::umount2(path_.c_str(), MNT_DETACH);
  }

  bool mounted() const { return mounted_; }

 private:
  const std::string path_;
  bool mounted_ = false;
};

// What each call on a path below `directory` says.
std::vector<absl::Status> StatusOfEachCall(const std::string& directory) {
  FileSystem& files = PosixFileSystem();
  const std::string path = JoinPath(directory, "file");
  return {files.Create(path).status(),
          files.OpenAppend(path).status(),
          files.OpenRead(path).status(),
          files.CreateSegment(path, {.capacity_bytes = kCapacity}).status(),
          files.Rename(path, path + "2"),
          files.Remove(path),
          files.Link(path, path + "2"),
          files.CreateDirectory(JoinPath(directory, "below")),
          files.SyncDirectory(directory),
          files.List(directory).status(),
          files.FileSize(path).status(),
          files.Lock(JoinPath(directory, "LOCK")).status()};
}

TEST_CASE("what belongs to another user is named, with what to do", "[vfs][posix]") {
  const ScratchDirectory scratch;
  const std::string directory = scratch.Path("theirs");
  REQUIRE(PosixFileSystem().CreateDirectory(directory).ok());
  REQUIRE(::chmod(directory.c_str(), 0) == 0);
  const pid_t child = Fork([&directory] {
    constexpr uid_t kNobody = 65534;  // Root may do everything.
    if (::geteuid() == 0 && ::setuid(kNobody) != 0) return 100;
    int nth = 0;
    for (const absl::Status& status : StatusOfEachCall(directory)) {
      ++nth;
      const bool is_told = absl::IsPermissionDenied(status) && Mentions(status, directory) &&
                           Mentions(status, "run as the owner");
      if (!is_told) return nth;
    }
    return 0;
  });
  const int told = WEXITSTATUS(WaitFor(child));
  REQUIRE(::chmod(directory.c_str(), 0700) == 0);  // So that it can be removed.
  REQUIRE(told == 0);                              // Else the call that said something else.
}

TEST_CASE("an I/O error behind a mapping is an error of that file alone", "[vfs][posix]") {
  ScratchDirectory directory;
  const auto damaged = CreateSegmentOrDie(directory.Path("damaged"));
  const auto sound = CreateSegmentOrDie(directory.Path("sound"));
  REQUIRE(WriteAt(*damaged, 40'000, "lost").ok());
  REQUIRE(WriteAt(*sound, 40'000, "kept").ok());
  REQUIRE(damaged->MappingStatus().ok());

  std::filesystem::resize_file(directory.Path("damaged"), 4096);
  const volatile char* const bytes = damaged->data();
  REQUIRE(bytes[40'000] == 0);
  REQUIRE(bytes[40'001] == 0);
  const absl::Status status = damaged->MappingStatus();
  REQUIRE(absl::IsDataLoss(status));
  REQUIRE(Mentions(status, directory.Path("damaged")));
  REQUIRE(absl::IsDataLoss(damaged->Sync()));
  REQUIRE(sound->MappingStatus().ok());
  REQUIRE(std::string_view(sound->data() + 40'000, 4) == "kept");
}

TEST_CASE("a store that meets an I/O error is reported by the write", "[vfs][posix]") {
  ScratchDirectory directory;
  const auto segment = CreateSegmentOrDie(directory.Path("s"));
  std::filesystem::resize_file(directory.Path("s"), 4096);
  REQUIRE(WriteAt(*segment, 0, "fine").ok());
  REQUIRE(absl::IsDataLoss(WriteAt(*segment, 10'000, "lost")));
}

TEST_CASE("the damaged mapping is found among many that come and go", "[vfs][posix]") {
  ScratchDirectory directory;
  std::vector<std::unique_ptr<SegmentFile>> segments;
  for (int i = 0; i < 300; ++i) {
    segments.push_back(CreateSegmentOrDie(directory.Path(fmt::format("s{}", i))));
  }
  std::atomic<bool> stop{false};
  std::thread churn([&] {
    while (!stop.load()) {
      auto segment = PosixFileSystem().OpenSegment(directory.Path("s0"), {.read_only = true});
      if (!segment.ok()) stop.store(true);
    }
  });
  for (size_t i = 1; i < segments.size(); i += 7) {
    std::filesystem::resize_file(directory.Path(fmt::format("s{}", i)), 0);
    const volatile char* const bytes = segments[i]->data();
    REQUIRE(bytes[kCapacity - 1] == 0);
  }
  REQUIRE_FALSE(stop.exchange(true));
  churn.join();
  for (size_t i = 0; i < segments.size(); ++i) {
    INFO(i);
    REQUIRE(segments[i]->MappingStatus().ok() == (i % 7 != 1));
  }
  segments.clear();
  // A slot that is used again starts undamaged.
  REQUIRE(CreateSegmentOrDie(directory.Path("fresh"))->MappingStatus().ok());
}

TEST_CASE("a bus error that is not ours still ends the process", "[vfs][posix]") {
  ScratchDirectory directory;
  const auto ours = CreateSegmentOrDie(directory.Path("ours"));  // The handler is in place.
  const std::string path = directory.Path("foreign");
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  REQUIRE(file >= 0);
  REQUIRE(::ftruncate(file, 4096) == 0);
  void* const foreign = ::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, file, 0);
  REQUIRE(foreign != MAP_FAILED);
  REQUIRE(::ftruncate(file, 0) == 0);

  const pid_t faulting = Fork([&] {
    ::close(STDERR_FILENO);  // A sanitizer's handler, if it is the one before ours, reports there.
    return static_cast<int>(*static_cast<const volatile char*>(foreign));
  });
  const int status = WaitFor(faulting);
  REQUIRE_FALSE((WIFEXITED(status) && WEXITSTATUS(status) == 0));

  const pid_t signalled = Fork([] {
    ::close(STDERR_FILENO);
    ::raise(SIGBUS);
    return 0;
  });
  const int signalled_status = WaitFor(signalled);
  REQUIRE_FALSE((WIFEXITED(signalled_status) && WEXITSTATUS(signalled_status) == 0));
  ::munmap(foreign, 4096);
  ::close(file);
}

TEST_CASE("a lock names the process that holds it and dies with it", "[vfs][posix]") {
  ScratchDirectory directory;
  const std::string path = directory.Path("LOCK");
  std::array<int, 2> ready;
  REQUIRE(::pipe2(ready.data(), O_CLOEXEC) == 0);
  const pid_t holder = Fork([&] {
    const auto lock = PosixFileSystem().Lock(path);
    const char answer = lock.ok() ? 'y' : 'n';
    if (::write(ready[1], &answer, 1) != 1) return 1;
    for (;;) ::pause();
  });
  char answer = 0;
  REQUIRE(::read(ready[0], &answer, 1) == 1);
  REQUIRE(answer == 'y');
  const absl::Status refused = PosixFileSystem().Lock(path).status();
  REQUIRE(absl::IsFailedPrecondition(refused));
  REQUIRE(Mentions(refused, path));
  REQUIRE(Mentions(refused, std::to_string(holder)));

  REQUIRE(::kill(holder, SIGKILL) == 0);
  WaitFor(holder);
  REQUIRE(PosixFileSystem().Lock(path).ok());
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_CASE("a full disk refuses a segment, leaves no file and heals", "[vfs][posix]") {
  ScratchDirectory directory;
  const Mount mount("tmpfs", "size=1m", directory.Path("small"));
  if (!mount.mounted()) return;
  FileSystem& files = PosixFileSystem();
  const std::string path = directory.Path("small/s");
  for (const bool map : {true, false}) {
    const absl::Status full =
        files.CreateSegment(path, {.capacity_bytes = 2 << 20, .map = map}).status();
    REQUIRE(absl::IsResourceExhausted(full));
    REQUIRE(Mentions(full, path));
    REQUIRE_FALSE(files.Exists(path));
    REQUIRE(files.CreateSegment(path, {.capacity_bytes = 512 << 10, .map = map}).ok());
    REQUIRE(absl::IsResourceExhausted(
        files.OpenSegment(path, {.capacity_bytes = 2 << 20, .map = map}).status()));
    REQUIRE(files.FileSize(path).value() == 512 << 10);
    REQUIRE(files.Remove(path).ok());
  }
  // A write that is cut short is continued until the disk is full.
  const auto file = files.Create(path);
  REQUIRE(absl::IsResourceExhausted((*file)->Append(std::string(2 << 20, 'x'))));
  REQUIRE(files.FileSize(path).value() == files.FileSize(path).value() / 4096 * 4096);
  REQUIRE(files.FileSize(path).value() > 900 << 10);
}

TEST_CASE("without preallocation a segment is not mapped", "[vfs][posix]") {
  ScratchDirectory directory;
  const Mount mount("ramfs", nullptr, directory.Path("ram"));
  if (!mount.mounted()) return;
  const std::string path = directory.Path("ram/s");
  auto segment = PosixFileSystem().CreateSegment(path, {.capacity_bytes = kCapacity});
  REQUIRE(segment.ok());
  REQUIRE((*segment)->data() == nullptr);
  REQUIRE(PosixFileSystem().FileSize(path).value() == kCapacity);
  REQUIRE(WriteAt(**segment, 10'000, "bytes").ok());
  std::string scratch;
  REQUIRE((*segment)->Read(10'000, 5, &scratch).value() == "bytes");
  REQUIRE((*segment)->Read(20'000, 1, &scratch).value() == std::string(1, '\0'));
}

TEST_CASE("a mapped store is in the file before any sync", "[vfs][posix]") {
  ScratchDirectory directory;
  const auto segment = CreateSegmentOrDie(directory.Path("s"));
  segment->Prepare(0, kCapacity);
  REQUIRE(WriteAt(*segment, 4000, "across two pages").ok());
  REQUIRE(ReadFile(PosixFileSystem(), directory.Path("s"), kCapacity)->substr(4000, 16) ==
          "across two pages");
}

}  // namespace
}  // namespace nokv::vfs
