// RocksDB three ways. Mapped reads beat a block cache on this kind of data: with no compression a
// block can be used where it lies in the page cache, without a copy and without the cache's
// bookkeeping. What is common to all: Bloom filters, the hash index within data blocks, dynamic
// level sizes, four memtables, pipelined writes, files opened for random access, no compression.
#include "benchmark/ycsb/engines/engines.h"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>

#include <memory>

namespace nokv::bench {
namespace {

absl::Status FromRocksDB(const rocksdb::Status& status) {
  if (status.ok()) return absl::OkStatus();
  return InternalError("rocksdb: {}", status.ToString());
}

rocksdb::Slice ToSlice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }

rocksdb::BlockBasedTableOptions TableOptions(const EngineOptions& options, RocksVariant variant) {
  rocksdb::BlockBasedTableOptions table;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.data_block_index_type =
      rocksdb::BlockBasedTableOptions::DataBlockIndexType::kDataBlockBinaryAndHash;
  table.format_version = 5;
  if (variant == RocksVariant::kMapped) {
    table.no_block_cache = true;
    return table;
  }
  table.block_cache =
      rocksdb::HyperClockCacheOptions(options.memory_bytes, table.block_size).MakeSharedCache();
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.pin_top_level_index_and_filter = true;
  return table;
}

rocksdb::Options DatabaseOptions(const EngineOptions& options, RocksVariant variant) {
  rocksdb::Options rocks;
  rocks.create_if_missing = true;
  rocks.compression = rocksdb::kNoCompression;
  rocks.write_buffer_size = 64 << 20;
  rocks.max_write_buffer_number = 4;
  rocks.target_file_size_base = 64 << 20;
  rocks.max_bytes_for_level_base = 256 << 20;
  rocks.level_compaction_dynamic_level_bytes = true;
  rocks.max_background_jobs = 2;
  rocks.enable_pipelined_write = true;
  rocks.advise_random_on_open = true;
  rocks.max_open_files = -1;
  rocks.allow_mmap_reads = variant == RocksVariant::kMapped;
  const rocksdb::BlockBasedTableOptions table = TableOptions(options, variant);
  rocks.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  if (variant == RocksVariant::kBlob) {
    rocks.enable_blob_files = true;
    rocks.min_blob_size = 512;
    rocks.enable_blob_garbage_collection = true;
    rocks.blob_garbage_collection_age_cutoff = 0.25;
    rocks.blob_garbage_collection_force_threshold = 0.5;
    rocks.blob_cache = table.block_cache;
  }
  return rocks;
}

class RocksSession final : public Session {
 public:
  RocksSession(rocksdb::DB& db, bool sync, bool verify) : db_(db), read_(verify, /*cache=*/true) {
    write_.sync = sync;
  }

  absl::Status Put(std::string_view key, std::string_view value) override {
    const rocksdb::Status status = db_.Put(write_, ToSlice(key), ToSlice(value));
    if (status.ok()) return absl::OkStatus();
    return FromRocksDB(status);
  }

  absl::StatusOr<bool> Get(std::string_view key, std::string* value) override {
    const rocksdb::Status status = db_.Get(read_, db_.DefaultColumnFamily(), ToSlice(key), value);
    if (status.ok()) return true;
    if (status.IsNotFound()) return false;
    return FromRocksDB(status);
  }

  absl::StatusOr<uint32_t> Scan(std::string_view first, uint32_t rows,
                                std::string* values) override {
    values->clear();
    const std::unique_ptr<rocksdb::Iterator> iterator(db_.NewIterator(read_));
    uint32_t found = 0;
    for (iterator->Seek(ToSlice(first)); found < rows && iterator->Valid(); ++found) {
      const rocksdb::Slice value = iterator->value();
      values->append(value.data(), value.size());
      if (found + 1 < rows) iterator->Next();
    }
    RETURN_IF_ERROR(FromRocksDB(iterator->status()));
    return found;
  }

 private:
  rocksdb::DB& db_;
  rocksdb::WriteOptions write_;
  const rocksdb::ReadOptions read_;
};

class RocksEngine final : public Engine {
 public:
  RocksEngine(std::unique_ptr<rocksdb::DB> db, bool sync, bool verify)
      : db_(std::move(db)), sync_(sync), verify_(verify) {}

  std::unique_ptr<Session> NewSession() override {
    return std::make_unique<RocksSession>(*db_, sync_, verify_);
  }

 private:
  const std::unique_ptr<rocksdb::DB> db_;
  const bool sync_;
  const bool verify_;
};

}  // namespace

EngineOr OpenRocksDB(const EngineOptions& options, RocksVariant variant) {
  rocksdb::DB* db = nullptr;
  RETURN_IF_ERROR(
      FromRocksDB(rocksdb::DB::Open(DatabaseOptions(options, variant), options.directory, &db)));
  // A mapped block would be verified on every read, not once when it enters a cache. LevelDB's
  // default is not to, LMDB has no checksums, so neither does this variant.
  const bool verify = variant != RocksVariant::kMapped;
  return std::make_unique<RocksEngine>(std::unique_ptr<rocksdb::DB>(db),
                                       options.durability == SyncLevel::kPower, verify);
}

}  // namespace nokv::bench
