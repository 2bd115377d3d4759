// Commands and results of the contract by what all of them have: a context, a region error.
//
// Thread-safety: pure functions.
#pragma once

#include "proto/kv.pb.h"

#include <string>

namespace nokv::client {

// The context of whichever request is set; one must be.
kv::v1::Context& ContextOf(kv::v1::Command& command);

// Null if there is none.
const errors::v1::RegionError* RegionErrorOf(const kv::v1::CommandResult& result);

// Whether the result is one of that command, and says anything.
bool IsAnswer(kv::v1::Command::RequestCase request, const kv::v1::CommandResult& result);

// A refusal for people: its message, or its kind.
std::string Describe(const errors::v1::RegionError& error);

}  // namespace nokv::client
