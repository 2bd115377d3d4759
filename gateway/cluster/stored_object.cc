#include "gateway/cluster/stored_object.h"

#include "gateway/backend/key_encoding.h"
#include "gateway/backend/object_encoding.h"

#include <utility>

namespace nokv::cluster {

using backend::Object;

std::string StoredKey(int database, std::string_view key) {
  std::string stored(backend::ObjectKeyBytesMax(key), '\0');
  stored.resize(backend::EncodeObjectKey(database, key, stored.data()));
  return stored;
}

client::WriteRequest PutRequest(std::string key, const Object& object) {
  client::WriteRequest request{.kind = client::WriteRequest::Kind::kPut, .key = std::move(key)};
  Object bare = object;
  bare.expiry_ms = 0;
  backend::EncodeObject(bare, &request.value);
  if (object.expiry_ms != 0) request.expiry_ms = object.expiry_ms + 1;
  return request;
}

const std::string& CounterHeader() {
  static const std::string* const header = [] {
    auto* encoded = new std::string;
    backend::EncodeObject(Object(), encoded);
    return encoded;
  }();
  return *header;
}

absl::StatusOr<Object> ToObject(const client::Value& value) {
  Object object;
  RETURN_IF_ERROR(backend::DecodeObject(value.bytes, &object));
  if (value.expiry_ms != 0) object.expiry_ms = value.expiry_ms - 1;
  return object;
}

}  // namespace nokv::cluster
