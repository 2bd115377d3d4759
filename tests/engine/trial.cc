#include "tests/engine/trial.h"

#include "engine/base/check.h"

#include <utility>

namespace nokv::tests {

Options TinyOptions() {
  Options options;
  options.directory = std::string(kDirectory);
  options.memory_bytes = 1 << 20;
  options.value_threshold_bytes = 256;
  options.segment_bytes_max = 64 << 10;
  options.log_distance_bytes_max = 256 << 10;
  options.reserve_bytes = 0;
  options.background_work = false;
  options.table_bytes_target = 4 << 10;
  options.level_base_bytes = 16 << 10;
  options.block_bytes_target = 512;
  return options;
}

Trial::Trial(Remains remains, const Options& options, uint64_t seed)
    : disk_(std::move(remains.disk)),
      files_(*disk_),
      options_(options),
      random_(seed),
      executor_(&random_),
      clock_(remains.now_ms),
      history_(std::move(remains.history)),
      checkpoints_(std::move(remains.checkpoints)),
      version_(seed % 1000 * 1000) {
  options_.environment = {.files = &files_, .clock = &clock_, .executor = &executor_};
}

Trial::~Trial() {
  files_.ClearFaults();
  db_.reset();
}

void Trial::Fail(std::string what) {
  if (violation_.empty()) violation_ = std::move(what);
}

void Trial::Expect(const absl::Status& status, std::string_view what) {
  if (!status.ok()) Fail(fmt::format("{}: {}", what, status.ToString()));
}

void Trial::Open() {
  if (!ok()) return;
  auto opened = DB::Open(options_);
  if (!opened.ok()) return Expect(opened.status(), "open");
  db_ = *std::move(opened);
}

void Trial::Close() {
  db_.reset();
  executor_.RunUntilIdle();
}

void Trial::Reopen() {
  if (!ok()) return;
  Close();
  Open();
  ExpectNewest();
}

void Trial::Recover(Crash crash) {
  Open();
  if (!ok()) return;
  const auto contents = ReadEverything(*db_);
  if (!contents.ok()) return Expect(contents.status(), "reading after recovery");
  const std::string before = history_.Describe();
  if (const std::string wrong = history_.Settle(*contents, crash, now_ms()); !wrong.empty()) {
    Fail(fmt::format("after recovery ({}): {}", before, wrong));
  }
}

void Trial::ExpectNewest() {
  if (!ok()) return;
  const auto contents = ReadEverything(*db_);
  if (!contents.ok()) return Expect(contents.status(), "reading");
  if (const std::string wrong = history_.Compare(*contents, now_ms()); !wrong.empty()) {
    Fail("reading finds\n" + wrong);
  }
}

void Trial::ExpectCheckpoints() {
  for (const CheckpointRecord& checkpoint : checkpoints_) {
    if (!ok()) return;
    Options options = options_;
    options.directory = checkpoint.directory;
    options.create_if_missing = false;
    auto opened = DB::Open(options);
    if (!opened.ok()) return Expect(opened.status(), "opening a checkpoint");
    const auto contents = ReadEverything(**opened);
    if (!contents.ok()) return Expect(contents.status(), "reading a checkpoint");
    const State expected = checkpoint.state.VisibleAt(now_ms(), contents->handles());
    if (!(expected == contents->state)) {
      Fail("checkpoint " + checkpoint.directory + ":\n" + Difference(expected, contents->state));
    }
    Expect((*opened)->Verify(), "verifying a checkpoint");
  }
}

void Trial::Set(std::string_view key, std::string_view value, Durability level) {
  WriteBatch batch;
  batch.Set(key, value);
  Write(batch, level);
}

void Trial::SetNext(std::string_view key, size_t size_bytes, Durability level) {
  Set(key, MakeValue(key, NextVersion(), size_bytes), level);
}

void Trial::SetWithTTL(std::string_view key, size_t size_bytes, absl::Duration ttl) {
  WriteBatch batch;
  const auto ttl_ms = static_cast<uint64_t>(absl::ToInt64Milliseconds(ttl));
  batch.SetWithExpiry(key, MakeValue(key, NextVersion(), size_bytes), now_ms() + ttl_ms);
  Write(batch);
}

void Trial::Del(std::string_view key, Durability level) {
  WriteBatch batch;
  batch.Delete(key);
  Write(batch, level);
}

void Trial::DeleteRange(std::string_view start, std::string_view end) {
  WriteBatch batch;
  batch.DeleteRange(start, end);
  Write(batch);
}

void Trial::Write(const WriteBatch& batch, Durability level) {
  if (ok() && !TryWrite(batch, level)) Fail("write: the disk is full");
}

bool Trial::TryWrite(const WriteBatch& batch, Durability level) {
  if (!ok()) return false;
  history_.Submit(batch);
  const absl::Status status = db_->Write(batch, {.durability = level});
  if (status.ok()) {
    const bool is_power = level == Durability::kPower || options_.durability == Durability::kPower;
    history_.Acknowledge(is_power ? Durability::kPower : Durability::kProcess);
    return true;
  }
  if (status.code() == absl::StatusCode::kResourceExhausted) {
    history_.Reject();
  } else {
    Expect(status, "write");
  }
  return false;
}

void Trial::SyncLog() {
  if (!ok()) return;
  bool is_done = false;
  absl::Status result;
  db_->SyncLog([&](absl::Status status) {
    is_done = true;
    result = std::move(status);
  });
  if (is_done) Fail("SyncLog() called back inside the call");
  executor_.RunUntilIdle();
  if (!is_done) Fail("SyncLog() never called back");
  Expect(result, "SyncLog()");
  if (ok()) history_.MarkDurable();
}

ColumnFamilyHandle Trial::CreateFamily(std::string_view name) {
  if (!ok()) return {};
  history_.SubmitCreate(name);
  const auto family = db_->CreateColumnFamily(name);
  Expect(family.status(), "CreateColumnFamily()");
  if (!ok()) return {};
  history_.AcknowledgeCreate(*family);
  return *family;
}

void Trial::DropFamily(ColumnFamilyHandle family) {
  if (!ok()) return;
  history_.SubmitDrop(family);
  Expect(db_->DropColumnFamily(family), "DropColumnFamily()");
  if (ok()) history_.AcknowledgeDrop();
}

void Trial::Flush() {
  if (!ok()) return;
  Expect(db_->Flush(), "Flush()");
  if (ok()) history_.MarkDurable();
}

void Trial::Compact(ColumnFamilyHandle family) {
  if (!ok()) return;
  Expect(db_->CompactRange(family, "", ""), "CompactRange()");
}

void Trial::Collect(double dead_ratio) {
  if (ok()) Expect(db_->RunValueLogGC(dead_ratio).status(), "RunValueLogGC()");
}

void Trial::Checkpoint(const std::string& directory) {
  if (!ok()) return;
  Expect(db_->Checkpoint(directory), "Checkpoint()");
  if (!ok()) return;
  history_.MarkDurable();
  checkpoints_.push_back({directory, history_.newest()});
}

void Trial::Verify() {
  if (ok()) Expect(db_->Verify(), "Verify()");
}

void Trial::RunBackground(int tasks) {
  for (int i = 0; i < tasks && ok() && executor_.RunOne(); ++i) {
  }
}

void Trial::MakeRoom() {
  disk_->SetCapacityBytes(UINT64_MAX);
  clock_.Advance(absl::Seconds(1));  // It looks for space again only now and then.
}

Remains Trial::Copy() {
  return {std::shared_ptr<vfs::MemFileSystem>(disk_->Clone()), history_, checkpoints_, now_ms()};
}

}  // namespace nokv::tests
