// DEL, UNLINK, EXISTS, TYPE: what does not depend on a key's type.
#include "gateway/command/handlers.h"

namespace nokv::command {
namespace {

std::string_view TypeName(backend::ObjectType type) {
  switch (type) {
    case backend::ObjectType::kString:
      return "string";
    case backend::ObjectType::kList:
      return "list";
    case backend::ObjectType::kSet:
      return "set";
    case backend::ObjectType::kSortedSet:
      return "zset";
    case backend::ObjectType::kHash:
      return "hash";
    case backend::ObjectType::kStream:
      return "stream";
  }
  return "none";
}

}  // namespace

absl::Status Del(Call& call) {
  int64_t removed = 0;
  for (const std::string_view key : call.arguments.subspan(1)) {
    ASSIGN_OR_RETURN(const bool was_there, call.keyspace.Remove(call.database, key));
    if (was_there) ++removed;
  }
  call.reply.Integer(removed);
  return absl::OkStatus();
}

absl::Status Exists(Call& call) {
  int64_t count = 0;
  for (const std::string_view key : call.arguments.subspan(1)) {
    ASSIGN_OR_RETURN(const backend::Object* object, call.keyspace.Find(call.database, key));
    if (object != nullptr) ++count;
  }
  call.reply.Integer(count);
  return absl::OkStatus();
}

absl::Status Type(Call& call) {
  ASSIGN_OR_RETURN(const backend::Object* object,
                   call.keyspace.Find(call.database, call.arguments[1]));
  call.reply.Simple(object == nullptr ? "none" : TypeName(object->type));
  return absl::OkStatus();
}

}  // namespace nokv::command
