#include "raftstore/store/applier.h"

#include "percolator/mvcc/key_codec.h"
#include "percolator/mvcc/record.h"
#include "raftstore/store/planted.h"

#include <utility>

namespace nokv::store {

// What was committed must go into the engine: a store that can't apply an entry never starts again.
static_assert(mvcc::kEncodedKeyBytesMax <= kEncodedKeyBytesMax);
static_assert(mvcc::kWriteHeadBytesMax <= kValueHeadBytesMax);

namespace {

// A check for conflicts, or a scan of keys, asks a write record everything but its value.
uint8_t HeadBytes(const command::ChangeView& change) {
  if (change.family != mvcc::Family::kWrite) return 0;
  return static_cast<uint8_t>(mvcc::WriteHeadBytes(change.value));
}

}  // namespace

void Applier::Add(Peer& peer, std::vector<raft::Entry> entries) {
  for (raft::Entry& entry : entries) waiting_.push_back({&peer, std::move(entry)});
}

absl::Status Applier::Run(std::vector<Peer*>& applied) {
  if (waiting_.empty()) return absl::OkStatus();
  WriteBatch batch;
  std::vector<GroupMark> marks;  // The last of each run of a peer's entries.
  std::vector<Effects> effects;
  for (const Waiting& waiting : waiting_) {
    if (batch.size_bytes() >= shared_.options.apply_bytes) break;
    RETURN_IF_ERROR(Gather(waiting, batch, effects.emplace_back()));
    const region::RegionId region = waiting.peer->region().id;
    if (marks.empty() || marks.back().group != region) marks.push_back({region, 0});
    marks.back().index = waiting.entry.index;
  }
  const absl::Status written = Write(batch, marks);
  is_held_up_ = absl::IsResourceExhausted(written) || absl::IsUnavailable(written);
  if (is_held_up_) return absl::OkStatus();
  RETURN_IF_ERROR(written);
  for (const Effects& effect : effects) {
    const auto [peer, entry] = std::move(waiting_.front());
    waiting_.pop_front();
    ++shared_.statistics.applied_entries;
    shared_.statistics.applied_commands += effect.size();
    peer->raft().Applied(entry.index);
    peer->Applied(entry.index, entry.term, raft::SizeBytes(entry), effect);
    applied.push_back(peer);
  }
  return absl::OkStatus();
}

absl::Status Applier::Gather(const Waiting& waiting, WriteBatch& batch, Effects& effects) {
  const raft::Entry& entry = waiting.entry;
  const region::RegionId region = waiting.peer->region().id;
  if (entry.kind != raft::EntryKind::kData) {
    return UnimplementedError("region {}: entry {} changes the group, which is not done yet",
                              region, entry.index);
  }
  if (const absl::Status status = command::DecodeEntry(entry.data.view(), decoded_); !status.ok()) {
    return absl::Status(status.code(),
                        AbslView(fmt::format("region {}: entry {} of term {}: {}", region,
                                             entry.index, entry.term, StdView(status.message()))));
  }
  for (const command::Command& command : decoded_.commands) {
    if (command.kind == command::Kind::kCompact) {
      waiting.peer->set_compact_index(std::min(command.compact_index, entry.index));
      effects.push_back(true);
      continue;
    }
    const bool is_stale = IsStale(*waiting.peer, command);
    effects.push_back(!is_stale);
    if (is_stale) {
      ++shared_.statistics.stale_commands;
      continue;
    }
    for (const command::ChangeView& change : decoded_.ChangesOf(command)) {
      if (change.is_delete) {
        batch.Delete(change.key, families_.Of(change.family));
      } else {
        const auto offset = static_cast<uint32_t>(change.value.data() - entry.data.view().data());
        batch.SetFromEntry(change.key, change.value,
                           {region, entry.index, offset, HeadBytes(change)},
                           families_.Of(change.family));
      }
    }
  }
  return absl::OkStatus();
}

bool Applier::IsStale(const Peer& peer, const command::Command& command) const {
  if (Planted(Bug::kApplyWithoutEpochCheck)) return false;
  if (command.region_version != peer.region().epoch.version) return true;
  for (const command::ChangeView& change : decoded_.ChangesOf(command)) {
    if (!peer.ContainsEncoded(change.key)) return true;
  }
  return false;
}

absl::Status Applier::Write(const WriteBatch& batch, const std::vector<GroupMark>& marks) {
  if (Planted(Bug::kMarkWithoutData)) {
    RETURN_IF_ERROR(db_.Write({}, {.durability = Durability::kPower, .marks = marks}));
    return db_.Write(batch, {.never_wait = true});
  }
  return db_.Write(batch, {.marks = marks, .never_wait = true});
}

}  // namespace nokv::store
