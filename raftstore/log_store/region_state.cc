#include "raftstore/log_store/region_state.h"

#include "engine/base/codec.h"

namespace nokv::log_store {
namespace {

constexpr char kVersion = 1;

void PutPeers(std::string& out, const std::vector<raft::PeerId>& peers) {
  PutVarint(out, peers.size());
  for (const raft::PeerId peer : peers) PutVarint(out, peer);
}

bool ReadPeers(Decoder& in, std::vector<raft::PeerId>* peers) {
  uint64_t count = 0;
  if (!in.Varint(&count) || count > raft::kPeersMax) return false;
  peers->resize(count);
  for (raft::PeerId& peer : *peers) {
    if (!in.Varint(&peer)) return false;
  }
  return true;
}

void PutConfiguration(std::string& out, const raft::Configuration& configuration) {
  PutPeers(out, configuration.voters);
  PutPeers(out, configuration.voters_outgoing);
  PutPeers(out, configuration.learners);
  PutPeers(out, configuration.learners_next);
  PutVarint(out, configuration.highest_id);
  out.push_back(configuration.auto_leave ? 1 : 0);
}

bool ReadConfiguration(Decoder& in, raft::Configuration* configuration) {
  uint8_t auto_leave = 0;
  if (!ReadPeers(in, &configuration->voters) || !ReadPeers(in, &configuration->voters_outgoing) ||
      !ReadPeers(in, &configuration->learners) || !ReadPeers(in, &configuration->learners_next) ||
      !in.Varint(&configuration->highest_id) || !in.Fixed(&auto_leave) || auto_leave > 1) {
    return false;
  }
  configuration->auto_leave = auto_leave == 1;
  return raft::Validate(*configuration).ok();
}

bool ReadSnapshot(Decoder& in, raft::Snapshot* snapshot) {
  std::string_view data;
  if (!in.Varint(&snapshot->index) || !in.Varint(&snapshot->term) ||
      !ReadConfiguration(in, &snapshot->configuration) || !in.LengthPrefixed(&data)) {
    return false;
  }
  snapshot->data = raft::Payload(data);
  return true;
}

bool ReadState(Decoder& in, RegionState* state) {
  uint8_t has_snapshot = 0;
  if (!in.Varint(&state->hard_state.term) || !in.Varint(&state->hard_state.vote) ||
      !in.Varint(&state->hard_state.commit) || !in.Fixed(&has_snapshot) || has_snapshot > 1) {
    return false;
  }
  if (has_snapshot == 1) {
    auto snapshot = std::make_shared<raft::Snapshot>();
    if (!ReadSnapshot(in, snapshot.get())) return false;
    state->snapshot = std::move(snapshot);
  }
  return in.done();
}

}  // namespace

std::string Encode(const RegionState& state) {
  std::string out(1, kVersion);
  PutVarint(out, state.hard_state.term);
  PutVarint(out, state.hard_state.vote);
  PutVarint(out, state.hard_state.commit);
  out.push_back(state.snapshot != nullptr ? 1 : 0);
  if (state.snapshot == nullptr) return out;
  PutVarint(out, state.snapshot->index);
  PutVarint(out, state.snapshot->term);
  PutConfiguration(out, state.snapshot->configuration);
  PutLengthPrefixed(out, state.snapshot->data.view());
  return out;
}

absl::StatusOr<RegionState> DecodeRegionState(std::string_view bytes) {
  RegionState state;
  if (bytes.empty()) return state;
  if (bytes.front() > kVersion) {
    return UnimplementedError(
        "a region's state of version {} is newer than {}, which this program "
        "reads",
        int{bytes.front()}, int{kVersion});
  }
  Decoder in(bytes.substr(1));
  if (bytes.front() != kVersion || !ReadState(in, &state)) {
    return DataLossError("a region's state of {} bytes is malformed", bytes.size());
  }
  return state;
}

}  // namespace nokv::log_store
