#include "engine/base/check.h"
#include "tests/engine/peer.h"

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/iterator.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include <map>
#include <utility>

namespace nokv::tests {
namespace {

rocksdb::Slice SliceOf(std::string_view bytes) { return {bytes.data(), bytes.size()}; }

void Must(const rocksdb::Status& status) { NOKV_CHECK(status.ok()); }

class RocksCursor final : public Cursor {
 public:
  RocksCursor(std::string lower_bound, std::string upper_bound)
      : lower_(std::move(lower_bound)),
        upper_(std::move(upper_bound)),
        lower_slice_(SliceOf(lower_)),
        upper_slice_(SliceOf(upper_)) {}

  void Open(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* family,
            const rocksdb::Snapshot* snapshot) {
    rocksdb::ReadOptions options;
    options.snapshot = snapshot;
    if (!lower_.empty()) options.iterate_lower_bound = &lower_slice_;
    if (!upper_.empty()) options.iterate_upper_bound = &upper_slice_;
    iterator_.reset(db.NewIterator(options, family));
  }

  bool Valid() override {
    Must(iterator_->status());
    return iterator_->Valid();
  }

  void SeekToFirst() override { iterator_->SeekToFirst(); }

  void SeekToLast() override { iterator_->SeekToLast(); }

  void Seek(std::string_view target) override { iterator_->Seek(SliceOf(target)); }

  void SeekForPrev(std::string_view target) override { iterator_->SeekForPrev(SliceOf(target)); }

  void Next() override { iterator_->Next(); }

  void Prev() override { iterator_->Prev(); }

  std::string_view key() override { return {iterator_->key().data(), iterator_->key().size()}; }

  std::string_view value() override {
    return {iterator_->value().data(), iterator_->value().size()};
  }

 private:
  const std::string lower_;
  const std::string upper_;
  const rocksdb::Slice lower_slice_;
  const rocksdb::Slice upper_slice_;
  std::unique_ptr<rocksdb::Iterator> iterator_;
};

class RocksPeer final : public Peer {
 public:
  RocksPeer() : env_(rocksdb::NewMemEnv(rocksdb::Env::Default())) { Open(); }

  ~RocksPeer() override { Close(); }

  void Write(const WriteBatch& batch) override {
    rocksdb::WriteBatch copy;
    batch.ForEach([&](const Change& change) {
      rocksdb::ColumnFamilyHandle* const family = Family(change.column_family);
      const rocksdb::Slice key = SliceOf(change.key);
      const rocksdb::Slice value = SliceOf(change.value);
      switch (change.kind) {
        case ChangeKind::kSet:
          return Must(copy.Put(family, key, value));
        case ChangeKind::kDelete:
          return Must(copy.Delete(family, key));
        case ChangeKind::kDeleteRange:
          return Must(copy.DeleteRange(family, key, value));
      }
    });
    Must(db_->Write(NoLog(), &copy));
  }

  void Drop(ColumnFamilyHandle family) override {
    const auto found = families_.find(family.id);
    if (found == families_.end()) return;
    Must(db_->DropColumnFamily(found->second));
    Must(db_->DestroyColumnFamilyHandle(found->second));
    families_.erase(found);
  }

  void Flush() override {
    for (const auto& [id, family] : families_) Must(db_->Flush({}, family));
  }

  void Reset(const State& state, const std::vector<ColumnFamilyHandle>& families) override {
    while (!snapshots_.empty()) ReleaseSnapshot(snapshots_.begin()->first);
    while (!families_.empty()) Drop({families_.begin()->first});
    WriteBatch batch;
    for (const ColumnFamilyHandle family : families) {
      for (const auto& [key, stored] : state.rows(family)) batch.Set(key, *stored.value, family);
    }
    Write(batch);
  }

  int TakeSnapshot() override {
    snapshots_.emplace(next_snapshot_, db_->GetSnapshot());
    return next_snapshot_++;
  }

  void ReleaseSnapshot(int snapshot) override {
    const auto found = snapshots_.find(snapshot);
    if (found == snapshots_.end()) return;
    db_->ReleaseSnapshot(found->second);
    snapshots_.erase(found);
  }

  std::unique_ptr<Cursor> NewCursor(ColumnFamilyHandle family, int snapshot,
                                    const std::string& lower_bound,
                                    const std::string& upper_bound) override {
    auto cursor = std::make_unique<RocksCursor>(lower_bound, upper_bound);
    cursor->Open(*db_, Family(family), snapshot < 0 ? nullptr : snapshots_.at(snapshot));
    return cursor;
  }

 private:
  static rocksdb::WriteOptions NoLog() {
    rocksdb::WriteOptions options;
    options.disableWAL = true;
    return options;
  }

  void Open() {
    rocksdb::Options options;
    options.create_if_missing = true;
    options.error_if_exists = true;
    options.env = env_.get();
    options.write_buffer_size = 64 << 10;
    rocksdb::DB* db = nullptr;
    Must(rocksdb::DB::Open(options, "/peer", &db));
    db_.reset(db);
  }

  void Close() {
    while (!snapshots_.empty()) ReleaseSnapshot(snapshots_.begin()->first);
    for (const auto& [id, family] : families_) Must(db_->DestroyColumnFamilyHandle(family));
    families_.clear();
    db_.reset();
  }

  // Made when first used; the default one too, so that it can be dropped with the others.
  rocksdb::ColumnFamilyHandle* Family(ColumnFamilyHandle family) {
    rocksdb::ColumnFamilyHandle*& handle = families_[family.id];
    if (handle == nullptr) {
      Must(db_->CreateColumnFamily({}, std::to_string(++generation_), &handle));
    }
    return handle;
  }

  const std::unique_ptr<rocksdb::Env> env_;
  std::unique_ptr<rocksdb::DB> db_;
  std::map<uint16_t, rocksdb::ColumnFamilyHandle*> families_;
  std::map<int, const rocksdb::Snapshot*> snapshots_;
  int next_snapshot_ = 0;
  int generation_ = 0;
};

}  // namespace

std::unique_ptr<Peer> NewPeer() { return std::make_unique<RocksPeer>(); }

}  // namespace nokv::tests
