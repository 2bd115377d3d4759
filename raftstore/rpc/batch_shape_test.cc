#include "raftstore/rpc/batch_shape.h"

#include "engine/base/codec.h"
#include "engine/base/random.h"
#include "proto/kv.pb.h"
#include "raftstore/rpc/kv_service.h"

#include <catch2/catch.hpp>

#include <string>

namespace nokv::rpc {
namespace {

// `count` times an empty member of the list that is field `field`.
std::string Empties(int field, size_t count) {
  std::string bytes;
  bytes.reserve(2 * count);
  for (size_t i = 0; i < count; ++i) bytes += {static_cast<char>(field << 3 | 2), 0};
  return bytes;
}

std::string Field(int field, const std::string& content) {
  std::string bytes(1, static_cast<char>(field << 3 | 2));
  PutLengthPrefixed(bytes, content);
  return bytes;
}

TEST_CASE("a batch is as large as it may be, and one more member is too many", "[rpc]") {
  kv::v1::KvBatchRequest batch;
  for (size_t i = 0; i < kBatchCommandsMax; ++i) {
    kv::v1::Command& command = *batch.add_commands();
    command.set_id(i);
    for (int k = 0; k < 2'000; ++k) command.mutable_batch_get()->add_keys("key");
    command.mutable_batch_get()->set_read_ts(UINT64_MAX);
  }
  REQUIRE(CheckShape(batch.SerializeAsString()).ok());
  batch.add_commands();
  REQUIRE(absl::IsResourceExhausted(CheckShape(batch.SerializeAsString())));
}

TEST_CASE("what is small on the wire and large in memory is refused before it is parsed",
          "[rpc][hostile]") {
  REQUIRE(absl::IsResourceExhausted(CheckShape(Empties(1, 4'000'000))));  // Commands.
  const auto mutations = [](size_t count) {
    return Field(1, Field(5, Empties(2, count)));  // Of one request of one command.
  };
  REQUIRE(CheckShape(mutations(kBatchMembersMax)).ok());
  REQUIRE(absl::IsResourceExhausted(CheckShape(mutations(kBatchMembersMax + 1))));
  // Together.
  const std::string half = mutations(kBatchMembersMax / 2 + 1);
  REQUIRE(absl::IsResourceExhausted(CheckShape(half + half)));
  const std::string junk = Field(1, Field(15, "\x07\x07"));
  REQUIRE(absl::IsInvalidArgument(CheckShape(junk + mutations(kBatchMembersMax + 1))));
}

TEST_CASE("what the counting can't read, and a parser skips, is refused", "[rpc][hostile]") {
  const std::string group = "\x0b\x0c";  // Field 1, begins and ends.
  for (const std::string& bytes :
       {group + Empties(1, 4'000'000), Field(1, group + Field(5, Empties(2, 4'000'000))),
        Field(1, Field(5, group + Empties(2, 4'000'000)))}) {
    REQUIRE(absl::IsInvalidArgument(CheckShape(bytes)));
  }
  REQUIRE(absl::IsInvalidArgument(CheckRequestShape(group + Empties(2, 4'000'000))));
  REQUIRE(absl::IsResourceExhausted(CheckRequestShape(Empties(2, kBatchMembersMax + 1))));
  REQUIRE(CheckRequestShape(Empties(2, kBatchMembersMax)).ok());
}

TEST_CASE("random bytes are counted or refused", "[rpc][hostile]") {
  for (uint64_t seed = 1; seed <= 2'000; ++seed) {
    Random random(seed);
    std::string bytes(random.Uniform(200), 0);
    for (char& byte : bytes)
      byte = static_cast<char>(random.OneIn(2) ? random.Uniform(20) : random.Next());
    INFO("seed " << seed);
    const absl::Status status = CheckShape(bytes);
    REQUIRE((status.ok() || absl::IsInvalidArgument(status)));
  }
}

}  // namespace
}  // namespace nokv::rpc
