#include "engine/groups/group_index.h"

#include "engine/log/test_log.h"

namespace nokv::groups {
namespace {

// Places in three segments of a log in memory.
struct Bench {
  log::TestLog log;
  std::vector<std::shared_ptr<const log::Segment>> segments;
  SegmentUses uses;
  GroupIndex index;
  uint32_t next_offset = 64;

  Bench() {
    log.Start();
    for (int i = 0; i < 3; ++i) {
      segments.push_back(log.writer->active());
      log.Set("x");
      log.Roll();
    }
  }

  // Of the segment with this number.
  Place NewPlace(uint32_t segment, uint32_t bytes = 64) {
    const Place place{log::MakePosition(segment, next_offset), bytes};
    next_offset += 64;
    uses.Note(segments[segment - 1], place.position, bytes);
    return place;
  }

  void Append(uint64_t at, uint64_t term, uint32_t segment) {
    REQUIRE_OK(index.Put(at, term, NewPlace(segment), true, uses));
  }

  void Move(uint64_t at, uint64_t term, uint32_t segment) {
    REQUIRE_OK(index.Put(at, term, NewPlace(segment), false, uses));
  }

  void SetState(uint64_t start, uint64_t term, uint32_t segment) {
    index.SetState({start, term}, "state", NewPlace(segment), uses);
  }

  uint64_t LiveIn(uint32_t segment) const {
    const auto* const use = uses.Find(segment);
    return use == nullptr ? 0 : use->live_bytes / 64;
  }

  // "1/2 2/2" index and term of each entry, '-' for a gap.
  std::string Terms() const {
    std::string text;
    for (uint64_t at = index.start().index + 1; at <= index.last_index(); ++at) {
      const auto term = index.TermAt(at);
      text += term.has_value() ? fmt::format("{}/{} ", at, *term) : std::string("- ");
    }
    return text;
  }
};

}  // namespace

TEST_CASE("an entry at an index replaces it and everything behind it", "[groups]") {
  Bench bench;
  for (uint64_t at = 1; at <= 5; ++at) bench.Append(at, 1, 1);
  bench.Append(3, 2, 2);
  REQUIRE(bench.Terms() == "1/1 2/1 3/2 ");
  REQUIRE(bench.LiveIn(1) == 2);
  REQUIRE(bench.LiveIn(2) == 1);
  REQUIRE(bench.index.TermAt(4) == std::nullopt);
  REQUIRE(bench.index.TermAt(0) == 0);
}

TEST_CASE("a start drops what stands up to it and remembers its term", "[groups]") {
  Bench bench;
  for (uint64_t at = 1; at <= 5; ++at) bench.Append(at, at, 1);
  bench.SetState(3, 3, 2);
  REQUIRE(bench.Terms() == "4/4 5/5 ");
  REQUIRE(bench.index.TermAt(3) == 3);
  REQUIRE(bench.index.TermAt(2) == std::nullopt);
  REQUIRE(bench.LiveIn(1) == 2);
  bench.SetState(5, 5, 3);
  REQUIRE(bench.index.last_index() == 5);
  REQUIRE(bench.uses.OldestLive() == 3);
  REQUIRE(absl::IsDataLoss(bench.index.Put(5, 5, bench.NewPlace(3), true, bench.uses)));
}

TEST_CASE("a moved entry changes its place and cuts nothing", "[groups]") {
  Bench bench;
  for (uint64_t at = 1; at <= 4; ++at) bench.Append(at, 1, 1);
  bench.Move(2, 1, 3);
  REQUIRE(bench.Terms() == "1/1 2/1 3/1 4/1 ");
  REQUIRE(bench.LiveIn(1) == 3);
  REQUIRE(log::SegmentOf(bench.index.Find(2)->position) == 3);
}

TEST_CASE("a replay from the middle of the log has gaps that moved entries fill", "[groups]") {
  Bench bench;
  bench.Append(7, 2, 1);
  bench.Move(5, 1, 2);
  REQUIRE(absl::IsDataLoss(bench.index.CheckWhole()));
  bench.SetState(4, 1, 2);
  REQUIRE(bench.Terms() == "5/1 - 7/2 ");
  REQUIRE(absl::IsDataLoss(bench.index.CheckWhole()));
  bench.Move(6, 2, 2);
  REQUIRE_OK(bench.index.CheckWhole());
  bench.Append(10, 3, 3);
  bench.Move(8, 2, 3);
  bench.Move(9, 2, 3);
  REQUIRE_OK(bench.index.CheckWhole());
  REQUIRE(bench.Terms() == "5/1 6/2 7/2 8/2 9/2 10/3 ");
}

TEST_CASE("an entry far away from all others is damage and takes no memory", "[groups][damage]") {
  Bench bench;
  bench.Append(100, 1, 1);
  REQUIRE(absl::IsDataLoss(
      bench.index.Put(uint64_t{1} << 60, 1, bench.NewPlace(1), false, bench.uses)));
  REQUIRE(bench.index.used_bytes() < 10'000);
}

TEST_CASE("random changes leave the index and its sums as a model has them", "[groups]") {
  const uint64_t seed = GENERATE(range(1, 9));
  INFO("seed " << seed);
  Random random(seed);
  Bench bench;
  uint64_t start = 0;
  std::map<uint64_t, std::pair<uint64_t, Place>> model;  // Term and place by index.
  uint64_t term = 1;
  for (int step = 0; step < 2000; ++step) {
    const auto segment = static_cast<uint32_t>(1 + random.Uniform(3));
    const uint64_t last = model.empty() ? start : model.rbegin()->first;
    const uint64_t choice = random.Uniform(10);
    if (choice == 0 && !model.empty()) {
      const uint64_t at = start + 1 + random.Uniform(last - start);
      bench.SetState(at, model.at(at).first, segment);
      start = at;
      model.erase(model.begin(), model.upper_bound(at));
    } else if (choice == 1 && !model.empty()) {
      const uint64_t at = start + 1 + random.Uniform(last - start);
      const Place place = bench.NewPlace(segment);
      REQUIRE_OK(bench.index.Put(at, model.at(at).first, place, false, bench.uses));
      model.at(at).second = place;
    } else {
      term += random.OneIn(20) ? 1 : 0;
      const bool cuts = random.OneIn(5) && last > start;
      const uint64_t at = cuts ? start + 1 + random.Uniform(last - start) : last + 1;
      const Place place = bench.NewPlace(segment);
      REQUIRE_OK(bench.index.Put(at, term, place, true, bench.uses));
      model.erase(model.lower_bound(at), model.end());
      model[at] = {term, place};
    }
    REQUIRE(bench.index.last_index() == (model.empty() ? start : model.rbegin()->first));
    if (step % 50 != 0) continue;
    uint64_t live = bench.index.state_place().record_bytes / 64;
    for (const auto& [at, entry] : model) {
      REQUIRE(bench.index.TermAt(at) == entry.first);
      REQUIRE(bench.index.Find(at)->position == entry.second.position);
      ++live;
    }
    REQUIRE(bench.LiveIn(1) + bench.LiveIn(2) + bench.LiveIn(3) == live);
  }
  bench.index.Clear(bench.uses);
  REQUIRE(bench.uses.OldestLive() == UINT32_MAX);
}

}  // namespace nokv::groups
