// LevelDB reads uncompressed tables from mapped files and gives their blocks to the caller without
// the block cache, so the cache it is given here stays small in practice; the page cache holds the
// data. Its write buffer is doubled while it flushes.
#include "benchmark/ycsb/engines/engines.h"

#include <leveldb/cache.h>
#include <leveldb/db.h>
#include <leveldb/filter_policy.h>

#include <memory>

namespace nokv::bench {
namespace {

absl::Status FromLevelDB(const leveldb::Status& status) {
  if (status.ok()) return absl::OkStatus();
  return InternalError("leveldb: {}", status.ToString());
}

leveldb::Slice ToSlice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }

class LevelSession final : public Session {
 public:
  LevelSession(leveldb::DB& db, bool sync) : db_(db) { write_.sync = sync; }

  absl::Status Put(std::string_view key, std::string_view value) override {
    const leveldb::Status status = db_.Put(write_, ToSlice(key), ToSlice(value));
    if (status.ok()) return absl::OkStatus();
    return FromLevelDB(status);
  }

  absl::StatusOr<bool> Get(std::string_view key, std::string* value) override {
    const leveldb::Status status = db_.Get(read_, ToSlice(key), value);
    if (status.ok()) return true;
    if (status.IsNotFound()) return false;
    return FromLevelDB(status);
  }

  absl::StatusOr<uint32_t> Scan(std::string_view first, uint32_t rows,
                                std::string* values) override {
    values->clear();
    const std::unique_ptr<leveldb::Iterator> iterator(db_.NewIterator(read_));
    uint32_t found = 0;
    for (iterator->Seek(ToSlice(first)); found < rows && iterator->Valid(); ++found) {
      const leveldb::Slice value = iterator->value();
      values->append(value.data(), value.size());
      if (found + 1 < rows) iterator->Next();
    }
    RETURN_IF_ERROR(FromLevelDB(iterator->status()));
    return found;
  }

 private:
  leveldb::DB& db_;
  leveldb::WriteOptions write_;
  const leveldb::ReadOptions read_;
};

class LevelEngine final : public Engine {
 public:
  static EngineOr Open(const EngineOptions& options) {
    auto engine = std::make_unique<LevelEngine>();
    engine->sync_ = options.durability == SyncLevel::kPower;
    engine->cache_.reset(leveldb::NewLRUCache(options.memory_bytes));
    engine->filter_.reset(leveldb::NewBloomFilterPolicy(10));
    leveldb::Options level;
    level.create_if_missing = true;
    level.write_buffer_size = 64 << 20;
    level.max_file_size = 64 << 20;
    level.max_open_files = 4000;
    level.compression = leveldb::kNoCompression;
    level.block_cache = engine->cache_.get();
    level.filter_policy = engine->filter_.get();
    leveldb::DB* db = nullptr;
    RETURN_IF_ERROR(FromLevelDB(leveldb::DB::Open(level, options.directory, &db)));
    engine->db_.reset(db);
    return engine;
  }

  std::unique_ptr<Session> NewSession() override {
    return std::make_unique<LevelSession>(*db_, sync_);
  }

 private:
  bool sync_ = false;
  std::unique_ptr<leveldb::Cache> cache_;
  std::unique_ptr<const leveldb::FilterPolicy> filter_;
  std::unique_ptr<leveldb::DB> db_;  // Last: it uses the others until it is gone.
};

}  // namespace

EngineOr OpenLevelDB(const EngineOptions& options) { return LevelEngine::Open(options); }

}  // namespace nokv::bench
