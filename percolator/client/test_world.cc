#include "percolator/client/test_world.h"

#include "percolator/client/commands.h"
#include "percolator/client/region_cache.h"

#include <charconv>

namespace nokv::client {
namespace {

using errors::v1::RegionError;
using kv::v1::Command;
using kv::v1::CommandResult;

void Fill(const TestData::Version& version, const std::string& key, kv::v1::KeyValue* pair) {
  pair->set_key(key);
  pair->set_value(*version.value);
  pair->set_commit_ts(version.commit);
  pair->set_expiry_ms(version.expiry_ms);
}

void Refuse(CommandResult& result, const Command& command, const RegionError& error) {
  switch (command.request_case()) {
    case Command::kGet:
      *result.mutable_get()->mutable_region_error() = error;
      break;
    case Command::kBatchGet:
      *result.mutable_batch_get()->mutable_region_error() = error;
      break;
    case Command::kScan:
      *result.mutable_scan()->mutable_region_error() = error;
      break;
    default:
      *result.mutable_prewrite()->mutable_region_error() = error;
      break;
  }
}

std::vector<std::string> KeysOf(const Command& command) {
  switch (command.request_case()) {
    case Command::kGet:
      return {command.get().key()};
    case Command::kBatchGet:
      return {command.batch_get().keys().begin(), command.batch_get().keys().end()};
    case Command::kPrewrite:
      return {command.prewrite().mutations(0).key()};
    default:
      return {};
  }
}

}  // namespace

const TestData::Version* TestData::Find(const std::string& key, uint64_t at,
                                        uint64_t now_ms) const {
  const auto found = versions.find(key);
  if (found == versions.end()) return nullptr;
  const Version* newest = nullptr;
  for (const Version& version : found->second) {
    if (version.commit <= at) newest = &version;
  }
  if (newest == nullptr || !newest->value) return nullptr;
  return newest->expiry_ms != 0 && newest->expiry_ms <= now_ms ? nullptr : newest;
}

kv::v1::PrewriteResponse TestData::Prewrite(const kv::v1::PrewriteRequest& request,
                                            uint64_t commit) {
  kv::v1::PrewriteResponse response;
  const kv::v1::Mutation& mutation = request.mutations(0);
  std::vector<Version>& history = versions[mutation.key()];
  for (const Version& version : history) {
    if (version.start != request.start_ts()) continue;
    response.mutable_done()->set_one_phase_commit_ts(version.commit);
    response.mutable_done()->add_sums(version.sum);
    return response;
  }
  if (!request.is_blind() && !history.empty() && history.back().commit > request.start_ts()) {
    auto* conflict = response.mutable_key_errors()->add_errors()->mutable_write_conflict();
    conflict->set_conflict_commit_ts(history.back().commit);
    return response;
  }
  Version version{.commit = commit, .start = request.start_ts(), .value = {}};
  if (mutation.kind() == kv::v1::MUTATION_KIND_PUT) {
    version.value = mutation.value();
    version.expiry_ms = mutation.expiry_ms();
  } else if (mutation.kind() == kv::v1::MUTATION_KIND_ADD) {
    const Version* old = Find(mutation.key(), UINT64_MAX, commit >> 18);
    auto refuse = [&](errors::v1::CannotAddReason reason) {
      response.mutable_key_errors()->add_errors()->mutable_cannot_add()->set_reason(reason);
    };
    if (old != nullptr) {
      const std::string& text = *old->value;
      if (!text.starts_with(mutation.add_header())) {
        refuse(errors::v1::CANNOT_ADD_REASON_OTHER_HEADER);
        return response;
      }
      const char* const begin = text.data() + mutation.add_header().size();
      const char* const end = text.data() + text.size();
      const auto [stop, error] = std::from_chars(begin, end, version.sum);
      if (error != std::errc() || stop != end) {
        refuse(errors::v1::CANNOT_ADD_REASON_NOT_AN_INTEGER);
        return response;
      }
      version.expiry_ms = old->expiry_ms;
    }
    if (__builtin_add_overflow(version.sum, mutation.delta(), &version.sum)) {
      refuse(errors::v1::CANNOT_ADD_REASON_OUT_OF_RANGE);
      return response;
    }
    version.value = mutation.add_header() + std::to_string(version.sum);
  }
  response.mutable_done()->set_one_phase_commit_ts(commit);
  response.mutable_done()->add_sums(version.sum);
  history.push_back(std::move(version));
  return response;
}

TestWorld::TestWorld(const std::vector<std::string>& borders) {
  for (size_t i = 0; i <= borders.size(); ++i) {
    Region region;
    const uint64_t id = next_region_++;
    region.meta.set_id(id);
    if (i > 0) region.meta.set_start_key(borders[i - 1]);
    if (i < borders.size()) region.meta.set_end_key(borders[i]);
    region.meta.mutable_epoch()->set_version(1);
    region.meta.mutable_epoch()->set_conf_version(1);
    for (uint64_t store = 1; store <= 3; ++store) {
      meta::v1::Peer& peer = *region.meta.add_peers();
      peer.set_id(100 * id + store);
      peer.set_store_id(store);
      peer.set_role(meta::v1::PEER_ROLE_VOTER);
    }
    region.leader_store = (id - 1) % 3 + 1;
    regions.push_back(std::move(region));
  }
  for (uint64_t store = 1; store <= 3; ++store) listeners[AddressOf(store)] = store;
}

TestWorld::Region& TestWorld::RegionOf(std::string_view key) {
  for (Region& region : regions) {
    if (Contains(region.meta, key)) return region;
  }
  return regions.back();
}

void TestWorld::Split(const std::string& key) {
  Region& left = RegionOf(key);
  Region right = left;
  left.meta.set_end_key(key);
  left.meta.mutable_epoch()->set_version(left.meta.epoch().version() + 1);
  const uint64_t id = next_region_++;
  right.meta.set_id(id);
  right.meta.set_start_key(key);
  right.meta.mutable_epoch()->set_version(left.meta.epoch().version());
  for (meta::v1::Peer& peer : *right.meta.mutable_peers()) peer.set_id(100 * id + peer.store_id());
  const auto place = std::find_if(regions.begin(), regions.end(), [&](const Region& region) {
    return region.meta.start_key() > key;
  });
  regions.insert(place, std::move(right));
}

void TestWorld::Call(const std::string& address, Command command, absl::Duration timeout,
                     Done done) {
  ++commands;
  const Fate what = fate ? fate(address, command) : Fate::kArrives;
  const auto listener = listeners.find(address);
  if (listener == listeners.end() || is_down[listener->second]) {
    time.After(kLatency,
               [=] { done(NotSent(UnavailableError("connection to {} refused", address))); });
    return;
  }
  if (what == Fate::kLost) {
    time.After(timeout, [=] { done(absl::DeadlineExceededError("no answer")); });
    return;
  }
  time.After(kLatency, [=, this, store = listener->second] {
    CommandResult result = Serve(store, command);
    if (what == Fate::kReplyLost) {
      time.After(timeout, [=] { done(absl::DeadlineExceededError("no answer")); });
      return;
    }
    if (what == Fate::kUnknown) {
      result.Clear();
      result.mutable_unknown()->set_message("leadership was lost");
    }
    time.After(kLatency, [=] { done(result); });
  });
}

CommandResult TestWorld::Serve(uint64_t store_id, const Command& command) {
  CommandResult result;
  Command copy = command;
  const std::vector<std::string> keys = KeysOf(command);
  std::optional<RegionError> error = refuse ? refuse(store_id, command) : std::nullopt;
  if (!error) error = Check(store_id, ContextOf(copy), keys);
  if (error) {
    Refuse(result, command, *error);
    return result;
  }
  if (command.has_get()) {
    const TestData::Version* version = Find(keys[0], command.get().read_ts());
    if (version == nullptr) {
      result.mutable_get()->mutable_not_found();
    } else {
      Fill(*version, keys[0], result.mutable_get()->mutable_found());
    }
  } else if (command.has_batch_get()) {
    kv::v1::KeyValues& found = *result.mutable_batch_get()->mutable_found();
    for (const std::string& key : keys) {
      const TestData::Version* version = Find(key, command.batch_get().read_ts());
      if (version != nullptr) Fill(*version, key, found.add_pairs());
    }
  } else if (command.has_scan()) {
    *result.mutable_scan() = Scan(command.scan());
  } else {
    *result.mutable_prewrite() = data.Prewrite(command.prewrite(), NextTimestamp());
  }
  return result;
}

std::optional<RegionError> TestWorld::Check(uint64_t store_id, const kv::v1::Context& context,
                                            const std::vector<std::string>& keys) {
  RegionError error;
  if (context.cluster_id() != kClusterId) {
    error.mutable_cluster_id_mismatch()->set_actual_cluster_id(kClusterId);
    return error;
  }
  if (context.peer().store_id() != store_id) {
    error.mutable_store_not_match()->set_actual_store_id(store_id);
    return error;
  }
  const auto region = std::find_if(regions.begin(), regions.end(), [&](const Region& candidate) {
    return candidate.meta.id() == context.region_id();
  });
  if (region == regions.end()) {
    error.mutable_region_not_found()->set_region_id(context.region_id());
    return error;
  }
  if (region->leader_store != store_id) {
    error.mutable_not_leader()->set_region_id(context.region_id());
    for (const meta::v1::Peer& peer : region->meta.peers()) {
      if (peer.store_id() == region->leader_store) {
        *error.mutable_not_leader()->mutable_leader() = peer;
      }
    }
    return error;
  }
  if (region->meta.epoch().version() != context.epoch().version()) {
    auto* current = error.mutable_epoch_not_match();
    if (!tells_epoch) return error;
    *current->add_current_regions() = region->meta;
    if (std::next(region) != regions.end()) {
      *current->add_current_regions() = std::next(region)->meta;
    }
    return error;
  }
  for (const std::string& key : keys) {
    if (Contains(region->meta, key)) continue;
    error.mutable_key_not_in_region()->set_key(key);
    return error;
  }
  return std::nullopt;
}

kv::v1::ScanResponse TestWorld::Scan(const kv::v1::ScanRequest& request) {
  kv::v1::ScanResponse response;
  kv::v1::ScanPage& page = *response.mutable_page();
  std::vector<std::string> keys;
  for (const auto& [key, history] : data.versions) {
    const bool is_in =
        key >= request.start_key() && (request.end_key().empty() || key < request.end_key());
    if (is_in && Find(key, request.read_ts()) != nullptr) keys.push_back(key);
  }
  if (request.reverse()) std::reverse(keys.begin(), keys.end());
  const uint32_t limit = std::min(rows_per_page, request.limit());
  for (size_t i = 0; i < keys.size(); ++i) {
    if (i == limit) {
      page.set_next_key(request.reverse() ? keys[i - 1] : keys[i]);
      break;
    }
    Fill(*Find(keys[i], request.read_ts()), keys[i], page.add_pairs());
    if (request.key_only()) page.mutable_pairs(static_cast<int>(i))->clear_value();
  }
  return response;
}

uint64_t TestWorld::DriverMillis() {
  const uint64_t millis = time.WallMillis() + static_cast<uint64_t>(driver_ahead_ms);
  return std::max(last_timestamp >> 18, millis);
}

uint64_t TestWorld::NextTimestamp() {
  last_timestamp = std::max(last_timestamp + 1, DriverMillis() << 18);
  return last_timestamp;
}

const TestData::Version* TestWorld::Find(const std::string& key, uint64_t at) {
  return data.Find(key, at, at == UINT64_MAX ? DriverMillis() : at >> 18);
}

void TestWorld::Tso(pd::v1::TsoRequest request, pd::Done<pd::v1::TsoResponse> done) {
  ++tso_calls;
  if (is_pd_silent) return;
  time.After(kLatency, [=, this] {
    if (is_pd_down) return done(UnavailableError("the driver is away"));
    if (request.cluster_id() != cluster_id) return done(FailedPreconditionError("other cluster"));
    pd::v1::TsoResponse response;
    response.set_first_timestamp(NextTimestamp());
    response.set_count(request.count());
    last_timestamp += request.count() - 1;
    done(response);
  });
}

void TestWorld::GetRegionByKey(pd::v1::GetRegionByKeyRequest request,
                               pd::Done<pd::v1::GetRegionByKeyResponse> done) {
  ++route_calls;
  if (is_pd_silent) return;
  time.After(kLatency, [=, this] {
    if (is_pd_down) return done(UnavailableError("the driver is away"));
    pd::v1::GetRegionByKeyResponse response;
    response.set_cluster_id(cluster_id);
    for (const Region& region : stale_routes ? *stale_routes : regions) {
      if (!Contains(region.meta, request.key())) continue;
      pd::v1::Route& route = *response.mutable_route();
      *route.mutable_region() = region.meta;
      for (const meta::v1::Peer& peer : region.meta.peers()) {
        if (peer.store_id() == region.leader_store) route.set_leader_peer_id(peer.id());
        meta::v1::Store& store = *route.add_stores();
        store.set_id(peer.store_id());
        for (const auto& [address, id] : listeners) {
          if (id == peer.store_id()) store.set_address(address);
        }
      }
    }
    done(response);
  });
}

}  // namespace nokv::client
