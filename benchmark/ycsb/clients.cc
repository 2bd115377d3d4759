#include "benchmark/ycsb/clients.h"

#include "benchmark/ycsb/ticks.h"
#include "engine/base/random.h"

#include <algorithm>
#include <barrier>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace nokv::bench {
namespace {

constexpr uint32_t kVerifyOneIn = 1000;
constexpr size_t kPoolBytes = 128 << 10;  // Small: a value just made is in its maker's cache.
constexpr size_t kPoolStep = 8;

// One thread's values: a window that moves over random bytes, signed with the record's number.
class ValuePool {
 public:
  ValuePool(uint32_t value_size, uint64_t seed)
      : value_size_(value_size), bytes_(kPoolBytes + value_size, '\0') {
    Random random(seed);
    for (size_t i = 0; i + 8 <= bytes_.size(); i += 8) {
      const uint64_t word = random.Next();
      std::memcpy(bytes_.data() + i, &word, sizeof(word));
    }
  }

  std::string_view Next(uint64_t record) {
    offset_ = offset_ + kPoolStep < kPoolBytes ? offset_ + kPoolStep : 0;
    std::memcpy(bytes_.data() + offset_, &record, sizeof(record));
    return {bytes_.data() + offset_, value_size_};
  }

 private:
  const uint32_t value_size_;
  std::string bytes_;
  size_t offset_ = 0;
};

class Client {
 public:
  Client(Engine& engine, const std::vector<Operation>& stream, uint32_t value_size, uint64_t seed)
      : session_(engine.NewSession()),
        stream_(stream),
        value_size_(value_size),
        keeps_data_(engine.keeps_data()),
        values_(value_size, seed) {
    buffer_.reserve(size_t{value_size} * kScanRowsMax);
  }

  void Run() {
    const bool from_counter = MachineTickRate().from_counter;
    start_ticks_ = Ticks(from_counter);
    for (const Operation& operation : stream_) {
      const uint64_t before = Ticks(from_counter);
      absl::Status status = Execute(operation);
      latency_ticks_.Add(Ticks(from_counter) - before);
      if (!status.ok()) {
        error_ = std::move(status);
        break;
      }
    }
    end_ticks_ = Ticks(from_counter);
  }

  uint64_t start_ticks() const { return start_ticks_; }

  uint64_t end_ticks() const { return end_ticks_; }

  uint64_t user_bytes_written() const { return puts_ * (kKeyBytes + value_size_); }

  const Histogram& latency_ticks() const { return latency_ticks_; }

  const absl::Status& error() const { return error_; }

 private:
  absl::Status Execute(const Operation& operation) {
    switch (operation.kind) {
      case OperationKind::kRead:
        return Read(operation);
      case OperationKind::kUpdate:
      case OperationKind::kInsert:
        return Put(operation);
      case OperationKind::kScan:
        return Scan(operation);
      case OperationKind::kReadModifyWrite:
        RETURN_IF_ERROR(Read(operation));
        return Put(operation);
    }
    return absl::OkStatus();
  }

  absl::Status Put(const Operation& operation) {
    ++puts_;
    return session_->Put(operation.key(), values_.Next(operation.record));
  }

  absl::Status Read(const Operation& operation) {
    ASSIGN_OR_RETURN(const bool found, session_->Get(operation.key(), &buffer_));
    if (!found) return DataLossError("record {} is missing", operation.record);
    if (!IsVerified()) return absl::OkStatus();
    if (buffer_.size() != value_size_) {
      return DataLossError("record {} was read with {} bytes instead of {}", operation.record,
                           buffer_.size(), value_size_);
    }
    return CheckIdentity(operation);
  }

  absl::Status Scan(const Operation& operation) {
    ASSIGN_OR_RETURN(const uint32_t rows,
                     session_->Scan(operation.key(), operation.rows, &buffer_));
    if (rows == 0) return DataLossError("record {} is missing", operation.record);
    if (!IsVerified()) return absl::OkStatus();
    if (buffer_.size() != size_t{rows} * value_size_) {
      return DataLossError("a scan of {} rows from record {} has {} bytes instead of {}", rows,
                           operation.record, buffer_.size(), size_t{rows} * value_size_);
    }
    return CheckIdentity(operation);
  }

  bool IsVerified() {
    if (--reads_to_verification_ != 0) return false;
    reads_to_verification_ = kVerifyOneIn;
    return keeps_data_;
  }

  // The value read first must be signed with the record that was asked for.
  absl::Status CheckIdentity(const Operation& operation) const {
    uint64_t signature;
    std::memcpy(&signature, buffer_.data(), sizeof(signature));
    if (signature == operation.record) return absl::OkStatus();
    return DataLossError("record {} was read with the value of record {}", operation.record,
                         signature);
  }

  const std::unique_ptr<Session> session_;
  const std::vector<Operation>& stream_;
  const uint32_t value_size_;
  const bool keeps_data_;
  ValuePool values_;
  std::string buffer_;
  uint32_t reads_to_verification_ = 1;  // The first one is checked, so that short runs check too.
  uint64_t puts_ = 0;
  Histogram latency_ticks_;
  uint64_t start_ticks_ = 0;
  uint64_t end_ticks_ = 0;
  absl::Status error_;
};

}  // namespace

ClientsResult RunClients(Engine& engine, const Streams& streams, uint32_t value_size,
                         uint64_t seed) {
  const double nanos_per_tick = MachineTickRate().nanos_per_tick;
  std::vector<std::unique_ptr<Client>> clients;
  for (const auto& stream : streams.threads) {
    clients.push_back(std::make_unique<Client>(engine, stream, value_size, seed + clients.size()));
  }
  std::barrier gate(static_cast<std::ptrdiff_t>(clients.size()));
  std::vector<std::thread> threads;
  for (const auto& client : clients) {
    threads.emplace_back([&gate, &client] {
      gate.arrive_and_wait();
      client->Run();
    });
  }
  for (std::thread& thread : threads) thread.join();

  ClientsResult result;
  uint64_t start = clients.front()->start_ticks();
  uint64_t end = start;
  for (const auto& client : clients) {
    start = std::min(start, client->start_ticks());
    end = std::max(end, client->end_ticks());
    result.latency_ticks.Merge(client->latency_ticks());
    result.user_bytes_written += client->user_bytes_written();
    if (client->error().ok()) continue;
    if (++result.errors == 1) result.first_error = client->error();
  }
  result.seconds = static_cast<double>(end - start) * nanos_per_tick * 1e-9;
  result.operations = result.latency_ticks.count();
  return result;
}

}  // namespace nokv::bench
