// One transport, with a test on the other side of its network.
#include "raftstore/transport/transport.h"

#include "raftstore/transport/testing/bytes.h"
#include "raftstore/transport/testing/fake_network.h"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

namespace nokv::transport {
namespace {

using testing::FakeConnection;
using testing::FakeNetwork;
using testing::Flat;
using testing::Views;

constexpr uint64_t kCluster = 77;
constexpr Identity kSelf{.cluster = kCluster, .store = 1, .incarnation = 5};

class FakeResolver final : public Resolver {
 public:
  void Resolve(StoreId store,
               std::function<void(const absl::StatusOr<std::string>&)> done) override {
    ++asked;
    if (failure.ok()) {
      done(fmt::format("store-{}-at-{}", store, asked));
    } else {
      done(failure);
    }
  }

  int asked = 0;
  absl::Status failure;
};

class FakeInbox final : public Inbox {
 public:
  void OnMessages(StoreId from, std::vector<Envelope> batch) override {
    REQUIRE(from == 2);
    for (Envelope& envelope : batch) messages.push_back(std::move(envelope));
  }

  void OnUndelivered(StoreId to, std::vector<Undelivered> lost) override {
    REQUIRE(to == 2);
    undelivered.insert(undelivered.end(), lost.begin(), lost.end());
  }

  std::vector<Envelope> messages;
  std::vector<Undelivered> undelivered;
};

Envelope Heartbeat(uint64_t number) {
  Envelope envelope{.region = number + 1};
  envelope.message = {.type = raft::MessageType::kHeartbeat, .from = 1, .to = 2, .term = 1};
  envelope.message.round = number;
  return envelope;
}

std::vector<Envelope> Heartbeats(uint64_t first, uint64_t count) {
  std::vector<Envelope> batch;
  for (uint64_t i = 0; i < count; ++i) batch.push_back(Heartbeat(first + i));
  return batch;
}

std::string FrameFrom(StoreId store, FrameKind kind, uint64_t sequence, const FrameBody& body,
                      uint64_t cluster = kCluster) {
  const FrameHeader header{
      .kind = kind, .cluster = cluster, .store = store, .incarnation = 9, .sequence = sequence};
  const absl::StatusOr<Frame> frame = EncodeFrame(header, body);
  REQUIRE(frame.ok());
  return Flat(*frame);
}

std::string WelcomeOf2() {
  return FrameFrom(2, FrameKind::kWelcome, 0, {.metadata = EncodeWelcome({.to = 1})});
}

std::string HelloOf2(uint64_t sequence) {
  return FrameFrom(2, FrameKind::kHello, sequence, {.metadata = EncodeHello({.to = 1})});
}

FrameHeader HeaderOf(const std::string& bytes) {
  const Views views(bytes);
  const absl::StatusOr<ReceivedFrame> frame = DecodeFrame(views);
  REQUIRE(frame.ok());
  return frame->header;
}

size_t MessagesIn(const std::string& bytes) {
  const Views views(bytes);
  const absl::StatusOr<ReceivedFrame> frame = DecodeFrame(views);
  REQUIRE(frame.ok());
  const auto messages = DecodeBatch(*frame);
  REQUIRE(messages.ok());
  return messages->size();
}

// Store 1, which talks to store 2.
struct Fixture {
  explicit Fixture(const Options& options = {}) : random(1) {
    auto created = Transport::Create(kSelf, options,
                                     {.network = network,
                                      .resolver = resolver,
                                      .executor = executor,
                                      .clock = clock,
                                      .inbox = inbox,
                                      .random = random});
    REQUIRE(created.ok());
    transport = *std::move(created);
  }

  void Send(std::vector<Envelope> envelopes) {
    transport->Send(2, std::move(envelopes));
    executor.RunUntilIdle();
  }

  void Pass(absl::Duration duration) {
    clock.Advance(duration);
    transport->Tick();
    executor.RunUntilIdle();
  }

  FakeConnection& last() { return *network.opened.back(); }

  // The connection that is being made comes up.
  FakeConnection& BringUp() {
    last().events->OnWritable();
    last().events->OnWritable();
    last().Receive(WelcomeOf2());
    return last();
  }

  LaneStatus status() { return transport->lanes().at(0); }

  FakeNetwork network;
  FakeResolver resolver;
  ManualExecutor executor;
  ManualClock clock;
  FakeInbox inbox;
  Random random;
  std::unique_ptr<Transport> transport;
};

TEST_CASE("nothing is sent before the other store has said welcome", "[transport]") {
  Fixture f;
  f.transport->Send(2, Heartbeats(0, 3));
  REQUIRE(f.network.opened.empty());  // A send does not even open.
  f.executor.RunUntilIdle();
  REQUIRE(f.network.opened.size() == 1);
  REQUIRE(f.last().address == "store-2-at-1");
  REQUIRE(f.last().lane == Lane::kControl);
  f.last().events->OnWritable();
  REQUIRE(f.last().sent.size() == 1);
  REQUIRE(HeaderOf(f.last().sent[0]) == FrameHeader{.kind = FrameKind::kHello,
                                                    .cluster = kCluster,
                                                    .store = 1,
                                                    .incarnation = 5,
                                                    .sequence = 1});
  f.last().events->OnWritable();
  REQUIRE(f.last().sent.size() == 1);
  f.last().Receive(WelcomeOf2());
  REQUIRE(f.last().sent.size() == 2);
  REQUIRE(MessagesIn(f.last().sent[1]) == 3);
  REQUIRE(HeaderOf(f.last().sent[1]).sequence == 2);
}

TEST_CASE("what comes while a frame is on its way is one batch", "[transport]") {
  Fixture f;
  f.Send(Heartbeats(0, 1));
  FakeConnection& connection = f.BringUp();
  REQUIRE(connection.sent.size() == 2);
  for (int i = 0; i < 300; ++i) f.Send(Heartbeats(1, 1));
  REQUIRE(connection.sent.size() == 2);
  connection.events->OnWritable();
  REQUIRE(MessagesIn(connection.sent.at(2)) == 256);
  connection.events->OnWritable();
  REQUIRE(MessagesIn(connection.sent.at(3)) == 44);
  connection.events->OnWritable();
  REQUIRE(connection.sent.size() == 4);
  f.Send(Heartbeats(0, 2));  // Nothing is on its way: at once.
  REQUIRE(MessagesIn(connection.sent.at(4)) == 2);
}

TEST_CASE("entries do not wait for votes, nor votes for entries", "[transport]") {
  Fixture f;
  Envelope append = Heartbeat(0);
  append.message.type = raft::MessageType::kAppend;
  f.Send({append, Heartbeat(1)});
  REQUIRE(f.network.opened.size() == 2);
  REQUIRE(f.network.opened[0]->lane != f.network.opened[1]->lane);
}

TEST_CASE("a full queue drops what comes and says so to its region", "[transport]") {
  Fixture f(Options{.queue_messages_max = 10});
  f.Send(Heartbeats(0, 13));
  REQUIRE(f.inbox.undelivered.size() == 3);
  REQUIRE(f.inbox.undelivered[0].region == 11);
  REQUIRE(f.status().dropped == 3);
  FakeConnection& connection = f.BringUp();
  REQUIRE(MessagesIn(connection.sent.at(1)) == 10);
}

TEST_CASE("what cannot be encoded is dropped, and the rest goes on", "[transport]") {
  Fixture f;
  Envelope nonsense = Heartbeat(4);
  nonsense.message.log_index = raft::kCountMax;
  f.Send({Heartbeat(0), nonsense, Heartbeat(1)});
  REQUIRE(f.inbox.undelivered.size() == 1);
  REQUIRE(MessagesIn(f.BringUp().sent.at(1)) == 2);
}

TEST_CASE("a broken connection reports what was on its way and what waited, once a region",
          "[transport]") {
  Fixture f;
  f.Send(Heartbeats(0, 2));
  FakeConnection& connection = f.BringUp();
  f.Send(Heartbeats(5, 2));
  f.Send(Heartbeats(5, 2));
  connection.events->OnClosed(UnavailableError("gone"));
  f.executor.RunUntilIdle();
  REQUIRE(f.inbox.undelivered.size() == 4);
  REQUIRE(f.status().state == LaneState::kBackingOff);
  REQUIRE(f.status().waiting_messages == 0);
  REQUIRE(f.status().last_error == "UNAVAILABLE: gone");
}

TEST_CASE("a frame is never sent on a second connection, and numbers go on", "[transport]") {
  Fixture f;
  f.Send(Heartbeats(0, 1));
  f.BringUp().events->OnClosed(UnavailableError("gone"));
  f.Pass(absl::Seconds(1));
  f.Send(Heartbeats(1, 1));
  REQUIRE(f.network.opened.size() == 2);
  FakeConnection& connection = f.BringUp();
  REQUIRE(HeaderOf(connection.sent.at(0)).sequence == 3);
  REQUIRE(MessagesIn(connection.sent.at(1)) == 1);
  REQUIRE(connection.sent.size() == 2);
}

TEST_CASE("while it backs off a dead store costs nothing, and the pause grows to five seconds",
          "[transport]") {
  Fixture f;
  absl::Duration waited;
  std::vector<absl::Duration> pauses;
  size_t attempts = 0;
  while (pauses.size() < 12) {
    f.Send(Heartbeats(0, 1));
    if (f.network.opened.size() > attempts) {
      attempts = f.network.opened.size();
      f.last().events->OnClosed(UnavailableError("refused"));
      pauses.push_back(waited);
      waited = absl::ZeroDuration();
    }
    REQUIRE(f.status().waiting_messages == 0);
    waited += absl::Milliseconds(10);
    f.Pass(absl::Milliseconds(10));
  }
  REQUIRE(pauses[1] >= absl::Milliseconds(100));
  REQUIRE(pauses[1] <= absl::Milliseconds(210));
  for (size_t i = 8; i < pauses.size(); ++i) {
    REQUIRE(pauses[i] >= absl::Milliseconds(2500));
    REQUIRE(pauses[i] <= absl::Milliseconds(5010));
  }
  REQUIRE(pauses[9] != pauses[10]);                         // Jitter.
  REQUIRE(f.resolver.asked == static_cast<int>(attempts));  // Anew each time.
}

TEST_CASE("the last address is tried while PD does not answer, and not once it says no",
          "[transport]") {
  Fixture f;
  f.Send(Heartbeats(0, 1));
  REQUIRE(f.last().address == "store-2-at-1");
  f.last().events->OnClosed(UnavailableError("refused"));
  f.resolver.failure = UnavailableError("no PD");
  f.Pass(absl::Seconds(6));
  f.Send(Heartbeats(0, 1));
  REQUIRE(f.network.opened.size() == 2);
  REQUIRE(f.last().address == "store-2-at-1");
  f.last().events->OnClosed(UnavailableError("refused"));
  for (const absl::Status& failure : {NotFoundError("no store 2"), UnavailableError("no PD")}) {
    f.resolver.failure = failure;
    f.Pass(absl::Seconds(6));
    f.Send(Heartbeats(0, 1));
    REQUIRE(f.network.opened.size() == 2);
    REQUIRE(f.status().last_error == failure.ToString());
  }
}

TEST_CASE("an answer that is wrong ends the connection, with the reason",
          "[transport][handshake]") {
  const auto answer = [](const std::string& bytes) {
    Fixture f;
    f.Send(Heartbeats(0, 1));
    f.last().events->OnWritable();
    f.last().Receive(bytes);
    REQUIRE(f.last().is_closed);
    REQUIRE(f.last().sent.size() == 1);
    REQUIRE(f.status().state == LaneState::kBackingOff);
    return f.status().last_error;
  };
  const FrameBody welcome{.metadata = EncodeWelcome({.to = 1})};
  using Catch::Matchers::Contains;
  CHECK_THAT(answer(FrameFrom(2, FrameKind::kWelcome, 0, welcome, 123)), Contains("cluster"));
  CHECK_THAT(answer(FrameFrom(3, FrameKind::kWelcome, 0, welcome)),
             Contains("store 3 answered where store 2 was called"));
  CHECK_THAT(answer(FrameFrom(2, FrameKind::kWelcome, 0,
                              {.metadata = EncodeWelcome({.to = 1, .version = 9})})),
             Contains("chose version 9"));
  CHECK_THAT(answer(FrameFrom(2, FrameKind::kRefusal, 0,
                              {.metadata = EncodeRefusal(FailedPreconditionError("old"))})),
             Contains("store 2 refused: old"));
  CHECK_THAT(answer(FrameFrom(2, FrameKind::kHello, 1, welcome)), Contains("kind 1"));
  CHECK_THAT(answer("garbage"), Contains("frame of 7 bytes"));
  std::string newer = WelcomeOf2();
  newer[0] = 3;
  CHECK_THAT(answer(newer), Contains("version 3"));
}

TEST_CASE("a store that neither answers nor takes a frame is given up in time", "[transport]") {
  Fixture f;
  f.Send(Heartbeats(0, 1));
  FakeConnection& silent = f.last();
  f.Pass(absl::Milliseconds(2900));
  REQUIRE_FALSE(silent.is_closed);
  f.Pass(absl::Milliseconds(100));
  REQUIRE(silent.is_closed);
  silent.events->OnWritable();  // Of the past: changes nothing.
  silent.Receive(WelcomeOf2());
  REQUIRE(f.status().state == LaneState::kBackingOff);

  f.Pass(absl::Seconds(1));
  f.Send(Heartbeats(0, 1));
  FakeConnection& stuck = f.BringUp();
  f.Pass(absl::Milliseconds(9900));
  REQUIRE_FALSE(stuck.is_closed);
  f.Pass(absl::Milliseconds(100));
  REQUIRE(stuck.is_closed);
  REQUIRE(f.inbox.undelivered.size() == 2);

  f.Pass(absl::Seconds(6));
  f.Send(Heartbeats(0, 1));
  FakeConnection& idle = f.BringUp();
  idle.events->OnWritable();
  f.Pass(absl::Hours(1));  // Nothing is on its way, so nothing is late.
  REQUIRE_FALSE(idle.is_closed);
}

std::shared_ptr<FakeConnection> Call(Fixture& f) {
  auto connection = std::make_shared<FakeConnection>();
  connection->events = f.transport->acceptor()->Accept(connection);
  connection->events->OnWritable();
  return connection;
}

TEST_CASE("a caller is welcomed, and its messages are handed over in order", "[transport]") {
  Fixture f;
  const auto caller = Call(f);
  caller->Receive(HelloOf2(1));
  REQUIRE(HeaderOf(caller->sent.at(0)).kind == FrameKind::kWelcome);
  caller->Receive(FrameFrom(2, FrameKind::kBatch, 2, EncodeBatch(Heartbeats(0, 3))));
  REQUIRE(f.inbox.messages.size() == 3);
  REQUIRE(f.inbox.messages[2].message.round == 2);
  caller->Receive(FrameFrom(2, FrameKind::kBatch, 2, EncodeBatch(Heartbeats(3, 1))));
  REQUIRE(caller->is_closed);
  REQUIRE(f.inbox.messages.size() == 3);
  REQUIRE(f.transport->receiver().streams == 0);
}

TEST_CASE("a refused caller is told why before its stream ends", "[transport][handshake]") {
  Fixture f;
  const auto caller = Call(f);
  caller->Receive(FrameFrom(2, FrameKind::kHello, 1, {.metadata = EncodeHello({.to = 6})}));
  REQUIRE(HeaderOf(caller->sent.at(0)).kind == FrameKind::kRefusal);
  REQUIRE_FALSE(caller->is_closed);
  REQUIRE(f.transport->receiver().strangers == 1);
  caller->events->OnWritable();
  REQUIRE(caller->is_closed);
  REQUIRE(f.transport->receiver().strangers == 0);
}

TEST_CASE("a newer call of the same store ends the older stream", "[transport][handshake]") {
  Fixture f;
  const auto older = Call(f);
  older->Receive(HelloOf2(1));
  const auto newer = Call(f);
  newer->Receive(HelloOf2(5));
  REQUIRE(older->is_closed);
  older->Receive(FrameFrom(2, FrameKind::kBatch, 2, EncodeBatch(Heartbeats(0, 1))));
  REQUIRE(f.inbox.messages.empty());
  newer->Receive(FrameFrom(2, FrameKind::kBatch, 6, EncodeBatch(Heartbeats(0, 1))));
  REQUIRE(f.inbox.messages.size() == 1);
  REQUIRE(f.transport->receiver().streams == 1);
}

TEST_CASE("strangers are few and not for long", "[transport][hostile]") {
  Fixture f(Options{.strangers_max = 3});
  std::vector<std::shared_ptr<FakeConnection>> callers;
  for (int i = 0; i < 5; ++i) callers.push_back(Call(f));
  REQUIRE_FALSE(callers[2]->is_closed);
  REQUIRE(callers[3]->is_closed);
  REQUIRE(callers[4]->is_closed);
  callers[0]->Receive("not a frame, and no more to come");
  f.Pass(absl::Seconds(3));
  for (const auto& caller : callers) REQUIRE(caller->is_closed);
  REQUIRE(f.transport->receiver().strangers == 0);
  const auto again = Call(f);
  REQUIRE_FALSE(again->is_closed);
}

TEST_CASE("a store that was forgotten and comes back is not taken for its past", "[transport]") {
  Fixture f;
  f.Send(Heartbeats(0, 1));
  FakeConnection& before = f.BringUp();
  f.transport->Forget(2);
  REQUIRE(before.is_closed);
  REQUIRE(f.transport->lanes().empty());
  f.Send(Heartbeats(0, 1));
  f.last().events->OnWritable();
  REQUIRE(HeaderOf(f.last().sent.at(0)).sequence == 3);
}

TEST_CASE("a closed transport has ended all streams and opens none", "[transport]") {
  Fixture f;
  f.Send(Heartbeats(0, 1));
  FakeConnection& out = f.BringUp();
  const auto in = Call(f);
  in->Receive(HelloOf2(1));
  f.transport->Close();
  REQUIRE(out.is_closed);
  REQUIRE(in->is_closed);
  REQUIRE(Call(f)->is_closed);
  f.Send(Heartbeats(0, 1));
  REQUIRE(f.network.opened.size() == 1);
}

}  // namespace
}  // namespace nokv::transport
