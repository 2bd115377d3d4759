#include "engine/lsm/layer.h"

#include "engine/lsm/test_level.h"

#include <map>

namespace nokv::lsm {
namespace {

// What a reader at `bound` sees: key to sequence.
std::map<std::string, Sequence> Visible(const std::vector<Row>& versions, Sequence bound) {
  std::map<std::string, Sequence> visible;
  for (const Row& version : versions) {
    if (version.sequence <= bound) visible.try_emplace(version.key, version.sequence);
  }
  return visible;
}

void RequireAt(const Layer& layer, const std::map<std::string, Sequence>& model,
               std::map<std::string, Sequence>::const_iterator at) {
  REQUIRE_OK(layer.status());
  REQUIRE(layer.Valid() == (at != model.end()));
  if (!layer.Valid()) return;
  REQUIRE(layer.key() == at->first);
  REQUIRE(layer.sequence() == at->second);
  REQUIRE((layer.table_entry() != nullptr) != (layer.mem_version() != nullptr));
}

// A walk with turns, from random places.
void RequireWalks(Layer& layer, const std::map<std::string, Sequence>& model, Random& random) {
  auto at = model.end();
  for (int step = 0; step < 400; ++step) {
    if (at == model.end() || random.OneIn(10)) {
      const std::string target = Key(random.Uniform(45));
      switch (random.Uniform(4)) {
        case 0:
          layer.SeekToFirst();
          at = model.begin();
          break;
        case 1:
          layer.SeekToLast();
          at = model.empty() ? model.end() : std::prev(model.end());
          break;
        case 2:
          layer.Seek(target);
          at = model.lower_bound(target);
          break;
        default:
          layer.SeekBefore(target);
          at = model.lower_bound(target);
          at = at == model.begin() ? model.end() : std::prev(at);
      }
    } else if (random.OneIn(2)) {
      const std::string key(layer.key());
      layer.NextAfter(key);
      ++at;
    } else {
      layer.Prev();
      at = at == model.begin() ? model.end() : std::prev(at);
    }
    RequireAt(layer, model, at);
  }
}

}  // namespace

TEST_CASE("layers walk both ways as maps do, at every bound", "[layer]") {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    INFO("seed " << seed);
    Random random(seed);
    BlockCache cache(1 << 20);
    std::vector<Row> versions = RandomVersions(random, 40, static_cast<int>(random.Uniform(120)));
    const Sequence bound = random.OneIn(3) ? kSequenceMax : random.Uniform(1000);
    const auto model = Visible(versions, bound);

    const TableList level = MakeLevel(versions, 1 + random.Uniform(20), cache);
    RequireWalks(*NewTableLayer(NewLevelIterator(level, true), bound), model, random);
    if (level.size() == 1) {
      RequireWalks(*NewTableLayer(level[0]->table->NewIterator(), bound), model, random);
    }

    MemTable memtable(4);
    std::sort(versions.begin(), versions.end(),
              [](const Row& a, const Row& b) { return a.sequence < b.sequence; });
    for (const Row& version : versions) {
      memtable.Add(version.key, table::Table::HashKey(version.key),
                   {version.sequence, nullptr, 0, kNoOrdinal, false, false});
    }
    RequireWalks(*NewMemLayer(memtable, bound), model, random);
  }
}

}  // namespace nokv::lsm
