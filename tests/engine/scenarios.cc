#include "tests/engine/scenarios.h"

#include "engine/base/check.h"

#include <string>

namespace nokv::tests {
namespace {

constexpr Durability kL1 = Durability::kProcess;
constexpr Durability kL2 = Durability::kPower;

std::string Key(uint64_t number) { return fmt::format("key{:04}", number); }

Options Unmapped() {
  Options options = TinyOptions();
  options.prefer_mapping = false;
  return options;
}

Options EveryValueInTheLog() {
  Options options = TinyOptions();
  options.value_threshold_bytes = 1;
  return options;
}

Options PowerLevel() {
  Options options = TinyOptions();
  options.durability = kL2;
  return options;
}

Options WithBackground() {
  Options options = TinyOptions();
  options.background_work = true;
  options.memory_bytes = 256 << 10;
  options.log_distance_bytes_max = 128 << 10;
  return options;
}

// So that a flush leaves nothing behind in the segments that it covers.
Options NoValueInTheLog() {
  Options options = TinyOptions();
  options.value_threshold_bytes = 16 << 10;
  return options;
}

Options WithReserve() {
  Options options = TinyOptions();
  options.reserve_bytes = 256 << 10;
  return options;
}

// Small writes at both levels over few keys, with deletions; a log that is synced now and then.
void PlainWrites(Trial& trial) {
  trial.Open();
  for (uint64_t i = 0; i < 60; ++i) {
    const Durability level = i % 7 == 6 ? kL2 : kL1;
    if (i % 5 == 4) {
      trial.Del(Key(i * 3 % 16), level);
    } else {
      trial.SetNext(Key(i * 7 % 16), 20 + i * 11 % 200, level);
    }
    if (i % 20 == 13) trial.SyncLog();
  }
  trial.ExpectNewest();
}

void SyncedWrites(Trial& trial) {
  trial.Open();
  for (uint64_t i = 0; i < 40; ++i) trial.SetNext(Key(i % 10), 100 + i * 40);
  trial.ExpectNewest();
}

// Values that stay in the log, and one that needs a segment of its own.
void BigValues(Trial& trial) {
  trial.Open();
  for (uint64_t i = 0; i < 24; ++i) {
    trial.SetNext(Key(i % 9), 300 + i * 601 % 6000, i % 6 == 5 ? kL2 : kL1);
    if (i == 8) trial.SetNext("whale", 150 << 10);
    if (i == 16) trial.SetNext("whale", 90 << 10, kL2);
  }
  trial.Flush();
  trial.SetNext("whale", 70 << 10);
  trial.ExpectNewest();
}

// Batches over two column families, with range deletes, at both levels.
void Batches(Trial& trial) {
  trial.Open();
  const ColumnFamilyHandle other = trial.CreateFamily("other");
  for (uint64_t i = 0; i < 24; ++i) {
    WriteBatch batch;
    for (uint64_t j = 0; j < 2 + i % 9; ++j) {
      const std::string key = Key((i * 5 + j * 3) % 24);
      const uint64_t size = 30 + (i * 131 + j * 977) % 1800;
      batch.Set(key, MakeValue(key, trial.NextVersion(), size),
                j % 2 == 0 ? other : ColumnFamilyHandle{});
      if (j == 4) batch.Delete(Key(i), other);
      if (j == 6) batch.DeleteRange(Key(i % 12), Key(i % 12 + 3));
    }
    trial.Write(batch, i % 5 == 4 ? kL2 : kL1);
    if (i == 11) trial.Flush();
  }
  trial.ExpectNewest();
}

void Flushes(Trial& trial) {
  trial.Open();
  for (uint64_t round = 0; round < 4; ++round) {
    for (uint64_t i = 0; i < 10; ++i) {
      trial.SetNext(Key((round * 3 + i) % 20), i % 3 == 0 ? 700 : 60, i == 7 ? kL2 : kL1);
    }
    trial.Flush();
  }
  trial.SetNext("last", 400);
  trial.Reopen();
  trial.SetNext("laster", 40);
  trial.ExpectNewest();
}

// Closed and opened again with a tail in the log, with none, and with nothing written at all.
void Closings(Trial& trial) {
  trial.Open();
  for (uint64_t round = 0; round < 5; ++round) {
    for (uint64_t i = 0; i < round * 2; ++i) trial.SetNext(Key((round + i) % 8), 60 + i * 300);
    if (round == 3) trial.Flush();
    trial.Reopen();
  }
  trial.Reopen();
  trial.SetNext("last", 40);
  trial.ExpectNewest();
}

void Compactions(Trial& trial) {
  trial.Open();
  for (uint64_t round = 0; round < 5; ++round) {
    for (uint64_t i = 0; i < 24; ++i) {
      if ((round + i) % 6 == 5) {
        trial.Del(Key((round * 5 + i) % 40));
      } else {
        trial.SetNext(Key((round * 5 + i) % 40), i % 2 == 0 ? 900 : 120);
      }
    }
    trial.Flush();
    if (round % 2 == 1) trial.Compact();
  }
  trial.SetNext("tail", 50);
  trial.Compact();
  trial.ExpectNewest();
  trial.Verify();
}

// Overwrites until segments are mostly dead, collects, and goes on: freed segments come back.
void Collection(Trial& trial) {
  trial.Open();
  for (uint64_t round = 0; round < 3; ++round) {
    for (uint64_t i = 0; i < 22; ++i) trial.SetNext(Key(i * (round + 1) % 26), 5000 + i * 17);
    trial.Flush();
    trial.Compact();
    trial.Collect();
    trial.SetNext(Key(round), 3000, kL2);
  }
  trial.Reopen();
  trial.Collect(0.5);
  trial.SetNext("tail", 500);
  trial.ExpectNewest();
  trial.Verify();
}

// As above with readers that still need what is dead for everybody else.
void CollectionUnderSnapshot(Trial& trial) {
  trial.Open();
  for (uint64_t i = 0; i < 20; ++i) trial.SetNext(Key(i), 6000);
  if (!trial.ok()) return;
  {
    const std::unique_ptr<Snapshot> snapshot = trial.db().NewSnapshot();
    const State frozen = trial.history().newest();
    for (uint64_t i = 0; i < 20; ++i) trial.SetNext(Key(i), 4000);
    trial.Flush();
    trial.Compact();
    trial.Collect();
    for (uint64_t i = 0; i < 12 && trial.ok(); ++i) trial.SetNext(Key(100 + i), 5000);
    std::string value;
    for (uint64_t i = 0; i < 20 && trial.ok(); ++i) {
      const auto found = trial.db().Get({.snapshot = snapshot.get()}, Key(i), &value);
      trial.Expect(found.status(), "reading under a snapshot");
      const Stored* stored = frozen.Find({}, Key(i), 0);
      if (trial.ok() && (!*found || value != *stored->value)) {
        trial.Fail("a snapshot lost the value of " + Key(i));
      }
    }
  }
  trial.Compact();
  trial.Collect();
  trial.ExpectNewest();
}

// Fills a dozen segments of which few stay needed, so that the log rolls over old ground.
void SegmentsRollAndReturn(Trial& trial) {
  trial.Open();
  for (uint64_t i = 0; i < 90; ++i) {
    trial.SetNext(Key(i % 6), 9000, i % 30 == 29 ? kL2 : kL1);
    if (i % 15 == 14) {
      trial.Flush();
      trial.Compact();
      trial.Collect();
    }
  }
  trial.ExpectNewest();
}

// Keys so long that the manifest, which names the ends of each table, is soon rewritten.
void ManifestRewrites(Trial& trial) {
  trial.Open();
  const std::string filler(30 << 10, 'k');
  for (uint64_t round = 0; round < 24; ++round) {
    for (uint64_t i = 0; i < 3; ++i) trial.SetNext(Key((round + i) % 7) + filler, 40);
    trial.Flush();
    if (round % 8 == 7) trial.Compact();
  }
  trial.ExpectNewest();
}

void Checkpoints(Trial& trial) {
  trial.Open();
  for (uint64_t i = 0; i < 16; ++i) trial.SetNext(Key(i), i % 2 == 0 ? 3000 : 90);
  trial.Checkpoint("/copy1");
  for (uint64_t i = 0; i < 16; ++i) trial.SetNext(Key(i * 3 % 20), 2500);
  trial.Flush();
  for (uint64_t i = 0; i < 4; ++i) trial.SetNext(Key(i), 70);
  trial.Checkpoint("/copy2");
  // What the copies share with the original must stay as it is while the original moves on.
  for (uint64_t round = 0; round < 3; ++round) {
    for (uint64_t i = 0; i < 20; ++i) trial.SetNext(Key(i), 6000);
    trial.Flush();
    trial.Compact();
    trial.Collect();
  }
  for (uint64_t i = 0; i < 20; ++i) trial.SetNext(Key(50 + i), 6000);
  trial.ExpectNewest();
  trial.ExpectCheckpoints();
}

// Flushed segments are written over as new ones, which takes that there is no spare when they are
// removed: each round uses it up, and the next one can't be made. The copies share some of them.
void CheckpointsOfRecycledSegments(Trial& trial) {
  trial.Open();
  const auto fill_more_than_a_segment = [&](uint64_t round) {
    for (uint64_t i = 0; i < 9; ++i) trial.SetNext(Key((round + i) % 12), 8000);
  };
  for (uint64_t round = 0; round < 6; ++round) {
    fill_more_than_a_segment(round);
    if (round % 3 == 0) trial.Checkpoint(fmt::format("/copy{}", round));
    trial.Flush();
    fill_more_than_a_segment(round + 2);
    trial.files().FailNth(vfs::OperationKind::kAllocate, 1,
                          ResourceExhaustedError("no space for a spare"));
    trial.Settle();
  }
  trial.ExpectNewest();
  trial.ExpectCheckpoints();
}

void RangeDeletes(Trial& trial) {
  trial.Open();
  for (uint64_t round = 0; round < 4; ++round) {
    for (uint64_t i = 0; i < 18; ++i) trial.SetNext(Key(i * 2 + round), i % 3 == 0 ? 800 : 50);
    trial.DeleteRange(Key(round * 7), Key(round * 7 + 9));
    if (round % 2 == 0) trial.Flush();
    trial.SetNext(Key(round * 7 + 3), 300);
    if (round == 2) trial.Compact();
  }
  trial.DeleteRange(Key(0), Key(10));
  trial.SyncLog();
  trial.Flush();
  trial.Compact();
  trial.Collect();
  trial.ExpectNewest();
}

// Old versions sink to the bottom, newer ones with an expiry lie above them and run out there.
void Expiry(Trial& trial) {
  trial.Open();
  for (uint64_t i = 0; i < 40; ++i) trial.SetNext(Key(i), i % 2 == 0 ? 600 : 40);
  trial.Compact();
  for (uint64_t round = 0; round < 6; ++round) {
    for (uint64_t i = 0; i < 10; ++i) {
      trial.SetWithTTL(Key((round * 3 + i * 2) % 40), i % 2 == 0 ? 900 : 40,
                       absl::Seconds(1 + static_cast<int64_t>(i)));
    }
    // Every other time rows run out in memory, before they ever reach a table.
    if (round % 2 == 0) trial.Flush();
    trial.Advance(absl::Seconds(4));
    trial.Flush();
    trial.ExpectNewest();
  }
  trial.Advance(absl::Seconds(20));
  trial.Reopen();
  trial.Compact();
  trial.ExpectNewest();
  trial.Collect();
  trial.ExpectNewest();
}

void ColumnFamilies(Trial& trial) {
  trial.Open();
  for (uint64_t round = 0; round < 4; ++round) {
    const ColumnFamilyHandle family = trial.CreateFamily(fmt::format("family{}", round));
    const ColumnFamilyHandle kept = trial.CreateFamily(fmt::format("kept{}", round));
    for (uint64_t i = 0; i < 6; ++i) {
      WriteBatch batch;
      batch.Set(Key(i), MakeValue(Key(i), trial.NextVersion(), 600), family);
      batch.Set(Key(i), MakeValue(Key(i), trial.NextVersion(), 60), kept);
      batch.Set(Key(i), MakeValue(Key(i), trial.NextVersion(), 1200));
      trial.Write(batch, i == 3 ? kL2 : kL1);
    }
    if (round % 2 == 1) trial.Flush();
    trial.DropFamily(family);
    trial.SetNext(Key(round), 30);
  }
  // The name is free again, and what was under it stays gone.
  trial.CreateFamily("family0");
  trial.Reopen();
  trial.Compact();
  trial.ExpectNewest();
}

// The disk fills up; what was written stays, and opens again; with more space writing goes on.
void DiskFull(Trial& trial) {
  trial.Open();
  trial.disk().SetCapacityBytes(1 << 20);
  bool was_full = false;
  for (uint64_t i = 0; i < 300 && !was_full && trial.ok(); ++i) {
    WriteBatch batch;
    batch.Set(Key(i), MakeValue(Key(i), trial.NextVersion(), 8000));
    was_full = !trial.TryWrite(batch);
  }
  if (trial.ok() && !was_full) trial.Fail("a disk of 1 MiB took 2.4 MB");
  trial.ExpectNewest();
  trial.Del(Key(0));
  trial.Reopen();
  trial.MakeRoom();
  trial.Settle();
  trial.SetNext("after", 500, kL2);
  trial.ExpectNewest();
}

// Everything at once, as the background decides.
void Background(Trial& trial) {
  trial.Open();
  for (uint64_t i = 0; i < 160 && trial.ok(); ++i) {
    const std::string key = Key(trial.random().Uniform(40));
    switch (trial.random().Uniform(8)) {
      case 0:
        trial.Del(key);
        break;
      case 1:
        trial.SetNext(key, 7000, kL2);
        break;
      case 2:
        trial.DeleteRange(key, key + "5");
        break;
      case 3:
        trial.SetNext(key, 3000);
        break;
      case 4:
        trial.RunBackground(3);
        break;
      default:
        trial.SetNext(key, 100 + trial.random().Uniform(6000));
        break;
    }
    if (i == 90) trial.Reopen();
    if (i % 50 == 49) trial.Flush();
  }
  trial.Settle();
  trial.ExpectNewest();
  trial.Verify();
}

constexpr Scenario kScenarios[] = {
    {"plain writes", TinyOptions, PlainWrites},
    {"plain writes without mapping", Unmapped, PlainWrites},
    {"synced writes", PowerLevel, SyncedWrites},
    {"big values", TinyOptions, BigValues},
    {"batches", TinyOptions, Batches},
    {"batches with every value in the log", EveryValueInTheLog, Batches},
    {"flushes", TinyOptions, Flushes},
    {"closings", TinyOptions, Closings},
    {"closings without mapping", Unmapped, Closings},
    {"compactions", TinyOptions, Compactions},
    {"collection", TinyOptions, Collection},
    {"collection without mapping", Unmapped, Collection},
    {"collection under a snapshot", TinyOptions, CollectionUnderSnapshot},
    {"segments roll and return", TinyOptions, SegmentsRollAndReturn},
    {"manifest rewrites", TinyOptions, ManifestRewrites},
    {"checkpoints", TinyOptions, Checkpoints},
    {"checkpoints of recycled segments", NoValueInTheLog, CheckpointsOfRecycledSegments},
    {"range deletes", TinyOptions, RangeDeletes},
    {"expiry", TinyOptions, Expiry},
    {"column families", TinyOptions, ColumnFamilies},
    {"disk full", WithReserve, DiskFull},
    {"background", WithBackground, Background},
};

}  // namespace

std::span<const Scenario> Scenarios() { return kScenarios; }

const Scenario& FindScenario(std::string_view name) {
  for (const Scenario& scenario : kScenarios) {
    if (scenario.name == name) return scenario;
  }
  NOKV_CHECK(!"there is a scenario of this name");
  return kScenarios[0];
}

}  // namespace nokv::tests
