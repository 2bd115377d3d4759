#include "raftstore/store/request.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

namespace nokv::store {
namespace {

using kv::v1::Context;

constexpr std::string_view kSystemKeys = "\xff";  // The first of them.

// Of a page: bounds the time that it takes.
constexpr uint64_t kRecordsMax = 16 << 10;

mvcc::KeyOwner OwnerOf(const Context& context) {
  return context.may_use_system_keys() ? mvcc::KeyOwner::kSystem : mvcc::KeyOwner::kClient;
}

RegionError Malformed(const absl::Status& status) { return NotServed(StdView(status.message())); }

Refusal CheckKey(std::string_view key, const Context& context, const region::RegionMeta& region) {
  const absl::Status status = mvcc::CheckKey(key, OwnerOf(context));
  if (!status.ok()) return Malformed(status);
  if (!region.Contains(key)) return KeyNotInRegion(region, key);
  return std::nullopt;
}

Refusal CheckTimestamp(uint64_t read_ts) {
  if (read_ts != 0) return std::nullopt;
  return NotServed("read_ts is 0; a timestamp is wanted, or 2^64-1 for the newest versions");
}

Refusal CheckKeys(const kv::v1::BatchGetRequest& request, const region::RegionMeta& region,
                  const Options& options) {
  const auto count = static_cast<uint64_t>(request.keys_size());
  if (count == 0 || count > options.keys_max) {
    return NotServed(
        fmt::format("a batch of {} keys; 1 to {} are wanted", count, options.keys_max));
  }
  for (const std::string& key : request.keys()) {
    if (Refusal refusal = CheckKey(key, request.context(), region)) return refusal;
  }
  return std::nullopt;
}

// Where the scan begins must be in the region; where it ends need not be.
Refusal CheckRange(const kv::v1::ScanRequest& request, const region::RegionMeta& region) {
  const std::string& start = request.start_key();
  const std::string& end = request.end_key();
  for (const std::string* bound : {&start, &end}) {
    if (bound->size() > region::kBoundBytesMax) {
      return NotServed(fmt::format("a bound of {} bytes; at most {} are allowed", bound->size(),
                                   region::kBoundBytesMax));
    }
  }
  if (!end.empty() && start >= end) return NotServed("the range of the scan is empty");
  const bool may_use_system_keys = request.context().may_use_system_keys();
  if (!may_use_system_keys && start >= kSystemKeys) {
    return NotServed("keys from byte FF on belong to the system");
  }
  if (!request.reverse()) {
    if (!region.Contains(start)) return KeyNotInRegion(region, start);
    return std::nullopt;
  }
  // Backward it begins at its end. None means the region's.
  const bool is_within =
      end.empty() || (end > region.start && (region.end.empty() || end <= region.end));
  if (!is_within) return KeyNotInRegion(region, end);
  return std::nullopt;
}

std::variant<mvcc::Mutation, RegionError> ReadMutation(const kv::v1::Mutation& mutation) {
  mvcc::Mutation read{.key = mutation.key()};
  switch (mutation.kind()) {
    case kv::v1::MUTATION_KIND_PUT:
      read.kind = mvcc::MutationKind::kPut;
      read.value = mutation.value();
      read.expiry_ms = mutation.expiry_ms();
      break;
    case kv::v1::MUTATION_KIND_DELETE:
      read.kind = mvcc::MutationKind::kDelete;
      break;
    case kv::v1::MUTATION_KIND_ADD:
      read.kind = mvcc::MutationKind::kAdd;
      read.header = mutation.add_header();
      read.delta = mutation.delta();
      break;
    case kv::v1::MUTATION_KIND_LOCK:
    case kv::v1::MUTATION_KIND_CHECK_ABSENT:
      return NotServed("mutations that only lock or check are not served yet");
    default:
      return NotServed(
          fmt::format("a mutation of the unknown kind {}", static_cast<int>(mutation.kind())));
  }
  if (mutation.must_be_absent()) return NotServed("must_be_absent is not served yet");
  return read;
}

}  // namespace

const Context* ContextOf(const Command& command) {
  switch (command.request_case()) {
    case Command::kGet:
      return &command.get().context();
    case Command::kBatchGet:
      return &command.batch_get().context();
    case Command::kScan:
      return &command.scan().context();
    case Command::kPrewrite:
      return &command.prewrite().context();
    case Command::kCommit:
      return &command.commit().context();
    case Command::kBatchRollback:
      return &command.batch_rollback().context();
    case Command::kResolveLock:
      return &command.resolve_lock().context();
    case Command::kCheckTxnStatus:
      return &command.check_txn_status().context();
    case Command::kTxnHeartBeat:
      return &command.txn_heart_beat().context();
    case Command::REQUEST_NOT_SET:
      break;
  }
  return nullptr;
}

Refusal CheckStore(const Context& context, const Ident& ident) {
  if (context.cluster_id() != ident.cluster_id) {
    return ClusterIdMismatch(context.cluster_id(), ident.cluster_id);
  }
  if (context.has_peer() && context.peer().store_id() != ident.store_id) {
    return StoreNotMatch(context.peer().store_id(), ident.store_id);
  }
  return std::nullopt;
}

Refusal CheckRegion(const Context& context, const region::RegionMeta& region, raft::PeerId peer) {
  if (context.has_peer() && context.peer().id() != peer) return RegionNotFound(region.id);
  // Not "older": a peer that is behind must not answer from a range that it no longer has, either.
  if (context.epoch().version() != region.epoch.version) return EpochNotMatch(region);
  return std::nullopt;
}

Refusal CheckRead(const Command& command, const region::RegionMeta& region,
                  const Options& options) {
  if (Refusal refusal = CheckTimestamp(ReadTimestamp(command).bits())) return refusal;
  switch (command.request_case()) {
    case Command::kGet:
      return CheckKey(command.get().key(), command.get().context(), region);
    case Command::kBatchGet:
      return CheckKeys(command.batch_get(), region, options);
    case Command::kScan:
      return CheckRange(command.scan(), region);
    default:
      return NotServed("this is no read");
  }
}

mvcc::Timestamp ReadTimestamp(const Command& command) {
  switch (command.request_case()) {
    case Command::kGet:
      return mvcc::Timestamp(command.get().read_ts());
    case Command::kBatchGet:
      return mvcc::Timestamp(command.batch_get().read_ts());
    case Command::kScan:
      return mvcc::Timestamp(command.scan().read_ts());
    default:
      return mvcc::Timestamp();
  }
}

mvcc::ScanRequest ScanWithin(const kv::v1::ScanRequest& request, const region::RegionMeta& region,
                             const Options& options) {
  const auto within = [](uint64_t wanted, uint64_t max) {
    return wanted == 0 ? max : std::min(wanted, max);
  };
  mvcc::ScanRequest scan{
      .start = std::max(request.start_key(), region.start),
      .end = request.end_key(),
      .direction = request.reverse() ? mvcc::Direction::kBackward : mvcc::Direction::kForward,
      .is_keys_only = request.key_only(),
      .rows_max = static_cast<uint32_t>(within(request.limit(), options.keys_max)),
      .bytes_max = within(request.bytes_max(), options.page_bytes_max),
      .records_max = kRecordsMax};
  const auto end_at = [&scan](std::string_view end) {
    if (!end.empty() && (scan.end.empty() || scan.end > end)) scan.end = end;
  };
  end_at(region.end);
  if (!request.context().may_use_system_keys()) end_at(kSystemKeys);
  return scan;
}

std::variant<mvcc::OnePhase, RegionError> ReadWrite(const kv::v1::PrewriteRequest& request,
                                                    const region::RegionMeta& region,
                                                    const Options& options) {
  if (!request.is_one_phase()) return NotServed("prewrites of two phases are not served yet");
  const auto count = static_cast<uint64_t>(request.mutations_size());
  if (count > options.keys_max) {
    return NotServed(fmt::format("{} mutations; at most {} are allowed", count, options.keys_max));
  }
  mvcc::OnePhase write{.start = mvcc::Timestamp(request.start_ts()),
                       .is_blind = request.is_blind()};
  write.mutations.reserve(count);
  uint64_t bytes = 0;
  for (const kv::v1::Mutation& mutation : request.mutations()) {
    auto read = ReadMutation(mutation);
    if (auto* refusal = std::get_if<RegionError>(&read)) return std::move(*refusal);
    bytes += mutation.key().size() + mutation.value().size();
    write.mutations.push_back(std::get<mvcc::Mutation>(read));
  }
  if (bytes > options.write_bytes_max) {
    return EntryTooLarge(region.id, bytes, options.write_bytes_max);
  }
  const absl::Status status = mvcc::CheckRequest(write, OwnerOf(request.context()));
  if (!status.ok()) return Malformed(status);
  for (const mvcc::Mutation& mutation : write.mutations) {
    if (!region.Contains(mutation.key)) return KeyNotInRegion(region, mutation.key);
  }
  return write;
}

}  // namespace nokv::store
