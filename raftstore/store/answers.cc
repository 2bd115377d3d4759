#include "raftstore/store/answers.h"

#include "raftstore/region/region_proto.h"

#include <utility>

namespace nokv::store {
namespace {

RegionError WithMessage(std::string message) {
  RegionError error;
  error.set_message(std::move(message));
  return error;
}

KeyError OfKey(std::string_view key) {
  KeyError error;
  error.set_key(key.data(), key.size());
  return error;
}

// Calls `fill` with the response of the command's kind.
template <typename Fill>
CommandResult Respond(const Command& command, Fill&& fill) {
  CommandResult result;
  switch (command.request_case()) {
    case Command::kGet:
      fill(*result.mutable_get());
      break;
    case Command::kBatchGet:
      fill(*result.mutable_batch_get());
      break;
    case Command::kScan:
      fill(*result.mutable_scan());
      break;
    case Command::kPrewrite:
      fill(*result.mutable_prewrite());
      break;
    case Command::kCommit:
      fill(*result.mutable_commit());
      break;
    case Command::kBatchRollback:
      fill(*result.mutable_batch_rollback());
      break;
    case Command::kResolveLock:
      fill(*result.mutable_resolve_lock());
      break;
    case Command::kCheckTxnStatus:
      fill(*result.mutable_check_txn_status());
      break;
    case Command::kTxnHeartBeat:
      fill(*result.mutable_txn_heart_beat());
      break;
    case Command::REQUEST_NOT_SET:
      break;  // Nothing was asked, so nothing can be said.
  }
  return result;
}

}  // namespace

CommandResult Refuse(const Command& command, RegionError error) {
  return Respond(command,
                 [&](auto& response) { *response.mutable_region_error() = std::move(error); });
}

CommandResult RefuseKey(const Command& command, KeyError error) {
  if (command.has_prewrite()) {
    CommandResult result;
    *result.mutable_prewrite()->mutable_key_errors()->add_errors() = std::move(error);
    return result;
  }
  return Respond(command, [&](auto& response) {
    if constexpr (requires { response.mutable_key_error(); }) {
      *response.mutable_key_error() = std::move(error);
    }
  });
}

RegionError ClusterIdMismatch(uint64_t wanted, uint64_t actual) {
  RegionError error = WithMessage(
      fmt::format("the command is for cluster {}, this store is of cluster {}", wanted, actual));
  error.mutable_cluster_id_mismatch()->set_wanted_cluster_id(wanted);
  error.mutable_cluster_id_mismatch()->set_actual_cluster_id(actual);
  return error;
}

RegionError StoreNotMatch(uint64_t wanted, uint64_t actual) {
  RegionError error =
      WithMessage(fmt::format("the command is for store {}, this is store {}", wanted, actual));
  error.mutable_store_not_match()->set_wanted_store_id(wanted);
  error.mutable_store_not_match()->set_actual_store_id(actual);
  return error;
}

RegionError RegionNotFound(region::RegionId region) {
  RegionError error = WithMessage(fmt::format("region {} has no such peer here", region));
  error.mutable_region_not_found()->set_region_id(region);
  return error;
}

RegionError NotLeader(const region::RegionMeta& region, raft::PeerId leader) {
  const region::Peer* const peer = region.FindPeer(leader);
  RegionError error = WithMessage(
      peer == nullptr
          ? fmt::format("region {}: nobody leads, as far as is known here", region.id)
          : fmt::format("region {}: peer {} on store {} leads", region.id, peer->id, peer->store));
  error.mutable_not_leader()->set_region_id(region.id);
  if (peer != nullptr) *error.mutable_not_leader()->mutable_leader() = region::ToProto(*peer);
  return error;
}

RegionError EpochNotMatch(const region::RegionMeta& region) {
  RegionError error =
      WithMessage(fmt::format("another state of it is known here: {}", region::ToString(region)));
  *error.mutable_epoch_not_match()->add_current_regions() = region::ToProto(region);
  return error;
}

RegionError KeyNotInRegion(const region::RegionMeta& region, std::string_view key) {
  RegionError error =
      WithMessage(fmt::format("key {} is not in {}", mvcc::ShowKey(key), region::ToString(region)));
  errors::v1::KeyNotInRegion& detail = *error.mutable_key_not_in_region();
  detail.set_key(key.data(), key.size());
  detail.set_region_id(region.id);
  detail.set_start_key(region.start);
  detail.set_end_key(region.end);
  return error;
}

RegionError ServerIsBusy(std::string_view what, absl::Duration wait) {
  RegionError error = WithMessage(fmt::format("the store is short of {}", what));
  error.mutable_server_is_busy()->set_what(what.data(), what.size());
  error.mutable_server_is_busy()->set_wait_ms(
      static_cast<uint64_t>(absl::ToInt64Milliseconds(wait)));
  return error;
}

RegionError StaleCommand(const region::RegionMeta& region) {
  RegionError error =
      WithMessage(fmt::format("region {}: leadership changed meanwhile", region.id));
  error.mutable_stale_command();
  return error;
}

RegionError DiskFull(uint64_t available_bytes, uint64_t wanted_bytes) {
  RegionError error = WithMessage(
      fmt::format("{} bytes of the disk are free, {} are wanted before it is written to",
                  available_bytes, wanted_bytes));
  error.mutable_disk_full()->set_available_bytes(available_bytes);
  error.mutable_disk_full()->set_wanted_bytes(wanted_bytes);
  return error;
}

RegionError EntryTooLarge(region::RegionId region, uint64_t bytes, uint64_t bytes_max) {
  RegionError error = WithMessage(fmt::format(
      "region {}: a write of {} bytes; at most {} are allowed", region, bytes, bytes_max));
  errors::v1::RaftEntryTooLarge& detail = *error.mutable_raft_entry_too_large();
  detail.set_region_id(region);
  detail.set_entry_bytes(bytes);
  detail.set_entry_bytes_max(bytes_max);
  return error;
}

RegionError NotServed(std::string_view why) { return WithMessage(std::string(why)); }

KeyError Locked(const mvcc::Blocked& blocked) {
  KeyError error = OfKey(blocked.key);
  errors::v1::Locked& locked = *error.mutable_locked();
  locked.set_primary_key(blocked.lock.primary);
  locked.set_start_ts(blocked.lock.start.bits());
  locked.set_ttl_ms(blocked.lock.ttl_ms);
  locked.set_min_commit_ts(blocked.lock.min_commit.bits());
  locked.set_txn_size(blocked.lock.secondaries + 1);
  return error;
}

KeyError WriteConflict(const mvcc::Conflict& conflict, mvcc::Timestamp start) {
  KeyError error = OfKey(conflict.key);
  error.mutable_write_conflict()->set_start_ts(start.bits());
  error.mutable_write_conflict()->set_conflict_start_ts(conflict.start.bits());
  error.mutable_write_conflict()->set_conflict_commit_ts(conflict.commit.bits());
  return error;
}

KeyError RolledBackError(std::string_view key, mvcc::Timestamp start) {
  KeyError error = OfKey(key);
  error.mutable_rolled_back()->set_start_ts(start.bits());
  return error;
}

KeyError CommitTsTooSmall(std::string_view key, uint64_t commit_ts, uint64_t min_commit_ts) {
  KeyError error = OfKey(key);
  error.mutable_commit_ts_too_small()->set_commit_ts(commit_ts);
  error.mutable_commit_ts_too_small()->set_min_commit_ts(min_commit_ts);
  return error;
}

KeyError CannotAddError(const mvcc::CannotAdd& cannot) {
  KeyError error = OfKey(cannot.key);
  const auto reason = [&] {
    switch (cannot.reason) {
      case mvcc::CannotAddReason::kOtherHeader:
        return errors::v1::CANNOT_ADD_REASON_OTHER_HEADER;
      case mvcc::CannotAddReason::kNotAnInteger:
        return errors::v1::CANNOT_ADD_REASON_NOT_AN_INTEGER;
      case mvcc::CannotAddReason::kOutOfRange:
        return errors::v1::CANNOT_ADD_REASON_OUT_OF_RANGE;
    }
    return errors::v1::CANNOT_ADD_REASON_UNSPECIFIED;
  };
  error.mutable_cannot_add()->set_reason(reason());
  return error;
}

kv::v1::KeyValue ToProto(std::string_view key, mvcc::Found found) {
  kv::v1::KeyValue pair;
  pair.set_key(key.data(), key.size());
  pair.set_value(std::move(found.value));
  pair.set_commit_ts(found.commit.bits());
  pair.set_expiry_ms(found.expiry_ms);
  return pair;
}

}  // namespace nokv::store
