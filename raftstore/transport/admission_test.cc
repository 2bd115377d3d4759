#include "raftstore/transport/admission.h"

#include <catch2/catch.hpp>

namespace nokv::transport {
namespace {

constexpr Identity kSelf{.cluster = 1, .store = 2, .incarnation = 10};

FrameHeader From(StoreId store, uint64_t incarnation, uint64_t sequence) {
  return {.kind = FrameKind::kHello,
          .cluster = kSelf.cluster,
          .store = store,
          .incarnation = incarnation,
          .sequence = sequence};
}

constexpr Hello kControlHello{.to = 2, .lane = Lane::kControl};
constexpr Hello kAppendHello{.to = 2, .lane = Lane::kAppend};

TEST_CASE("calls that are wrong are refused, and the reason says how", "[transport][handshake]") {
  Admission admission(kSelf, 10);
  const auto requires_text = [&](const FrameHeader& header, const Hello& hello,
                                 absl::StatusCode code, const char* text) {
    const absl::Status status = admission.TakeHello(header, hello);
    INFO(status);
    REQUIRE(status.code() == code);
    REQUIRE(StdView(status.message()).find(text) != std::string_view::npos);
  };
  using enum absl::StatusCode;
  FrameHeader foreign = From(3, 1, 1);
  foreign.cluster = 0xabc;
  requires_text(foreign, kControlHello, kFailedPrecondition, "cluster 0000000000000abc");
  requires_text(From(0, 1, 1), kControlHello, kInvalidArgument, "store 0");
  requires_text(From(3, 0, 1), kControlHello, kInvalidArgument, "incarnation 0");
  requires_text(From(3, 1, 1), {.to = 9}, kFailedPrecondition, "this is store 2");
  requires_text(From(2, 11, 1), kControlHello, kFailedPrecondition, "two processes");
  requires_text(From(3, 1, 1), {.to = 2, .version_min = 3, .version_max = 4}, kUnimplemented,
                "versions 3 to 4");
  requires_text(From(3, 1, 1), {.to = 2, .version_min = 0, .version_max = 0}, kUnimplemented,
                "versions 0 to 0");
  requires_text(From(3, 1, 1), {.to = 2, .version_min = 1, .version_max = 1}, kUnimplemented,
                "store 3 speaks versions 1 to 1, store 2 speaks 2");
  requires_text(From(3, 1, 1), {.to = 2, .lane = Lane::kSnapshot}, kUnimplemented, "snapshots");
  REQUIRE(admission.TakeHello(From(3, 1, 1), {.to = 2, .version_max = 9}).ok());
}

TEST_CASE("an incarnation is over when a newer one has called", "[transport][handshake]") {
  Admission admission(kSelf, 10);
  REQUIRE(admission.TakeHello(From(3, 7, 1), kControlHello).ok());
  REQUIRE(admission.TakeHello(From(3, 7, 1), kAppendHello).ok());
  REQUIRE(admission.TakeBatch(From(3, 7, 2), 3, Lane::kAppend).ok());
  REQUIRE(admission.TakeHello(From(3, 8, 1), kControlHello).ok());
  // On all lanes, also where the new one has not called yet.
  REQUIRE(absl::IsFailedPrecondition(admission.TakeBatch(From(3, 7, 3), 3, Lane::kAppend)));
  REQUIRE(absl::IsFailedPrecondition(admission.TakeHello(From(3, 7, 9), kControlHello)));
  REQUIRE(admission.TakeHello(From(3, 8, 1), kAppendHello).ok());
}

TEST_CASE("an incarnation that no store reaches keeps none out",
          "[transport][handshake][hostile]") {
  Admission admission(kSelf, 1);
  const uint64_t far = uint64_t{1} << 20;
  for (const uint64_t incarnation : {far + 1, UINT64_MAX}) {
    REQUIRE(
        absl::IsFailedPrecondition(admission.TakeHello(From(9, incarnation, 1), kControlHello)));
  }
  // Nothing was remembered of it, and not of an unknown store either.
  REQUIRE(admission.TakeHello(From(3, 7, 1), kControlHello).ok());
  for (const uint64_t incarnation : {far + 8, UINT64_MAX}) {
    REQUIRE(
        absl::IsFailedPrecondition(admission.TakeHello(From(3, incarnation, 1), kControlHello)));
  }
  REQUIRE(admission.TakeBatch(From(3, 7, 2), 3, Lane::kControl).ok());
  REQUIRE(admission.TakeHello(From(3, far + 7, 1), kControlHello).ok());
}

TEST_CASE("frames of a lane are taken once, in order, over all connections",
          "[transport][handshake]") {
  Admission admission(kSelf, 10);
  REQUIRE(admission.TakeHello(From(3, 7, 1), kControlHello).ok());
  REQUIRE(admission.TakeBatch(From(3, 7, 2), 3, Lane::kControl).ok());
  REQUIRE(absl::IsDataLoss(admission.TakeBatch(From(3, 7, 2), 3, Lane::kControl)));  // Again.
  REQUIRE(absl::IsDataLoss(admission.TakeBatch(From(3, 7, 4), 3, Lane::kControl)));  // A gap.
  // A hello that was late, of a connection before this one.
  REQUIRE(absl::IsFailedPrecondition(admission.TakeHello(From(3, 7, 2), kControlHello)));
  // Frames 3 and 4 were lost with their connection; what is left of it comes too late.
  REQUIRE(admission.TakeHello(From(3, 7, 5), kControlHello).ok());
  REQUIRE(absl::IsDataLoss(admission.TakeBatch(From(3, 7, 3), 3, Lane::kControl)));
  REQUIRE(admission.TakeBatch(From(3, 7, 6), 3, Lane::kControl).ok());
}

TEST_CASE("a stream carries the frames of whoever opened it", "[transport][handshake]") {
  Admission admission(kSelf, 10);
  REQUIRE(admission.TakeHello(From(3, 7, 1), kControlHello).ok());
  REQUIRE(admission.TakeHello(From(4, 7, 1), kControlHello).ok());
  REQUIRE(absl::IsDataLoss(admission.TakeBatch(From(4, 7, 2), 3, Lane::kControl)));
  FrameHeader foreign = From(3, 7, 2);
  foreign.cluster = 9;
  REQUIRE(absl::IsDataLoss(admission.TakeBatch(foreign, 3, Lane::kControl)));
  REQUIRE(absl::IsFailedPrecondition(admission.TakeBatch(From(5, 7, 2), 5, Lane::kControl)));
}

TEST_CASE("only so many stores are remembered, and a removed one is not",
          "[transport][handshake]") {
  Admission admission(kSelf, 2);
  REQUIRE(admission.TakeHello(From(3, 1, 1), kControlHello).ok());
  REQUIRE(admission.TakeHello(From(4, 1, 1), kControlHello).ok());
  REQUIRE(absl::IsResourceExhausted(admission.TakeHello(From(5, 1, 1), kControlHello)));
  admission.Forget(3);
  REQUIRE(admission.TakeHello(From(5, 1, 1), kControlHello).ok());
}

}  // namespace
}  // namespace nokv::transport
