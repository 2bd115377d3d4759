#include "engine/lsm/compaction_job.h"

#include "engine/lsm/compaction_picker.h"
#include "engine/table/test_table.h"
#include "engine/vfs/fault_file_system.h"
#include "engine/vfs/mem_file_system.h"

namespace nokv::lsm {
namespace {

using table::BlockCache;
using table::RangeTombstone;
using Row = table::Version;

constexpr char kDirectory[] = "/db";

std::string Key(uint64_t number) { return fmt::format("k{:04}", number); }

// A directory of tables.
struct Bench final : FileOpener {
  vfs::MemFileSystem files;
  BlockCache cache{1 << 20};
  uint64_t next_number = 1;

  Bench() { REQUIRE_OK(files.CreateDirectory(kDirectory)); }

  OutputOptions Options() {
    OutputOptions options;
    options.files = &files;
    options.directory = kDirectory;
    options.next_number = [this] { return next_number++; };
    options.builder.block_bytes_target = 64;
    options.level = kBottomLevel;
    return options;
  }

  absl::StatusOr<std::shared_ptr<const table::Table>> OpenTable(uint64_t number) override {
    const std::string path = vfs::JoinPath(kDirectory, TableFileName(number));
    ASSIGN_OR_RETURN(auto file, files.OpenRead(path));
    return table::Table::Open(std::move(file), path, cache);
  }

  absl::StatusOr<std::shared_ptr<const log::ValueHost>> OpenSegment(uint32_t) override {
    return InternalError("no segments here");
  }

  absl::StatusOr<std::shared_ptr<const log::ValueHost>> OpenInValueFile(uint32_t,
                                                                        uint32_t) override {
    return InternalError("no value files here");
  }

  std::shared_ptr<const table::Table> OpenOrDie(const NewTable& made) {
    auto opened = OpenTable(made.number);
    REQUIRE_OK(opened.status());
    REQUIRE((*opened)->summary() == made.summary);
    REQUIRE_OK((*opened)->Verify());
    return *std::move(opened);
  }

  std::vector<Row> Rows(const NewTable& made) {
    const auto table = OpenOrDie(made);
    std::vector<Row> rows;
    const auto it = table->NewIterator();
    for (it->SeekToFirst(); it->Valid(); it->Next()) rows.push_back(Row::Of(it->entry()));
    REQUIRE_OK(it->status());
    return rows;
  }

  // One table with these rows and tombstones, as the flush of a memtable makes it.
  NewTable Make(uint32_t level, const std::vector<Row>& rows,
                std::vector<RangeTombstone> tombstones = {}) {
    OutputOptions options = Options();
    options.level = level;
    std::vector<RangeTombstones::Fragment> fragments = RangeTombstones(tombstones).fragments();
    TableOutputs outputs(options, std::move(fragments));
    for (const Row& row : rows) REQUIRE_OK(outputs.Add(row.entry()));
    REQUIRE_OK(outputs.Finish());
    REQUIRE(outputs.tables().size() == 1);
    return outputs.tables().front();
  }
};

// Three versions of each key.
std::vector<Row> ManyRows(uint64_t keys) {
  std::vector<Row> rows;
  for (uint64_t i = 0; i < keys; ++i) {
    for (const Sequence sequence : {3000, 2000, 1000}) {
      rows.push_back(table::Inline(Key(i), sequence + i, std::string(20, 'v')));
    }
  }
  return rows;
}

}  // namespace

TEST_CASE("outputs are cut at changes of key, and hold everything in order", "[job]") {
  Bench bench;
  OutputOptions options = bench.Options();
  options.table_bytes_target = 1000;
  TableOutputs outputs(options, {});
  const std::vector<Row> rows = ManyRows(200);
  for (const Row& row : rows) REQUIRE_OK(outputs.Add(row.entry()));
  REQUIRE_OK(outputs.Finish());
  REQUIRE(outputs.tables().size() > 5);
  std::vector<Row> read;
  std::string last;
  uint64_t bytes = 0;
  for (const NewTable& made : outputs.tables()) {
    REQUIRE(made.level == kBottomLevel);
    REQUIRE(made.summary.smallest_key > last);
    last = made.summary.largest_key;
    bytes += made.summary.size_bytes;
    const std::vector<Row> part = bench.Rows(made);
    read.insert(read.end(), part.begin(), part.end());
  }
  REQUIRE(read == rows);
  REQUIRE(outputs.bytes_written() == bytes);
}

TEST_CASE("outputs are cut by the values that they keep alive, too", "[job]") {
  Bench bench;
  OutputOptions options = bench.Options();
  options.value_bytes_target = 5000;
  TableOutputs outputs(options, {});
  for (uint32_t i = 0; i < 100; ++i) {
    REQUIRE_OK(outputs.Add(table::Handle(Key(i), 9000 - i, {1, i, 1000}).entry()));
  }
  REQUIRE_OK(outputs.Finish());
  REQUIRE(outputs.tables().size() == 20);
}

TEST_CASE("range tombstones are cut along with the keys, and cover what they covered", "[job]") {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    INFO("seed " << seed);
    Random random(seed);
    Bench bench;
    OutputOptions options = bench.Options();
    options.table_bytes_target = 600;
    std::vector<RangeTombstone> tombstones;
    for (uint64_t i = 1 + random.Uniform(8); i > 0; --i) {
      const uint64_t start = random.Uniform(110);
      tombstones.push_back(
          {Key(start), Key(start + 1 + random.Uniform(60)), 1 + random.Uniform(5000)});
    }
    const RangeTombstones before(tombstones);
    TableOutputs outputs(options, before.fragments());
    // Keys do not reach as far as the tombstones do, on both sides.
    for (uint64_t i = 20; i < 80; ++i) {
      REQUIRE_OK(outputs.Add(table::Inline(Key(i), 6000, std::string(20, 'v')).entry()));
    }
    REQUIRE_OK(outputs.Finish());
    REQUIRE(outputs.tables().size() > 2);
    std::vector<RangeTombstone> after_list;
    std::string last;
    for (const NewTable& made : outputs.tables()) {
      REQUIRE(made.summary.smallest_key >= last);
      last = made.summary.largest_key;
      const auto table = bench.OpenOrDie(made);
      for (const RangeTombstone& tombstone : table->range_tombstones()) {
        REQUIRE(tombstone.start >= made.summary.smallest_key);
        REQUIRE(tombstone.end <= made.summary.largest_key);
        after_list.push_back(tombstone);
      }
    }
    const RangeTombstones after(after_list);
    for (uint64_t i = 0; i < 180; ++i) {
      for (const Sequence bound : {Sequence{500}, Sequence{2500}, kSequenceMax}) {
        REQUIRE(after.NewestCovering(Key(i), bound) == before.NewestCovering(Key(i), bound));
      }
    }
  }
}

TEST_CASE("range tombstones alone make a table, and nothing makes none", "[job]") {
  Bench bench;
  const NewTable made = bench.Make(0, {}, {{"a", "c", 5}, {"b", "d", 7}});
  REQUIRE(made.summary.entries == 0);
  REQUIRE(made.summary.smallest_key == "a");
  REQUIRE(made.summary.largest_key == "d");
  TableOutputs nothing(bench.Options(), {});
  REQUIRE_OK(nothing.Finish());
  REQUIRE(nothing.tables().empty());
  REQUIRE(bench.next_number == 2);
}

TEST_CASE("a job that is given up leaves no file behind", "[job]") {
  Bench bench;
  OutputOptions options = bench.Options();
  options.table_bytes_target = 1000;
  TableOutputs outputs(options, {});
  for (const Row& row : ManyRows(100)) REQUIRE_OK(outputs.Add(row.entry()));
  REQUIRE(bench.files.List(kDirectory)->size() > 3);
  outputs.Discard();
  REQUIRE(bench.files.List(kDirectory)->empty());
  REQUIRE(outputs.tables().empty());
}

TEST_CASE("a merge drops what nobody sees, in bounded steps", "[job]") {
  Bench bench;
  const std::vector<Row> rows = ManyRows(300);
  std::vector<NewTable> made;
  for (size_t part = 0; part < 3; ++part) {
    std::vector<Row> rows_of_part;
    for (size_t i = part; i < rows.size(); i += 3) rows_of_part.push_back(rows[i]);
    made.push_back(bench.Make(0, rows_of_part));
  }
  std::vector<std::shared_ptr<const table::Table>> tables;
  std::vector<std::unique_ptr<table::TableIterator>> inputs;
  for (const NewTable& input : made) {
    tables.push_back(bench.OpenOrDie(input));
    inputs.push_back(tables.back()->NewIterator());
  }
  VersionFilterOptions filter;
  filter.is_bottom = [](std::string_view) { return true; };
  CompactionJob job(bench.Options(), std::move(inputs), {{Key(100), Key(200), 5000}}, filter,
                    [](std::string_view, std::string_view) { return true; });
  int steps = 1;
  for (;; ++steps) {
    const auto done = job.Step(50);
    REQUIRE_OK(done.status());
    REQUIRE(job.entries_read() <= 50 * static_cast<uint64_t>(steps));
    if (*done) break;
  }
  REQUIRE(steps >= 18);
  REQUIRE(job.entries_read() == 900);
  REQUIRE(job.entries_dropped() == 700);
  REQUIRE(job.outputs().tables().size() == 1);
  const NewTable& output = job.outputs().tables().front();
  REQUIRE(output.summary.entries == 200);
  REQUIRE(output.summary.range_tombstones == 0);
  for (const Row& row : bench.Rows(output)) REQUIRE(row.sequence >= 3000);
}

TEST_CASE("a failed write fails the job, and giving up cleans up", "[job][fault]") {
  const auto kind =
      GENERATE(vfs::OperationKind::kCreate, vfs::OperationKind::kAppend, vfs::OperationKind::kSync);
  Bench bench;
  const NewTable made = bench.Make(0, ManyRows(100));
  const auto table = bench.OpenOrDie(made);
  vfs::FaultFileSystem faulty(bench.files);
  faulty.FailNth(kind, 2, InternalError("planned I/O error"));
  OutputOptions options = bench.Options();
  options.files = &faulty;
  options.table_bytes_target = 1000;
  std::vector<std::unique_ptr<table::TableIterator>> inputs;
  inputs.push_back(table->NewIterator());
  CompactionJob job(options, std::move(inputs), {}, {}, nullptr);
  absl::StatusOr<bool> done = false;
  while (done.ok() && !*done) done = job.Step(10);
  REQUIRE(absl::IsInternal(done.status()));
  job.outputs().Discard();
  REQUIRE(*bench.files.List(kDirectory) == std::vector<std::string>{TableFileName(made.number)});
}

TEST_CASE("a table under a newer range tombstone is dropped without being read", "[picker]") {
  Bench bench;
  VersionEdit edit;
  edit.new_families.push_back({0, "default"});
  const NewTable covered =
      bench.Make(kBottomLevel, {table::Inline("b", 100, "v"), table::Inline("c", 90, "v")});
  const NewTable reaches_out = bench.Make(kBottomLevel, {table::Inline("d", 80, "v")});
  edit.new_tables = {covered, reaches_out, bench.Make(0, {}, {{"a", "d", 200}})};
  const auto version = Version().Apply(edit, bench);
  REQUIRE_OK(version.status());

  const auto dropped = [&](std::vector<Sequence> snapshots) -> std::vector<DeletedTable> {
    PickerOptions options;
    options.snapshots = std::move(snapshots);
    const auto picked = PickCompaction(**version, options);
    return picked.has_value() && picked->IsDrop() ? picked->dropped : std::vector<DeletedTable>{};
  };
  const std::vector<DeletedTable> expected = {{0, kBottomLevel, covered.number}};
  REQUIRE(dropped({}) == expected);
  REQUIRE(dropped({50, 89, 200, 300}) == expected);  // These see all of it, or none.
  REQUIRE(dropped({90}).empty());
  REQUIRE(dropped({150}).empty());
  REQUIRE(dropped({199}).empty());
}

}  // namespace nokv::lsm
