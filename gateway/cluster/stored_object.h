// Redis objects as the cluster's transactions keep them: the keys and bytes of gateway/backend, but
// the expiry is that of the version, not a part of the bytes.
//
// So a store that adds to a counter keeps its expiry without knowing what an object is, and one
// that collects old versions sees what has expired. A version is gone from its expiry on, an object
// of Redis after it, hence one millisecond between the two.
//
// Thread-safety: pure functions.
#pragma once

#include "gateway/backend/keyspace.h"
#include "percolator/client/client.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace nokv::cluster {

std::string StoredKey(int database, std::string_view key);

// The write that puts the object there.
client::WriteRequest PutRequest(std::string key, const backend::Object& object);

// What stands before the digits of a counter.
const std::string& CounterHeader();

// The payload is a part of the value. DataLoss if it is no object, Unimplemented if a newer version
// wrote it.
absl::StatusOr<backend::Object> ToObject(const client::Value& value);

}  // namespace nokv::cluster
