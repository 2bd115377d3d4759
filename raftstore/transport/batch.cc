#include "raftstore/transport/batch.h"

#include "engine/base/check.h"
#include "engine/base/codec.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace nokv::transport {
namespace {

using raft::Configuration;
using raft::Entry;
using raft::EntryKind;
using raft::Message;
using raft::MessageType;
using raft::Payload;
using raft::PeerId;
using raft::Snapshot;

constexpr uint8_t kReject = 1;
constexpr uint8_t kForce = 2;
constexpr uint8_t kHasSnapshot = 4;
constexpr uint8_t kFlags = kReject | kForce | kHasSnapshot;

constexpr size_t kMessageBytesMin = 24;  // Ten bytes, and a byte for each number.
constexpr size_t kEntryBytesMin = 3;

// An entry's kind and two numbers, the second below 2^28.
constexpr size_t kEntryMetadataBytesMax = 1 + kVarintMaxBytes + 4;
static_assert(kBatchEntriesMax * kEntryMetadataBytesMax + kBatchMessagesMax * 2048 <
              kMetadataBytesMax);
// A batch that is more than one message is at most kBatchBytesMax.
constexpr uint64_t kMessageBytesMax = kFrameBytesMax - kMetadataBytesMax - kHeaderBytes;

void PutPayload(const Payload& payload, FrameBody& body) {
  PutVarint(body.metadata, payload.size());
  if (!payload.empty()) body.payloads.push_back(payload);
}

void PutPeers(const std::vector<PeerId>& peers, std::string& out) {
  PutVarint(out, peers.size());
  for (const PeerId peer : peers) PutVarint(out, peer);
}

void PutSnapshot(const Snapshot& snapshot, FrameBody& body) {
  const Configuration& configuration = snapshot.configuration;
  std::string& out = body.metadata;
  PutVarint(out, snapshot.index);
  PutVarint(out, snapshot.term);
  PutVarint(out, configuration.highest_id);
  PutPayload(snapshot.data, body);
  out.push_back(configuration.auto_leave ? 1 : 0);
  PutPeers(configuration.voters, out);
  PutPeers(configuration.voters_outgoing, out);
  PutPeers(configuration.learners, out);
  PutPeers(configuration.learners_next, out);
}

void PutEnvelope(const Envelope& envelope, FrameBody& body) {
  const Message& m = envelope.message;
  std::string& out = body.metadata;
  out.push_back(static_cast<char>(m.type));
  out.push_back(static_cast<char>((m.reject ? kReject : 0) | (m.force ? kForce : 0) |
                                  (m.snapshot != nullptr ? kHasSnapshot : 0)));
  PutFixed(out, envelope.region_hash);
  for (const uint64_t number :
       {envelope.region, envelope.epoch.conf_version, envelope.epoch.version, m.from, m.to, m.term,
        m.log_index, m.log_term, m.commit, m.hint, m.hint_term, m.round, m.sent_tick}) {
    PutVarint(out, number);
  }
  PutVarint(out, m.entries.size());
  for (const Entry& entry : m.entries) {
    out.push_back(static_cast<char>(entry.kind));
    PutVarint(out, entry.term);
    PutPayload(entry.data, body);
  }
  if (m.snapshot != nullptr) PutSnapshot(*m.snapshot, body);
}

// Reads one batch. Every function returns what is wrong, or nothing.
class BatchReader {
 public:
  explicit BatchReader(const ReceivedFrame& frame) : in_(frame.metadata()), payloads_(frame) {}

  absl::Status Read(std::vector<Envelope>& envelopes) {
    uint64_t count = 0;
    if (!in_.Varint(&count) || count == 0 || count > kBatchMessagesMax ||
        count > in_.remaining() / kMessageBytesMin) {
      return DataLossError("a batch of {} messages in {} bytes", count, in_.remaining());
    }
    envelopes.reserve(count);
    for (uint64_t i = 0; i < count; ++i) {
      if (absl::Status status = ReadEnvelope(envelopes.emplace_back()); !status.ok()) {
        return DataLossError("message {} of {}: {}", i + 1, count, StdView(status.message()));
      }
    }
    if (!in_.done() || payloads_.remaining() != 0) {
      return DataLossError("a batch with {} bytes of metadata and {} of payload left over",
                           in_.remaining(), payloads_.remaining());
    }
    return absl::OkStatus();
  }

 private:
  absl::Status ReadEnvelope(Envelope& envelope) {
    Message& m = envelope.message;
    uint8_t type = 0;
    uint8_t flags = 0;
    if (!in_.Fixed(&type) || !in_.Fixed(&flags) || !in_.Fixed(&envelope.region_hash)) {
      return CutShort();
    }
    if (type > static_cast<uint8_t>(MessageType::kTimeoutNow)) {
      return DataLossError("unknown type {}", type);
    }
    if ((flags & ~kFlags) != 0) return DataLossError("unknown flags {:#x}", flags);
    m.type = static_cast<MessageType>(type);
    m.reject = (flags & kReject) != 0;
    m.force = (flags & kForce) != 0;
    for (uint64_t* number :
         {&envelope.region, &envelope.epoch.conf_version, &envelope.epoch.version, &m.from, &m.to,
          &m.term, &m.log_index, &m.log_term, &m.commit, &m.hint, &m.hint_term, &m.round,
          &m.sent_tick}) {
      in_.Varint(number);
    }
    if (in_.failed()) return CutShort();
    if (envelope.region == 0 || m.from == raft::kNobody || m.to == raft::kNobody) {
      return DataLossError("region {}, from {}, to {}", envelope.region, m.from, m.to);
    }
    if (m.log_index >= raft::kCountMax) return DataLossError("log index {}", m.log_index);
    RETURN_IF_ERROR(ReadEntries(m));
    return (flags & kHasSnapshot) != 0 ? ReadSnapshot(m) : absl::OkStatus();
  }

  absl::Status ReadEntries(Message& m) {
    uint64_t count = 0;
    if (!in_.Varint(&count)) return CutShort();
    entries_ += count;  // Counted over the batch; `count` alone is bounded before it is added up.
    if (count > in_.remaining() / kEntryBytesMin || entries_ > kBatchEntriesMax) {
      return DataLossError("{} entries in {} bytes, {} in the batch", count, in_.remaining(),
                           entries_);
    }
    m.entries.reserve(count);
    for (uint64_t i = 0; i < count; ++i) {
      uint8_t kind = 0;
      Entry entry{.index = m.log_index + 1 + i};
      if (!in_.Fixed(&kind) || !in_.Varint(&entry.term)) return CutShort();
      if (kind > static_cast<uint8_t>(EntryKind::kConfigChange)) {
        return DataLossError("entry {} of unknown kind {}", entry.index, kind);
      }
      entry.kind = static_cast<EntryKind>(kind);
      RETURN_IF_ERROR(ReadPayload(&entry.data));
      m.entries.push_back(std::move(entry));
    }
    return absl::OkStatus();
  }

  absl::Status ReadSnapshot(Message& m) {
    auto snapshot = std::make_shared<Snapshot>();
    Configuration& configuration = snapshot->configuration;
    if (!in_.Varint(&snapshot->index) || !in_.Varint(&snapshot->term) ||
        !in_.Varint(&configuration.highest_id)) {
      return CutShort();
    }
    RETURN_IF_ERROR(ReadPayload(&snapshot->data));
    uint8_t auto_leave = 0;
    if (!in_.Fixed(&auto_leave)) return CutShort();
    if (auto_leave > 1) return DataLossError("auto-leave is {}", auto_leave);
    configuration.auto_leave = auto_leave == 1;
    for (std::vector<PeerId>* peers : {&configuration.voters, &configuration.voters_outgoing,
                                       &configuration.learners, &configuration.learners_next}) {
      RETURN_IF_ERROR(ReadPeers(*peers));
    }
    m.snapshot = std::move(snapshot);
    return absl::OkStatus();
  }

  absl::Status ReadPeers(std::vector<PeerId>& peers) {
    uint64_t count = 0;
    if (!in_.Varint(&count)) return CutShort();
    if (count > raft::kPeersMax) return DataLossError("{} peers of one kind", count);
    peers.resize(count);
    for (PeerId& peer : peers) in_.Varint(&peer);
    return in_.failed() ? CutShort() : absl::OkStatus();
  }

  absl::Status ReadPayload(Payload* payload) {
    uint64_t size = 0;
    if (!in_.Varint(&size)) return CutShort();
    if (!payloads_.Take(size, payload)) {
      return DataLossError("a payload of {} bytes where {} are left", size, payloads_.remaining());
    }
    return absl::OkStatus();
  }

  static absl::Status CutShort() { return DataLossError("its metadata ends too early"); }

  Decoder in_;
  PayloadReader payloads_;
  uint64_t entries_ = 0;
};

}  // namespace

absl::Status CheckSendable(const Envelope& envelope) {
  const Message& m = envelope.message;
  if (envelope.region == 0 || m.from == raft::kNobody || m.to == raft::kNobody ||
      m.type > MessageType::kTimeoutNow || m.log_index >= raft::kCountMax) {
    return InvalidArgumentError("region {}: a message that nobody could take: {}", envelope.region,
                                raft::ToString(m));
  }
  raft::Index expected = m.log_index;
  for (const Entry& entry : m.entries) {
    if (entry.index != ++expected) {
      return InvalidArgumentError("region {}: entry {} where {} must follow", envelope.region,
                                  entry.index, expected);
    }
  }
  if (m.entries.size() > kBatchEntriesMax || SizeBytes(envelope) > kMessageBytesMax) {
    return InvalidArgumentError("region {}: {} with {} entries and {} bytes: at most {} and {}",
                                envelope.region, raft::ToString(m.type), m.entries.size(),
                                SizeBytes(envelope), kBatchEntriesMax, kMessageBytesMax);
  }
  if (m.snapshot == nullptr) return absl::OkStatus();
  const Configuration& configuration = m.snapshot->configuration;
  for (const auto* peers : {&configuration.voters, &configuration.voters_outgoing,
                            &configuration.learners, &configuration.learners_next}) {
    if (peers->size() > raft::kPeersMax) {
      return InvalidArgumentError("region {}: a snapshot with {} peers of one kind",
                                  envelope.region, peers->size());
    }
  }
  return absl::OkStatus();
}

FrameBody EncodeBatch(std::span<const Envelope> envelopes) {
  NOKV_CHECK(!envelopes.empty() && envelopes.size() <= kBatchMessagesMax);
  FrameBody body;
  PutVarint(body.metadata, envelopes.size());
  for (const Envelope& envelope : envelopes) PutEnvelope(envelope, body);
  return body;
}

absl::StatusOr<std::vector<Envelope>> DecodeBatch(const ReceivedFrame& frame) {
  std::vector<Envelope> envelopes;
  RETURN_IF_ERROR(BatchReader(frame).Read(envelopes));
  return envelopes;
}

}  // namespace nokv::transport
