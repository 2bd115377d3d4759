// The handlers of all commands, by the file that holds them. For the command table.
//
// Thread-safety: as Call.
#pragma once

#include "gateway/command/command.h"

namespace nokv::command {

// connection_commands.cc
absl::Status Auth(Call& call);
absl::Status Echo(Call& call);
absl::Status Hello(Call& call);
absl::Status Ping(Call& call);
absl::Status Quit(Call& call);
absl::Status Reset(Call& call);
absl::Status Select(Call& call);

// client_commands.cc
absl::Status ClientGetName(Call& call);
absl::Status ClientId(Call& call);
absl::Status ClientInfo(Call& call);
absl::Status ClientList(Call& call);
absl::Status ClientSetInfo(Call& call);
absl::Status ClientSetName(Call& call);

// command_commands.cc
absl::Status CommandAll(Call& call);
absl::Status CommandCount(Call& call);
absl::Status CommandDocs(Call& call);
absl::Status CommandInfo(Call& call);
absl::Status CommandList(Call& call);

// info_command.cc
absl::Status Info(Call& call);

// server_commands.cc
absl::Status ConfigGet(Call& call);
absl::Status ConfigResetStat(Call& call);
absl::Status ConfigRewrite(Call& call);
absl::Status ConfigSet(Call& call);
absl::Status DbSize(Call& call);
absl::Status FlushAll(Call& call);
absl::Status FlushDb(Call& call);
absl::Status Time(Call& call);

// key_commands.cc
absl::Status Del(Call& call);
absl::Status Exists(Call& call);
absl::Status Type(Call& call);

// expiry_commands.cc
absl::Status Expire(Call& call);
absl::Status ExpireAt(Call& call);
absl::Status ExpireTime(Call& call);
absl::Status PExpire(Call& call);
absl::Status PExpireAt(Call& call);
absl::Status PExpireTime(Call& call);
absl::Status PTtl(Call& call);
absl::Status Persist(Call& call);
absl::Status Ttl(Call& call);

// string_commands.cc
absl::Status Decr(Call& call);
absl::Status DecrBy(Call& call);
absl::Status Get(Call& call);
absl::Status Incr(Call& call);
absl::Status IncrBy(Call& call);
absl::Status MGet(Call& call);
absl::Status MSet(Call& call);

// set_command.cc
absl::Status Set(Call& call);

// "Client names cannot contain spaces ..." unless every byte can be printed and is not a blank.
bool CheckClientName(Call& call, std::string_view name);

}  // namespace nokv::command
