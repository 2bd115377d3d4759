#include "raftstore/transport/batch.h"

#include "engine/base/codec.h"
#include "engine/base/random.h"
#include "raftstore/transport/testing/bytes.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace nokv::transport {
namespace {

using raft::Entry;
using raft::EntryKind;
using raft::MessageType;
using raft::Payload;
using testing::FixChecksum;
using testing::Flat;
using testing::Hex;
using testing::Views;

std::string FrameOf(std::span<const Envelope> envelopes) {
  const FrameHeader header{.cluster = 1, .store = 2, .incarnation = 3, .sequence = 4};
  const absl::StatusOr<Frame> frame = EncodeFrame(header, EncodeBatch(envelopes));
  REQUIRE(frame.ok());
  return Flat(*frame);
}

absl::StatusOr<std::vector<Envelope>> Decode(const std::string& bytes) {
  const Views views(bytes);
  const absl::StatusOr<ReceivedFrame> frame = DecodeFrame(views);
  if (!frame.ok()) return frame.status();
  return DecodeBatch(*frame);
}

// A frame whose metadata and payloads are these, right or wrong.
std::string RawFrame(const std::string& metadata, std::string_view payload = {}) {
  FrameBody body{.metadata = metadata};
  if (!payload.empty()) body.payloads.push_back(Payload(payload));
  return Flat(*EncodeFrame({.cluster = 1, .store = 2, .incarnation = 3, .sequence = 4}, body));
}

bool Same(const Envelope& a, const Envelope& b) {
  const raft::Message& m = a.message;
  const raft::Message& n = b.message;
  const bool same_snapshot =
      (m.snapshot == nullptr) == (n.snapshot == nullptr) &&
      (m.snapshot == nullptr ||
       (m.snapshot->index == n.snapshot->index && m.snapshot->term == n.snapshot->term &&
        m.snapshot->configuration == n.snapshot->configuration &&
        m.snapshot->data == n.snapshot->data));
  return same_snapshot && a.region == b.region && a.epoch == b.epoch &&
         a.region_hash == b.region_hash && m.type == n.type && m.reject == n.reject &&
         m.force == n.force && m.from == n.from && m.to == n.to && m.term == n.term &&
         m.log_index == n.log_index && m.log_term == n.log_term && m.commit == n.commit &&
         m.hint == n.hint && m.hint_term == n.hint_term && m.round == n.round &&
         m.sent_tick == n.sent_tick && m.entries == n.entries;
}

uint64_t AnyNumber(Random& random) { return random.Next() >> random.Uniform(64); }

Envelope AnyEnvelope(Random& random) {
  Envelope envelope{.region = 1 + AnyNumber(random) / 2,
                    .epoch = {AnyNumber(random), AnyNumber(random)},
                    .region_hash = AnyNumber(random)};
  raft::Message& m = envelope.message;
  m.type = static_cast<MessageType>(random.Uniform(10));
  m.reject = random.OneIn(2);
  m.force = random.OneIn(2);
  m.from = 1 + AnyNumber(random) / 2;
  m.to = 1 + AnyNumber(random) / 2;
  m.term = AnyNumber(random);
  m.log_index = AnyNumber(random) >> 3;
  m.log_term = AnyNumber(random);
  m.commit = AnyNumber(random);
  m.hint = AnyNumber(random);
  m.hint_term = AnyNumber(random);
  m.round = AnyNumber(random);
  m.sent_tick = AnyNumber(random);
  for (uint64_t i = random.OneIn(3) ? random.Uniform(20) : 0; i > 0; --i) {
    m.entries.push_back({m.log_index + 1 + m.entries.size(), AnyNumber(random),
                         random.OneIn(2) ? EntryKind::kData : EntryKind::kConfigChange,
                         Payload(std::string(random.Uniform(900), static_cast<char>(i)))});
  }
  if (random.OneIn(5)) {
    auto snapshot = std::make_shared<raft::Snapshot>();
    snapshot->index = AnyNumber(random);
    snapshot->term = AnyNumber(random);
    snapshot->configuration = raft::MakeConfiguration({1, 2, 3}, {4 + random.Uniform(5)});
    snapshot->configuration.auto_leave = random.OneIn(2);
    snapshot->data = Payload(std::string(random.Uniform(900), 's'));
    m.snapshot = std::move(snapshot);
  }
  return envelope;
}

std::vector<Envelope> AnyBatch(Random& random) {
  std::vector<Envelope> batch(1 + random.Uniform(12));
  for (Envelope& envelope : batch) envelope = AnyEnvelope(random);
  return batch;
}

TEST_CASE("a batch's bytes are these", "[transport][golden]") {
  Envelope heartbeat{.region = 300, .epoch = {2, 3}, .region_hash = 0x0807060504030201};
  heartbeat.message = {.type = MessageType::kHeartbeat, .from = 11, .to = 12, .term = 5};
  heartbeat.message.commit = 6;
  heartbeat.message.round = 7;
  heartbeat.message.sent_tick = 8;
  Envelope append{.region = 1};
  append.message = {.type = MessageType::kAppend, .from = 11, .to = 12, .term = 5};
  append.message.log_index = 9;
  append.message.log_term = 4;
  append.message.entries = {{10, 5, EntryKind::kData, Payload("abc")},
                            {11, 5, EntryKind::kConfigChange, Payload("d")}};
  Envelope snapshot{.region = 1};
  snapshot.message = {.type = MessageType::kSnapshot, .from = 11, .to = 12, .term = 5};
  snapshot.message.snapshot = std::make_shared<raft::Snapshot>(
      raft::Snapshot{9, 4, raft::MakeConfiguration({1, 2}, {3}), Payload("e")});
  const FrameBody body = EncodeBatch(std::vector<Envelope>{heartbeat, append, snapshot});
  REQUIRE(Hex(body.metadata) ==
          "03"                                                  // Messages.
          "06000102030405060708ac0202030b0c050000060000070800"  // The heartbeat, without entries.
          "0400000000000000000001"
          "00000b0c0509040000000000"
          "02"  // The append, and two entries:
          "000503"
          "010501"  // kind, term and size.
          "0804000000000000000001"
          "0000"
          "0b0c050000000000000000"  // The snapshot's message, no entries,
          "0904030100"
          "020102"
          "00"
          "0103"
          "00");  // and itself.
  REQUIRE(body.payloads.size() == 3);
  REQUIRE(body.payloads[2].view() == "e");
}

TEST_CASE("messages come back as they were", "[transport]") {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    Random random(seed);
    const std::vector<Envelope> batch = AnyBatch(random);
    for (const Envelope& envelope : batch) REQUIRE(CheckSendable(envelope).ok());
    const auto decoded = Decode(FrameOf(batch));
    INFO("seed " << seed << ": " << decoded.status());
    REQUIRE(decoded.ok());
    REQUIRE(decoded->size() == batch.size());
    for (size_t i = 0; i < batch.size(); ++i) REQUIRE(Same((*decoded)[i], batch[i]));
  }
}

TEST_CASE("an entry's payload is shared by all frames that carry it", "[transport]") {
  Envelope append{.region = 1};
  append.message = {.type = MessageType::kAppend, .from = 1, .to = 2, .term = 5};
  append.message.entries = {{1, 5, EntryKind::kData, Payload(std::string(4096, 'x'))}};
  const Payload& payload = append.message.entries[0].data;
  for (int follower = 0; follower < 2; ++follower) {
    const FrameBody body = EncodeBatch({&append, 1});
    const absl::StatusOr<Frame> frame = EncodeFrame({}, body);
    REQUIRE(frame.ok());
    REQUIRE(frame->slices.size() == 2);
    REQUIRE(frame->slices[1].view().data() == payload.view().data());
    REQUIRE(frame->slices[0].size() < 100);
  }
}

TEST_CASE("a damaged batch with a right checksum gives an error or another batch",
          "[transport][hostile]") {
  size_t refused = 0;
  for (uint64_t seed = 1; seed <= 4'000; ++seed) {
    Random random(seed);
    std::string bytes = FrameOf(AnyBatch(random));
    for (uint64_t i = 1 + random.Uniform(3); i > 0; --i) {
      const size_t at = random.OneIn(3) ? random.Uniform(bytes.size())
                                        : random.Uniform(std::min<size_t>(bytes.size(), 200));
      switch (random.Uniform(4)) {
        case 0:
          bytes[at] = static_cast<char>(random.Next());
          break;
        case 1:
          bytes[at] = static_cast<char>(0xff);
          break;
        case 2:
          bytes.erase(at, 1 + random.Uniform(4));
          break;
        default:
          bytes.insert(at, 1 + random.Uniform(4), static_cast<char>(random.Next()));
      }
      if (bytes.empty()) bytes = "x";
    }
    if (bytes.size() >= kHeaderBytes && random.OneIn(2)) {  // Also the sizes are right again.
      const uint32_t metadata = std::min<uint32_t>(LoadFixed<uint32_t>(bytes.data() + 38),
                                                   static_cast<uint32_t>(bytes.size() - 46));
      StoreFixed(bytes.data() + 38, metadata);
      StoreFixed(bytes.data() + 42, static_cast<uint32_t>(bytes.size() - 46 - metadata));
    }
    FixChecksum(bytes);
    const auto decoded = Decode(bytes);
    refused += decoded.ok() ? 0 : 1;
    if (!decoded.ok()) {
      const bool is_typed =
          absl::IsDataLoss(decoded.status()) || absl::IsUnimplemented(decoded.status());
      INFO("seed " << seed << ": " << decoded.status());
      REQUIRE(is_typed);
    }
  }
  REQUIRE(refused > 1'000);
}

TEST_CASE("claims of more than there is are refused before anything is allocated for them",
          "[transport][hostile]") {
  const std::string ones(8 + 13, '\1');  // Some hash, region 1, from 1, to 1, and so on.
  const auto refuses = [](const std::string& metadata, std::string_view payload = {}) {
    const absl::Status status = Decode(RawFrame(metadata, payload)).status();
    INFO(status);
    REQUIRE(absl::IsDataLoss(status));
  };
  REQUIRE(Decode(RawFrame("\1" + std::string("\6\0", 2) + ones + std::string(1, '\0'))).ok());
  refuses("");
  refuses(std::string(1, '\0'));                                           // No message.
  refuses("\x90\x4e" + std::string(100, '\1'));                            // 10,000 messages.
  refuses("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");                     // 2^64 - 1 messages.
  refuses("\1" + std::string("\x0a\0", 2) + ones + std::string(1, '\0'));  // Unknown type.
  refuses("\1" + std::string("\6\x08", 2) + ones + std::string(1, '\0'));  // Unknown flag.
  refuses("\1" + std::string("\6\0", 2) + std::string(8 + 13, '\0') + std::string(1, '\0'));
  refuses("\1" + std::string("\6\0", 2) + ones + "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
  refuses("\1" + std::string("\6\0", 2) + ones + "\1" + std::string("\2\1\0", 3));  // Kind.
  refuses("\1" + std::string("\6\0", 2) + ones + "\1" + std::string("\0\1\5", 3), "four");
  refuses("\1" + std::string("\6\0", 2) + ones + "\1" + std::string("\0\1\3", 3), "four");
  refuses("\1" + std::string("\6\0", 2) + ones + std::string(2, '\0'));  // A byte too many.
  // A snapshot with too many voters.
  refuses("\1" + std::string("\x08\4", 2) + ones + std::string("\0\1\1\1\0\0\x20", 7) +
          std::string(40, '\1'));
}

TEST_CASE("what no frame could carry is not sendable", "[transport]") {
  Envelope append{.region = 1};
  append.message = {.type = MessageType::kAppend, .from = 1, .to = 2, .term = 5};
  append.message.entries = {{1, 5, EntryKind::kData, Payload(std::string(9 << 20, 'x'))}};
  REQUIRE(CheckSendable(append).ok());
  append.message.entries[0].data = Payload(std::string(13 << 20, 'x'));
  REQUIRE(absl::IsInvalidArgument(CheckSendable(append)));
  append.message.entries = std::vector<Entry>(kBatchEntriesMax + 1, {1, 5});
  for (size_t i = 0; i < append.message.entries.size(); ++i)
    append.message.entries[i].index = i + 1;
  REQUIRE(absl::IsInvalidArgument(CheckSendable(append)));
  append.message.entries = {{2, 5}};  // After nothing.
  REQUIRE(absl::IsInvalidArgument(CheckSendable(append)));
  append.message.entries.clear();
  append.region = 0;
  REQUIRE(absl::IsInvalidArgument(CheckSendable(append)));
}

}  // namespace
}  // namespace nokv::transport
