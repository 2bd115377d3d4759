#include "raftstore/rpc/frame_buffer.h"

#include "proto/raft.pb.h"

#include <catch2/catch.hpp>

#include <string>

namespace nokv::rpc {
namespace {

transport::Frame FrameOf(const std::vector<std::string>& parts) {
  transport::Frame frame;
  for (const std::string& part : parts) {
    frame.slices.emplace_back(part);
    frame.size_bytes += part.size();
  }
  return frame;
}

std::string Flat(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  REQUIRE(buffer.Dump(&slices).ok());
  std::string bytes;
  for (const grpc::Slice& slice : slices) bytes.append(slice.begin(), slice.end());
  return bytes;
}

// In pieces of `size`.
grpc::ByteBuffer BufferOf(const std::string& bytes, size_t size) {
  std::vector<grpc::Slice> slices;
  for (size_t at = 0; at < bytes.size(); at += size) slices.emplace_back(bytes.substr(at, size));
  return {slices.data(), slices.size()};
}

std::string Join(const std::vector<std::string_view>& pieces) {
  std::string bytes;
  for (const std::string_view piece : pieces) bytes += piece;
  return bytes;
}

TEST_CASE("a wrapped frame is the protobuf message that the contract has", "[rpc]") {
  for (const size_t size : {1u, 100u, 127u, 128u, 100'000u, 3'000'000u}) {
    const std::string payload(size, 'p');
    const grpc::ByteBuffer buffer = Wrap(FrameOf({"head", payload}));
    raft::v1::Frame message;
    REQUIRE(message.ParseFromString(Flat(buffer)));
    CHECK(message.frame() == "head" + payload);
    CHECK(message.SerializeAsString() == Flat(buffer));
  }
}

TEST_CASE("a frame comes out of its wrap however it is cut into pieces", "[rpc]") {
  const std::string frame = "some bytes of a frame, " + std::string(300, 'x');
  const std::string message = Flat(Wrap(FrameOf({frame})));
  for (const size_t piece : {1u, 2u, 3u, 7u, 64u, 1000u}) {
    const grpc::ByteBuffer buffer = BufferOf(message, piece);
    const absl::StatusOr<Unwrapped> unwrapped = Unwrap(buffer);
    REQUIRE(unwrapped.ok());
    CHECK(Join(unwrapped->pieces) == frame);
    for (const std::string_view part : unwrapped->pieces) CHECK_FALSE(part.empty());
  }
}

TEST_CASE("a message that is not exactly one frame is refused", "[rpc]") {
  const std::string good = Flat(Wrap(FrameOf({std::string(200, 'x')})));
  const std::vector<std::string> bad = {
      "",
      "\x0a",
      std::string("\x0a\x00", 2),
      "x" + good,
      good + "x",
      good.substr(0, good.size() - 1),
      good + good,
      "\x12" + good.substr(1),
      "\x0a" + std::string(12, '\xff'),
  };
  for (const std::string& bytes : bad) {
    CAPTURE(bytes.size());
    CHECK(Unwrap(BufferOf(bytes, 5)).status().code() == absl::StatusCode::kDataLoss);
  }
}

TEST_CASE("what is sent stays alive as long as gRPC holds it, and no longer", "[rpc]") {
  std::string copy;
  {
    grpc::ByteBuffer kept;
    {
      const transport::Frame frame = FrameOf({"one", std::string(5000, 'y')});
      kept = Wrap(frame);
    }
    copy = Flat(kept);
  }
  CHECK(copy.size() == 3 + 5003);
}

}  // namespace
}  // namespace nokv::rpc
