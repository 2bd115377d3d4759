#include "tests/engine/group_trial.h"

#include "tests/engine/trial.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace nokv::tests {
namespace {

Options GroupOptions(bool map) {
  Options options = TinyOptions();
  options.groups = true;
  options.prefer_mapping = map;
  options.log_distance_bytes_max = 96 << 10;
  return options;
}

}  // namespace

GroupTrial::GroupTrial(std::shared_ptr<vfs::MemFileSystem> disk, uint64_t seed, bool map)
    : disk_(std::move(disk)), files_(*disk_), random_(seed), executor_(&random_), map_(map) {
  states_.push_back(std::make_shared<GroupDatabase>());
}

GroupTrial::~GroupTrial() {
  files_.ClearFaults();
  db_.reset();
}

void GroupTrial::Fail(std::string what) {
  if (violation_.empty()) violation_ = std::move(what);
}

void GroupTrial::Expect(const absl::Status& status, std::string_view what) {
  if (!status.ok()) Fail(fmt::format("{}: {}", what, status.ToString()));
}

void GroupTrial::Open() {
  Options options = GroupOptions(map_);
  options.environment = {.files = &files_, .clock = &clock_, .executor = &executor_};
  auto opened = DB::Open(options);
  if (!opened.ok()) return Expect(opened.status(), "open");
  db_ = *std::move(opened);
}

void GroupTrial::SetFound(GroupDatabase found) {
  states_ = {std::make_shared<GroupDatabase>(std::move(found))};
  acknowledged_ = durable_ = 0;
}

GroupDatabase GroupTrial::Read() {
  if (!ok()) return {};
  auto found = ReadGroupDatabase(*db_, kTrialGroups);
  if (found.ok()) return *std::move(found);
  Expect(found.status(), "reading");
  return {};
}

void GroupTrial::ExpectNewest() {
  const GroupDatabase found = Read();
  if (!ok() || found == newest()) return;
  Fail(fmt::format("expected\n{}found\n{}", newest().Describe(), found.Describe()));
}

template <typename Change>
void GroupTrial::Do(GroupDatabase after, Change&& change) {
  states_.push_back(std::make_shared<GroupDatabase>(std::move(after)));
  Expect(change(), "a change");
  acknowledged_ = states_.size() - 1;
}

std::string GroupTrial::Payload() {
  // A few of the large ones fill a segment.
  const size_t size_max = random_.OneIn(8) ? 20000 : random_.OneIn(3) ? 3000 : 200;
  std::string payload(random_.Uniform(size_max), '\0');
  // No part of it is like the one beside it.
  uint64_t next = random_.Uniform(26);
  for (char& byte : payload) byte = static_cast<char>('a' + next++ % 26);
  return payload;
}

void GroupTrial::Sync() {
  if (!ok()) return;
  bool is_done = false;
  const size_t covered = acknowledged_;
  db_->groups().SyncTo(end_, [&](const absl::Status& status) {
    Expect(status, "sync");
    is_done = true;
  });
  if (is_done) Fail("a sync was told inside the call that asks for it");
  executor_.RunUntilIdle();
  if (!is_done) Fail("a sync was never told");
  // Rows that came after the round are not covered.
  durable_ = std::max(durable_, std::min(covered, end_state_));
}

GroupWrite GroupTrial::RandomWrite(GroupId id, const GroupDatabase& before,
                                   std::vector<GroupEntry>* entries,
                                   std::vector<std::string>* texts) {
  GroupWrite write{.group = id};
  const auto found = before.groups.find(id);
  const bool exists = found != before.groups.end();
  uint64_t start = exists ? found->second.start.index : 0;
  uint64_t last = exists ? found->second.last_index() : 0;
  if (exists && random_.OneIn(40)) {
    write.remove = true;
    return write;
  }
  if (random_.OneIn(30)) {
    start = last = last + random_.Uniform(3);
    write.restart = GroupPoint{start, term_};
  } else if (last > start && random_.OneIn(3)) {
    write.compact_to = start = start + 1 + random_.Uniform(last - start);
  }
  if (random_.OneIn(3)) {
    texts->push_back(fmt::format("state at {}", term_));
    write.state = texts->back();
  }
  const bool cuts = last > start && random_.OneIn(6);
  uint64_t next = cuts ? start + 1 + random_.Uniform(last - start) : last + 1;
  term_ += random_.OneIn(5) ? 1 : 0;
  for (uint64_t i = 0, count = 1 + random_.Uniform(3); i < count; ++i) {
    texts->push_back(Payload());
    entries->push_back({next++, term_, 1, texts->back()});
  }
  write.entries = *entries;
  return write;
}

void GroupTrial::AppendRandomRound() {
  GroupDatabase after = newest();
  std::vector<GroupWrite> writes;
  std::vector<std::vector<GroupEntry>> entries(kTrialGroups);
  std::vector<std::string> texts;
  texts.reserve(100);  // What the writes refer to stays in its place.
  for (GroupId id = 1; id <= kTrialGroups; ++id) {
    if (!random_.OneIn(id + 1)) continue;  // The last ones fall behind.
    writes.push_back(RandomWrite(id, after, &entries[id - 1], &texts));
    after.Apply(writes.back());
  }
  if (writes.empty()) return;
  Do(std::move(after), [&]() -> absl::Status {
    ASSIGN_OR_RETURN(end_, db_->groups().Append(writes));
    return absl::OkStatus();
  });
  end_state_ = acknowledged_;
}

// What a store does when it applies: data and how far it has it, in one write.
void GroupTrial::WriteMarkedRows() {
  if (!ok() || db_ == nullptr) return;  // A database that closes runs what waits.
  GroupDatabase after = newest();
  if (after.groups.empty()) return;
  const auto chosen = static_cast<std::ptrdiff_t>(random_.Uniform(after.groups.size()));
  const GroupId group = std::next(after.groups.begin(), chosen)->first;
  const uint64_t index = after.groups.at(group).last_index();
  if (index == 0) return;
  WriteBatch batch;
  for (uint64_t i = random_.Uniform(4); i > 0; --i) {
    const std::string key = fmt::format("{}/{}", group, random_.Uniform(6));
    std::string& value = after.rows[key];
    const auto& entries = after.groups.at(group).entries;
    if (entries.empty() || random_.OneIn(3)) {
      value = Payload();
      batch.Set(key, value);
      continue;
    }
    // A part of an entry, most of them new.
    auto entry = std::prev(entries.end());
    while (entry != entries.begin() && random_.OneIn(2)) --entry;
    const std::string& payload = entry->second.second;
    const auto offset = static_cast<uint32_t>(random_.Uniform(payload.size() / 2 + 1));
    value = payload.substr(offset, payload.size() - 2 * offset);
    batch.SetFromEntry(key, value, {group, entry->first, offset, HeadBytesOf(key)});
  }
  after.marks[group] = index;
  const GroupMark mark{group, index};
  Do(std::move(after), [&] { return db_->Write(batch, {.marks = std::span(&mark, 1)}); });
}

void GroupTrial::Step() {
  if (!ok()) return;
  switch (random_.Uniform(20)) {
    case 0:  // With writes between its steps.
      for (uint64_t i = random_.Uniform(3); i > 0; --i) {
        executor_.Submit(Priority::kHigh, [this] { WriteMarkedRows(); });
      }
      return Expect(db_->Flush(), "flush");
    case 1:
      return Expect(db_->RunValueLogGC(random_.OneIn(2) ? 0 : 0.5).status(), "collection");
    case 12:
      if (!random_.OneIn(4)) return AppendRandomRound();
      return Expect(db_->CompactRange(kDefaultColumnFamily, "", ""), "compaction");
    case 2:
    case 3:
    case 4:
      return Sync();
    case 5:
    case 6:
    case 7:
      return WriteMarkedRows();
    case 8:
    case 9:
    case 10:
    case 11:
      executor_.RunOne();
      return;
    default:
      return AppendRandomRound();
  }
}

void GroupTrial::AppendAndSync() {
  for (int i = 0; ok() && (i < 3 || end_ == 0); ++i) AppendRandomRound();  // Some are empty.
  Sync();
}

void GroupTrial::TidyUp() {
  if (!ok()) return;
  Expect(db_->Flush(), "flush");
  Expect(db_->CompactRange(kDefaultColumnFamily, "", ""), "compaction");
  Expect(db_->RunValueLogGC().status(), "collection");
  Expect(db_->Verify(), "verification");
}

}  // namespace nokv::tests
