// How our processes call each other and listen: the same limits, keep-alive and statuses
// everywhere.
//
// A connection whose other end has died or cannot be reached is found out within 13 seconds, also
// if nothing is sent on it. Nothing is compressed. A channel has a connection of its own, shared
// with no other channel: streams that must not wait for each other take one each.
//
// Thread-safety: pure functions.
#pragma once

#include "engine/base/status.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace grpc {
class Channel;
class ServerBuilder;
class ServerCredentials;
class Status;
}  // namespace grpc

namespace nokv::net {

// Contents of files in PEM: each side proves itself to the other.
struct Tls {
  std::string ca = {};
  std::string certificate = {};
  std::string key = {};
};

struct ChannelOptions {
  int message_bytes_max = 16 << 20;
  std::optional<Tls> tls = {};
};

// Connects at the first call, and again 100 ms to 2 s after each failure.
std::shared_ptr<grpc::Channel> NewChannel(const std::string& address,
                                          const ChannelOptions& options);

struct ListenOptions {
  int message_bytes_max = 16 << 20;
  int streams_max = 1024;             // And calls, of one connection.
  uint64_t memory_bytes = 512 << 20;  // For buffers of all connections.
  std::optional<Tls> tls = {};
};

// Sets everything but the services. `port` gets the port that was bound, 0 if none could be.
void Listen(grpc::ServerBuilder& builder, const std::string& address, const ListenOptions& options,
            int* port);

// The codes of both are the same.
absl::Status FromGrpc(const grpc::Status& status);
grpc::Status ToGrpc(const absl::Status& status);

}  // namespace nokv::net
