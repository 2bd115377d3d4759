#include "gateway/backend/object_encoding.h"

#include "engine/base/codec.h"

namespace nokv::backend {
namespace {

constexpr unsigned kObjectFormat = 1;
constexpr unsigned kHasExpiry = 1;
constexpr unsigned kHasVersion = 2;

}  // namespace

void EncodeObject(const Object& object, std::string* out) {
  out->clear();
  out->push_back(static_cast<char>(kObjectFormat << 4 | static_cast<unsigned>(object.type)));
  out->push_back(static_cast<char>((object.expiry_ms != 0 ? kHasExpiry : 0) |
                                   (object.version != 0 ? kHasVersion : 0)));
  if (object.expiry_ms != 0) PutFixed<uint64_t>(*out, object.expiry_ms);
  if (object.version != 0) PutFixed<uint64_t>(*out, object.version);
  out->append(object.payload);
}

absl::Status DecodeObject(std::string_view encoded, Object* object) {
  Decoder decoder(encoded);
  uint8_t head = 0;
  uint8_t flags = 0;
  *object = {};
  bool complete = decoder.Fixed(&head) && decoder.Fixed(&flags);
  if (complete && head >> 4 != kObjectFormat) {
    return UnimplementedError("an object of {} bytes has format {}, this program reads {}",
                              encoded.size(), head >> 4, kObjectFormat);
  }
  const unsigned type = head & 15u;
  if ((flags & kHasExpiry) != 0) complete = complete && decoder.Fixed(&object->expiry_ms);
  if ((flags & kHasVersion) != 0) complete = complete && decoder.Fixed(&object->version);
  if (!complete || (flags & ~(kHasExpiry | kHasVersion)) != 0 ||
      type < static_cast<unsigned>(ObjectType::kString) ||
      type > static_cast<unsigned>(ObjectType::kStream)) {
    return DataLossError("{} bytes are not an object: head {:#x}, flags {:#x}", encoded.size(),
                         head, flags);
  }
  object->type = static_cast<ObjectType>(type);
  return decoder.Bytes(decoder.remaining(), &object->payload)
             ? absl::OkStatus()
             : InternalError("an object's payload went missing");
}

}  // namespace nokv::backend
