// Bounds of the event loop. The defaults suit a production server; tests make them small.
//
// Thread-safety: values.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nokv::server {

struct ServerOptions {
  size_t clients_max = 10'000;

  // Of one client in one round. A client with more waits for the next round, so nobody is starved.
  size_t read_bytes_per_round = 256 << 10;
  size_t commands_per_round = 4096;

  // Of all clients in one round; it bounds the write batch, and the wait of the first client.
  size_t round_commands_max = 16'384;
  size_t round_bytes_max = 8 << 20;

  size_t query_bytes_max = size_t{1} << 30;   // Of an unfinished command.
  size_t output_pause_bytes = 1 << 20;        // A client with more to read is not read from.
  size_t output_bytes_max = size_t{1} << 30;  // A client with more to read is disconnected.

  int64_t argument_bytes_max = 512 << 20;
};

}  // namespace nokv::server
