// An object as the engine stores it.
//
//   object = head flags [expiry_ms:u64] [version:u64] payload
//   head   = format (high four bits, now 1), type (low four bits)
//   flags  = 1 expiry follows, 2 version follows; the other bits are 0
//
// Numbers are little-endian. The payload of a string is its bytes.
//
// Thread-safety: pure functions.
#pragma once

#include "gateway/backend/keyspace.h"

#include <string>
#include <string_view>

namespace nokv::backend {

// Replaces `out`.
void EncodeObject(const Object& object, std::string* out);

// The payload is a part of `encoded`. DataLoss if it is not an object, Unimplemented if a newer
// version wrote it.
absl::Status DecodeObject(std::string_view encoded, Object* object);

}  // namespace nokv::backend
