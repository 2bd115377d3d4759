#include "raftstore/transport/lane_queue.h"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

namespace nokv::transport {
namespace {

Envelope Numbered(uint64_t number, size_t bytes = 0) {
  Envelope envelope{.region = number % 7 + 1};
  envelope.message = {.type = raft::MessageType::kAppend, .from = 1, .to = 2, .term = 1};
  envelope.message.round = number;
  if (bytes > 0) {
    envelope.message.entries = {
        {1, 1, raft::EntryKind::kData, raft::Payload(std::string(bytes, 'x'))}};
  }
  return envelope;
}

bool Push(LaneQueue& queue, Envelope envelope) { return queue.Push(envelope); }

TEST_CASE("what waited is taken in order, in batches of at most so many messages",
          "[transport][queue]") {
  LaneQueue queue({});
  for (uint64_t i = 0; i < 600; ++i) REQUIRE(Push(queue, Numbered(i)));
  uint64_t next = 0;
  for (const size_t size : {256u, 256u, 88u, 0u}) {
    const std::vector<Envelope> batch = queue.Take();
    REQUIRE(batch.size() == size);
    for (const Envelope& envelope : batch) REQUIRE(envelope.message.round == next++);
    REQUIRE(queue.messages() == 600 - next + size);  // Those on their way count too.
    queue.Settle();
  }
  REQUIRE(queue.bytes() == 0);
}

TEST_CASE("a batch has at most so many bytes, unless one message is larger", "[transport][queue]") {
  LaneQueue queue({});
  for (uint64_t i = 0; i < 5; ++i) REQUIRE(Push(queue, Numbered(i, 300'000)));
  REQUIRE(Push(queue, Numbered(5, 3 << 20)));
  REQUIRE(Push(queue, Numbered(6)));
  for (const size_t size : {3u, 2u, 1u, 1u}) {
    REQUIRE(queue.Take().size() == size);
    queue.Settle();
  }
}

TEST_CASE("a queue is full at its bound in messages, and in bytes", "[transport][queue]") {
  LaneQueue by_count({.queue_messages_max = 10});
  for (uint64_t i = 0; i < 10; ++i) REQUIRE(Push(by_count, Numbered(i)));
  REQUIRE_FALSE(Push(by_count, Numbered(10)));
  REQUIRE(by_count.Take().size() == 10);
  REQUIRE_FALSE(Push(by_count, Numbered(11)));  // They are still on their way.
  by_count.Settle();
  REQUIRE(Push(by_count, Numbered(12)));

  LaneQueue by_bytes({.queue_bytes_max = 10'000});
  REQUIRE(Push(by_bytes, Numbered(1, 20'000)));  // Alone a message may be larger.
  REQUIRE_FALSE(Push(by_bytes, Numbered(2)));
  by_bytes.Clear();
  REQUIRE(Push(by_bytes, Numbered(3, 6'000)));
  REQUIRE_FALSE(Push(by_bytes, Numbered(4, 6'000)));
  REQUIRE(Push(by_bytes, Numbered(5, 2'000)));
  REQUIRE(by_bytes.bytes() <= 10'000);
}

TEST_CASE("what is forgotten is told once for each region", "[transport][queue]") {
  LaneQueue queue({.batch_messages_max = 10});
  for (uint64_t i = 0; i < 50; ++i) REQUIRE(Push(queue, Numbered(i)));
  Envelope snapshot = Numbered(3);
  snapshot.message.type = raft::MessageType::kSnapshot;
  REQUIRE(Push(queue, snapshot));
  REQUIRE(queue.Take().size() == 10);
  const std::vector<Undelivered> undelivered = queue.Clear();
  REQUIRE(undelivered.size() == 8);  // Seven regions, and the snapshot of one.
  REQUIRE(queue.empty());
  REQUIRE(queue.bytes() == 0);
  REQUIRE(queue.Take().empty());
}

TEST_CASE("options that cannot be are refused by name", "[transport][queue]") {
  REQUIRE(Validate({}).ok());
  REQUIRE_FALSE(Validate({.queue_messages_max = 0}).ok());
  REQUIRE_FALSE(Validate({.batch_messages_max = 257}).ok());
  REQUIRE_FALSE(Validate({.batch_bytes_max = 2 << 20}).ok());
  REQUIRE_FALSE(Validate({.backoff_min = absl::ZeroDuration()}).ok());
  REQUIRE_FALSE(Validate({.backoff_max = absl::Milliseconds(1)}).ok());
  REQUIRE_FALSE(Validate({.send_time_max = absl::ZeroDuration()}).ok());
}

}  // namespace
}  // namespace nokv::transport
