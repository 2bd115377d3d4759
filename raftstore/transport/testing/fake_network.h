// A network whose other side is the test: it sees each frame and decides each event.
//
// Thread-safety: none.
#pragma once

#include "raftstore/transport/network.h"
#include "raftstore/transport/testing/bytes.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace nokv::transport::testing {

class FakeConnection final : public Connection {
 public:
  void Send(Frame frame) override { sent.push_back(Flat(frame)); }

  void Close() override { is_closed = true; }

  // What the other side says.
  void Receive(const std::string& bytes) { events->OnReceived(Views(bytes)); }

  std::string address;
  Lane lane = Lane::kControl;
  std::shared_ptr<ConnectionEvents> events;
  std::vector<std::string> sent;
  bool is_closed = false;
};

class FakeNetwork final : public Network {
 public:
  std::shared_ptr<Connection> Open(const std::string& address, Lane lane,
                                   std::shared_ptr<ConnectionEvents> events) override {
    auto connection = std::make_shared<FakeConnection>();
    connection->address = address;
    connection->lane = lane;
    connection->events = std::move(events);
    opened.push_back(connection);
    return connection;
  }

  std::vector<std::shared_ptr<FakeConnection>> opened;
};

}  // namespace nokv::transport::testing
