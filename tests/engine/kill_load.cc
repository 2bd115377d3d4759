#include "tests/engine/kill_load.h"

#include "engine/base/random.h"
#include "tests/engine/model.h"

#include <fmt/format.h>

namespace nokv::tests {
namespace {

constexpr uint64_t kKeys = 200;

std::string Key(int writer, uint64_t number) {
  return fmt::format("{}key{:04}", WriterPrefix(writer), number % kKeys);
}

}  // namespace

std::string WriterPrefix(int writer) { return fmt::format("writer{}/", writer); }

WriteBatch LoadStep(int writer, uint64_t step) {
  Random random(step * 31 + static_cast<uint64_t>(writer));
  WriteBatch batch;
  batch.Set(WriterPrefix(writer) + "step", std::to_string(step));
  const uint64_t count = random.OneIn(4) ? 1 + random.Uniform(20) : 1;
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t number = random.Uniform(kKeys);
    const std::string key = Key(writer, number);
    const uint64_t choice = random.Uniform(20);
    if (choice == 0) {
      batch.DeleteRange(key, Key(writer, number) + "~");
    } else if (choice < 4) {
      batch.Delete(key);
    } else if (choice == 4) {
      batch.Set(key, MakeValue(key, step, 20'000));
    } else {
      batch.Set(key, MakeValue(key, step, 30 + random.Uniform(2000)));
    }
  }
  return batch;
}

bool IsPowerStep(int writer, uint64_t step) {
  return (step * 7 + static_cast<uint64_t>(writer)) % 97 == 0;
}

}  // namespace nokv::tests
