// One client as the commands see it.
//
// Thread-safety: none; the event loop's thread owns it.
#pragma once

#include "gateway/resp/writer.h"

#include <cstdint>
#include <string>

namespace nokv::command {

struct Command;

struct Session {
  uint64_t id = 0;
  int file_descriptor = -1;
  std::string peer_address;
  std::string local_address;
  uint64_t connected_ms = 0;
  uint64_t active_ms = 0;

  int database = 0;
  resp::Protocol protocol = resp::Protocol::kResp2;
  bool is_authenticated = false;
  bool closes_after_reply = false;  // Nothing behind this is executed.
  std::string name;
  std::string library_name;
  std::string library_version;
  const Command* last_command = nullptr;

  std::string output;  // Replies that are not on the wire yet.
};

}  // namespace nokv::command
