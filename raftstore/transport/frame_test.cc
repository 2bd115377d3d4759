#include "raftstore/transport/frame.h"

#include "engine/base/codec.h"
#include "engine/base/crc32c.h"
#include "engine/base/random.h"
#include "raftstore/transport/handshake.h"
#include "raftstore/transport/testing/bytes.h"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

namespace nokv::transport {
namespace {

using testing::Flat;
using testing::Hex;
using testing::Views;

const FrameHeader kHeader{.kind = FrameKind::kBatch,
                          .cluster = 0x1122334455667788,
                          .store = 3,
                          .incarnation = 4,
                          .sequence = 5};

Frame Encode(const FrameBody& body) {
  absl::StatusOr<Frame> frame = EncodeFrame(kHeader, body);
  REQUIRE(frame.ok());
  return *std::move(frame);
}

TEST_CASE("a frame's bytes are these", "[transport][golden]") {
  const Frame frame = Encode({.metadata = "meta", .payloads = {raft::Payload("pay")}});
  REQUIRE(Hex(Flat(frame)) ==
          "0204034c4722"      // Version, kind, checksum.
          "8877665544332211"  // Cluster.
          "0300000000000000"  // Store.
          "0400000000000000"  // Incarnation.
          "0500000000000000"  // Sequence.
          "0400000003000000"  // Sizes.
          "6d657461706179");  // "meta", "pay".
}

TEST_CASE("a long payload is referred to, short ones are copied together", "[transport]") {
  const raft::Payload large(std::string(kCopiedBytesMax, 'x'));
  const raft::Payload small("small");
  const Frame frame = Encode({.metadata = "m", .payloads = {small, large, small, small, large}});
  REQUIRE(frame.slices.size() == 4);
  REQUIRE(frame.slices[1].view().data() == large.view().data());
  REQUIRE(frame.slices[3].view().data() == large.view().data());
  REQUIRE(frame.slices[2].view() == "smallsmall");
  REQUIRE(frame.size_bytes == Flat(frame).size());
}

TEST_CASE("a frame can be read from pieces cut anywhere", "[transport]") {
  const std::string long_bytes(700, 'y');
  const FrameBody body{.metadata = "metadata",
                       .payloads = {raft::Payload("a"), raft::Payload(long_bytes)}};
  const std::string flat = Flat(Encode(body));
  for (size_t first = 0; first <= flat.size(); first += 1 + first / 80) {
    const size_t second = first + (flat.size() - first) / 2;
    const std::string_view view(flat);
    const std::vector<std::string_view> pieces = {
        view.substr(0, first), view.substr(first, second - first), "", view.substr(second)};
    INFO("cut at " << first << " and " << second);
    const absl::StatusOr<ReceivedFrame> frame = DecodeFrame(pieces);
    REQUIRE(frame.ok());
    REQUIRE(frame->header == kHeader);
    REQUIRE(frame->metadata() == "metadata");
    PayloadReader payloads(*frame);
    raft::Payload payload;
    REQUIRE(payloads.Take(1, &payload));
    REQUIRE(payload.view() == "a");
    REQUIRE(payloads.Take(0, &payload));
    REQUIRE(payload.empty());
    REQUIRE_FALSE(payloads.Take(701, &payload));
    REQUIRE(payloads.Take(700, &payload));
    REQUIRE(payload.view() == long_bytes);
    REQUIRE(payloads.remaining() == 0);
    REQUIRE_FALSE(payloads.Take(1, &payload));
  }
}

TEST_CASE("any change of any bit of a frame is found", "[transport][hostile]") {
  const std::string good = Flat(Encode({.metadata = "meta", .payloads = {raft::Payload("pay")}}));
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    const absl::Status status = DecodeFrame(Views(bad)).status();
    INFO("bit " << bit << ": " << status);
    REQUIRE((bit < 8 ? absl::IsUnimplemented(status) : absl::IsDataLoss(status)));
  }
  for (size_t size = 0; size < good.size(); ++size) {
    REQUIRE(absl::IsDataLoss(DecodeFrame(Views(good.substr(0, size))).status()));
  }
  REQUIRE(absl::IsDataLoss(DecodeFrame(Views(good + "x")).status()));
  REQUIRE(absl::IsDataLoss(DecodeFrame({}).status()));
}

TEST_CASE("a frame that would be too large is not made", "[transport]") {
  const raft::Payload large(std::string(kFrameBytesMax - kHeaderBytes, 'x'));
  REQUIRE(EncodeFrame(kHeader, {.payloads = {large}}).ok());
  REQUIRE(absl::IsInvalidArgument(
      EncodeFrame(kHeader, {.metadata = "m", .payloads = {large}}).status()));
  REQUIRE(absl::IsInvalidArgument(
      EncodeFrame(kHeader, {.metadata = std::string(kMetadataBytesMax + 1, 'm')}).status()));
}

TEST_CASE("frames of a handshake keep the version that every store reads", "[transport]") {
  const absl::StatusOr<Frame> hello = EncodeFrame({.kind = FrameKind::kHello}, {});
  REQUIRE(hello.ok());
  REQUIRE(Flat(*hello).at(0) == 1);
  // Batches of version 1 had another layout. A good frame but for that:
  std::string batch = Flat(Encode({.metadata = "m"}));
  REQUIRE(batch.at(0) == 2);
  batch.at(0) = 1;
  const std::string_view bytes = batch;
  const uint32_t crc = ExtendCrc32c(ExtendCrc32c(0, bytes.substr(0, 2)), bytes.substr(6));
  StoreFixed(batch.data() + 2, crc);
  REQUIRE(absl::IsUnimplemented(DecodeFrame(std::span(&bytes, 1)).status()));
}

TEST_CASE("the words of a handshake come back, and nothing else is taken for them",
          "[transport][hostile]") {
  const auto hello = DecodeHello(
      EncodeHello({.to = 300, .lane = Lane::kAppend, .version_min = 1, .version_max = 9}));
  REQUIRE(hello.ok());
  REQUIRE(hello->to == 300);
  REQUIRE(hello->lane == Lane::kAppend);
  REQUIRE(hello->version_max == 9);
  REQUIRE(Hex(EncodeHello({.to = 300, .lane = Lane::kAppend})) == "ac02010202");
  const auto welcome = DecodeWelcome(EncodeWelcome({.to = 7}));
  REQUIRE(welcome.ok());
  REQUIRE(welcome->to == 7);
  const absl::Status refusal = DecodeRefusal(EncodeRefusal(NotFoundError("no {}", 1)));
  REQUIRE(absl::IsNotFound(refusal));
  REQUIRE(refusal.message() == "no 1");
  const std::string long_reason(10'000, 'x');
  REQUIRE(EncodeRefusal(NotFoundError("{}", long_reason)).size() == 1 + kReasonBytesMax);

  Random random(5);
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes(random.Uniform(8), '\0');
    for (char& byte : bytes) byte = static_cast<char>(random.Next());
    static_cast<void>(DecodeHello(bytes).ok());
    static_cast<void>(DecodeWelcome(bytes).ok());
    REQUIRE_FALSE(DecodeRefusal(bytes).ok());
  }
}

}  // namespace
}  // namespace nokv::transport
