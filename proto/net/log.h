// Where gRPC writes what it has to say. By default that is standard error, beside whatever the
// program prints there, though every failure comes as a status too.
//
// Thread-safety: SendLogTo() once, before any other use of gRPC; `sink` is called on any thread.
#pragma once

#include <string_view>

namespace nokv::net {

void SendLogTo(void (*sink)(std::string_view line));

}  // namespace nokv::net
