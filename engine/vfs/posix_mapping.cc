#include "engine/vfs/posix_mapping.h"

#include "engine/base/check.h"
#include "engine/base/mutex.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22  // Linux 5.14; older kernels refuse it.
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23  // Linux 5.14; older kernels refuse it.
#endif

namespace nokv::vfs {

// One mapped range. The version is odd while the range changes. The handler skips a slot that is
// changing, or has changed while it looked: the mapping it looks for is in use, so its own slot is
// not one of those.
struct MappingSlot {
  std::atomic<uint64_t> version{0};
  std::atomic<uintptr_t> begin{0};
  std::atomic<uintptr_t> end{0};
  std::atomic<bool> damaged{false};
};

namespace {

// Slots come in chunks that are never freed, so the handler walks them without a lock.
struct Chunk {
  std::array<MappingSlot, 128> slots;
  std::atomic<Chunk*> next{nullptr};
};

constinit Chunk first_chunk;
constinit std::atomic<uintptr_t> page_bytes{0};
struct sigaction previous_action;

struct FreeSlots {
  Mutex mutex;
  std::vector<MappingSlot*> slots ABSL_GUARDED_BY(mutex);
  Chunk* last_chunk ABSL_GUARDED_BY(mutex) = nullptr;
};

FreeSlots& TheFreeSlots() {
  static FreeSlots* const free_slots =
      new FreeSlots;  // Never destroyed: mappings may outlive main.
  return *free_slots;
}

void SetRange(MappingSlot& slot, uintptr_t begin, uintptr_t end) {
  slot.version.fetch_add(1);
  slot.begin.store(begin);
  slot.end.store(end);
  slot.damaged.store(false);
  slot.version.fetch_add(1);
}

MappingSlot* TakeSlot(uintptr_t begin, uintptr_t end) {
  FreeSlots& free = TheFreeSlots();
  MutexLock lock(free.mutex);
  if (free.slots.empty()) {
    Chunk* const chunk = free.last_chunk == nullptr ? &first_chunk : new Chunk;
    if (free.last_chunk != nullptr) free.last_chunk->next.store(chunk);
    free.last_chunk = chunk;
    for (MappingSlot& slot : chunk->slots) free.slots.push_back(&slot);
  }
  MappingSlot* const slot = free.slots.back();
  free.slots.pop_back();
  SetRange(*slot, begin, end);
  return slot;
}

void ReturnSlot(MappingSlot* slot) {
  FreeSlots& free = TheFreeSlots();
  MutexLock lock(free.mutex);
  SetRange(*slot, 0, 0);
  free.slots.push_back(slot);
}

// Async-signal-safe: atomics only.
MappingSlot* FindSlot(uintptr_t address) {
  for (Chunk* chunk = &first_chunk; chunk != nullptr; chunk = chunk->next.load()) {
    for (MappingSlot& slot : chunk->slots) {
      const uint64_t version = slot.version.load();
      if (version % 2 != 0) continue;
      const bool inside = slot.begin.load() <= address && address < slot.end.load();
      if (inside && slot.version.load() == version) return &slot;
    }
  }
  return nullptr;
}

void PassOn(int signal, siginfo_t* info, void* context) {
  if ((previous_action.sa_flags & SA_SIGINFO) != 0) {
    previous_action.sa_sigaction(signal, info, context);
  } else if (previous_action.sa_handler != SIG_DFL && previous_action.sa_handler != SIG_IGN) {
    previous_action.sa_handler(signal);
  } else if (info->si_code <= 0 && previous_action.sa_handler == SIG_IGN) {
    return;  // Sent by a process, and ignored before us.
  } else {
    // The default action: the access faults again on return. A sent signal is sent once more.
    ::sigaction(signal, &previous_action, nullptr);
    if (info->si_code <= 0) ::raise(signal);
  }
}

void HandleBusError(int signal, siginfo_t* info, void* context) {
  const int saved_errno = errno;
  const auto address = reinterpret_cast<uintptr_t>(info->si_addr);
  // Positive codes come from the kernel and have an address; others were sent by a process.
  MappingSlot* const slot = info->si_code > 0 ? FindSlot(address) : nullptr;
  bool repaired = false;
  if (slot != nullptr) {
    slot->damaged.store(true);
    const uintptr_t bytes = page_bytes.load();
    void* const page = reinterpret_cast<void*>(address / bytes * bytes);
    repaired = ::mmap(page, bytes, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS,
                      -1, 0) == page;
  }
  if (!repaired) PassOn(signal, info, context);
  errno = saved_errno;
}

void InstallHandlerOnce() {
  static std::once_flag once;
  std::call_once(once, [] {
    page_bytes.store(static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE)));
    // Asked for before ours is installed: a signal in between finds a complete answer.
    NOKV_CHECK(::sigaction(SIGBUS, nullptr, &previous_action) == 0);
    struct sigaction action {};
    action.sa_sigaction = HandleBusError;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    NOKV_CHECK(::sigaction(SIGBUS, &action, nullptr) == 0);
  });
}

}  // namespace

Mapping::Mapping(char* data, size_t size, SegmentPages pages)
    : data_(data),
      size_(size),
      pages_(pages),
      slot_(TakeSlot(reinterpret_cast<uintptr_t>(data), reinterpret_cast<uintptr_t>(data) + size)) {
}

absl::StatusOr<std::unique_ptr<Mapping>> Mapping::Map(const FileDescriptor& file, size_t size,
                                                      const MappingOptions& options,
                                                      std::string_view path) {
  NOKV_CHECK(size > 0);
  InstallHandlerOnce();
  const int protection = PROT_READ | (options.writable ? PROT_WRITE : 0);
  void* const data = ::mmap(nullptr, size, protection, MAP_SHARED, file.get(), 0);
  if (data == MAP_FAILED) return ErrnoStatus(errno, fmt::format("map {} bytes of", size), path);
  // Records are read one at a time; read-ahead may be megabytes. Only a hint.
  // Large pages are a wish: without support for them this reads ahead a little more.
  const bool is_large = options.pages == SegmentPages::kLarge;
  ::madvise(data, size, is_large ? MADV_HUGEPAGE : MADV_RANDOM);
  return std::unique_ptr<Mapping>(new Mapping(static_cast<char*>(data), size, options.pages));
}

Mapping::~Mapping() {
  ReturnSlot(slot_);  // First: once unmapped, the addresses may be somebody else's.
  ::munmap(data_, size_);
}

bool Mapping::damaged() const { return slot_->damaged.load(std::memory_order_relaxed); }

void Mapping::Populate(uint64_t offset, uint64_t size) const {
  if (offset >= size_ || size == 0) return;
  const uint64_t page = page_bytes.load(std::memory_order_relaxed);
  const uint64_t begin = offset / page * page;
  const uint64_t end = size > size_ - offset ? size_ : offset + size;
  // A refusal (an old kernel, a full memory group) costs page faults later and nothing else.
  // Reading first makes large pages of untouched ones; writing to those is then cheap.
  if (pages_ != SegmentPages::kWritten) ::madvise(data_ + begin, end - begin, MADV_POPULATE_READ);
  if (pages_ != SegmentPages::kClean) ::madvise(data_ + begin, end - begin, MADV_POPULATE_WRITE);
}

}  // namespace nokv::vfs
