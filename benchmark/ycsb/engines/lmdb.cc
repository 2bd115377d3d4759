// LMDB without a sync stores straight into its map: a killed process loses nothing, but the file
// may be corrupt after a power cut, which is less than what the log-based engines promise at this
// level. With a sync it writes pages with pwrite and waits for the disk twice per commit.
// One put is one transaction; readers keep a transaction that they reset and renew.
#include "benchmark/ycsb/engines/engines.h"

#include <lmdb.h>

#include <algorithm>
#include <memory>

namespace nokv::bench {
namespace {

absl::Status FromLmdb(int error, std::string_view what) {
  if (error == MDB_SUCCESS) return absl::OkStatus();
  return InternalError("lmdb: {}: {}", what, mdb_strerror(error));
}

MDB_val ToVal(std::string_view bytes) { return {bytes.size(), const_cast<char*>(bytes.data())}; }

std::string_view ToView(const MDB_val& val) {
  return {static_cast<const char*>(val.mv_data), val.mv_size};
}

class LmdbSession final : public Session {
 public:
  LmdbSession(MDB_env* env, MDB_dbi dbi) : env_(env), dbi_(dbi) {}

  ~LmdbSession() override {
    if (cursor_ != nullptr) mdb_cursor_close(cursor_);
    if (read_ != nullptr) mdb_txn_abort(read_);
  }

  absl::Status Put(std::string_view key, std::string_view value) override {
    MDB_txn* txn = nullptr;
    RETURN_IF_ERROR(FromLmdb(mdb_txn_begin(env_, nullptr, 0, &txn), "begin"));
    MDB_val key_val = ToVal(key);
    MDB_val value_val = ToVal(value);
    if (const int error = mdb_put(txn, dbi_, &key_val, &value_val, 0); error != MDB_SUCCESS) {
      mdb_txn_abort(txn);
      return FromLmdb(error, "put");
    }
    return FromLmdb(mdb_txn_commit(txn), "commit");
  }

  absl::StatusOr<bool> Get(std::string_view key, std::string* value) override {
    RETURN_IF_ERROR(BeginRead());
    MDB_val key_val = ToVal(key);
    MDB_val value_val;
    const int error = mdb_get(read_, dbi_, &key_val, &value_val);
    if (error == MDB_SUCCESS) value->assign(ToView(value_val));
    mdb_txn_reset(read_);
    if (error == MDB_NOTFOUND) return false;
    RETURN_IF_ERROR(FromLmdb(error, "get"));
    return true;
  }

  absl::StatusOr<uint32_t> Scan(std::string_view first, uint32_t rows,
                                std::string* values) override {
    values->clear();
    RETURN_IF_ERROR(BeginRead());
    if (cursor_ == nullptr) {
      RETURN_IF_ERROR(FromLmdb(mdb_cursor_open(read_, dbi_, &cursor_), "cursor"));
    } else {
      RETURN_IF_ERROR(FromLmdb(mdb_cursor_renew(read_, cursor_), "renew cursor"));
    }
    MDB_val key_val = ToVal(first);
    MDB_val value_val;
    int error = mdb_cursor_get(cursor_, &key_val, &value_val, MDB_SET_RANGE);
    uint32_t found = 0;
    while (error == MDB_SUCCESS) {
      values->append(ToView(value_val));
      if (++found == rows) break;
      error = mdb_cursor_get(cursor_, &key_val, &value_val, MDB_NEXT);
    }
    mdb_txn_reset(read_);
    if (error != MDB_NOTFOUND) RETURN_IF_ERROR(FromLmdb(error, "scan"));
    return found;
  }

 private:
  absl::Status BeginRead() {
    if (read_ != nullptr) return FromLmdb(mdb_txn_renew(read_), "renew");
    return FromLmdb(mdb_txn_begin(env_, nullptr, MDB_RDONLY, &read_), "begin read");
  }

  MDB_env* const env_;
  const MDB_dbi dbi_;
  MDB_txn* read_ = nullptr;  // Reset between reads, so that it holds no old pages.
  MDB_cursor* cursor_ = nullptr;
};

class LmdbEngine final : public Engine {
 public:
  ~LmdbEngine() override {
    if (env_ != nullptr) mdb_env_close(env_);
  }

  absl::Status Open(const EngineOptions& options) {
    RETURN_IF_ERROR(FromLmdb(mdb_env_create(&env_), "create"));
    const uint64_t map_bytes = std::max<uint64_t>(options.data_bytes_max * 8, 4ull << 30);
    RETURN_IF_ERROR(FromLmdb(mdb_env_set_mapsize(env_, map_bytes), "map size"));
    RETURN_IF_ERROR(FromLmdb(mdb_env_set_maxreaders(env_, options.threads + 16), "readers"));
    unsigned flags = MDB_NORDAHEAD | MDB_NOTLS;
    if (options.durability == SyncLevel::kProcess) {
      flags |= MDB_NOSYNC | MDB_WRITEMAP | MDB_MAPASYNC;
    }
    RETURN_IF_ERROR(FromLmdb(mdb_env_open(env_, options.directory.c_str(), flags, 0644), "open"));
    MDB_txn* txn = nullptr;
    RETURN_IF_ERROR(FromLmdb(mdb_txn_begin(env_, nullptr, 0, &txn), "begin"));
    RETURN_IF_ERROR(FromLmdb(mdb_dbi_open(txn, nullptr, 0, &dbi_), "open database"));
    return FromLmdb(mdb_txn_commit(txn), "commit");
  }

  std::unique_ptr<Session> NewSession() override {
    return std::make_unique<LmdbSession>(env_, dbi_);
  }

 private:
  MDB_env* env_ = nullptr;
  MDB_dbi dbi_ = 0;
};

}  // namespace

EngineOr OpenLmdb(const EngineOptions& options) {
  auto engine = std::make_unique<LmdbEngine>();
  RETURN_IF_ERROR(engine->Open(options));
  return engine;
}

}  // namespace nokv::bench
