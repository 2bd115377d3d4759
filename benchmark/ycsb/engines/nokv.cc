// The engine of this repository, with its defaults: only the directory, the durability and the
// memory are set.
#include "benchmark/ycsb/engines/engines.h"
#include "engine/db.h"

#include <memory>

namespace nokv::bench {
namespace {

class NokvSession final : public Session {
 public:
  explicit NokvSession(DB& db) : db_(db) {}

  absl::Status Put(std::string_view key, std::string_view value) override {
    return db_.Apply({ChangeKind::kSet, kDefaultColumnFamily, 0, key, value}, write_);
  }

  absl::StatusOr<bool> Get(std::string_view key, std::string* value) override {
    return db_.Get(read_, key, value);
  }

  absl::StatusOr<uint32_t> Scan(std::string_view first, uint32_t rows,
                                std::string* values) override {
    values->clear();
    const std::unique_ptr<Iterator> iterator = db_.NewIterator(scan_);
    uint32_t found = 0;
    for (iterator->Seek(first); found < rows && iterator->Valid(); ++found) {
      values->append(iterator->value());
      if (found + 1 < rows) iterator->Next();
    }
    RETURN_IF_ERROR(iterator->status());
    return found;
  }

 private:
  DB& db_;
  const WriteOptions write_;
  const ReadOptions read_;
  const IteratorOptions scan_;
};

class NokvEngine final : public Engine {
 public:
  explicit NokvEngine(std::unique_ptr<DB> db) : db_(std::move(db)) {}

  std::unique_ptr<Session> NewSession() override { return std::make_unique<NokvSession>(*db_); }

 private:
  const std::unique_ptr<DB> db_;
};

}  // namespace

EngineOr OpenNokv(const EngineOptions& options) {
  Options nokv_options;
  nokv_options.directory = options.directory;
  nokv_options.durability =
      options.durability == SyncLevel::kPower ? Durability::kPower : Durability::kProcess;
  nokv_options.memory_bytes = options.memory_bytes;
  if (options.value_threshold_bytes != 0) {
    nokv_options.value_threshold_bytes = options.value_threshold_bytes;
  }
  ASSIGN_OR_RETURN(std::unique_ptr<DB> db, DB::Open(nokv_options));
  return std::make_unique<NokvEngine>(std::move(db));
}

}  // namespace nokv::bench
