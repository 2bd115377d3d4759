// The command table. One line or two a command; keep both levels in alphabetical order.
#include "gateway/command/arguments.h"
#include "gateway/command/handlers.h"

#include <absl/container/flat_hash_map.h>

#include <array>

namespace nokv::command {
namespace {

using enum Group;

constexpr uint32_t kLocal = kLoading | kStale;
constexpr uint32_t kSession = kNoScript | kLocal | kFast | kNoAuth | kAllowBusy;
constexpr uint32_t kClientUse = kNoScript | kLocal;
constexpr uint32_t kAdminUse = kAdmin | kNoScript | kLocal;
constexpr uint32_t kReadFast = kReadOnly | kFast;
constexpr uint32_t kWriteFast = kWrite | kFast;
constexpr uint32_t kGrowFast = kWrite | kDenyOom | kFast;

constexpr std::array kClient = {
    Command{"client|getname", 2, kClientUse, 0, 0, 0, ClientGetName, kConnection, "2.6.9",
            "The name of this connection"},
    Command{"client|id", 2, kClientUse, 0, 0, 0, ClientId, kConnection, "5.0.0",
            "The number of this connection"},
    Command{"client|info", 2, kClientUse, 0, 0, 0, ClientInfo, kConnection, "6.2.0",
            "A line about this connection"},
    Command{"client|list", -2, kAdminUse, 0, 0, 0, ClientList, kConnection, "2.4.0",
            "A line about each connection"},
    Command{"client|setinfo", 4, kClientUse, 0, 0, 0, ClientSetInfo, kConnection, "7.2.0",
            "Remembers the client's library or its version"},
    Command{"client|setname", 3, kClientUse, 0, 0, 0, ClientSetName, kConnection, "2.6.9",
            "Names this connection"},
};

constexpr std::array kCommand = {
    Command{"command|count", 2, kLocal, 0, 0, 0, CommandCount, kServer, "2.8.13",
            "How many commands there are"},
    Command{"command|docs", -2, kLocal, 0, 0, 0, CommandDocs, kServer, "7.0.0",
            "What commands are for"},
    Command{"command|info", -2, kLocal, 0, 0, 0, CommandInfo, kServer, "2.8.13",
            "What clients need to know about commands"},
    Command{"command|list", -2, kLocal, 0, 0, 0, CommandList, kServer, "7.0.0",
            "The names of commands"},
};

constexpr std::array kConfig = {
    Command{"config|get", -3, kAdminUse, 0, 0, 0, ConfigGet, kServer, "2.0.0",
            "The settings that match a pattern"},
    Command{"config|resetstat", 2, kAdminUse, 0, 0, 0, ConfigResetStat, kServer, "2.0.0",
            "Accepted; the figures go on"},
    Command{"config|rewrite", 2, kAdminUse, 0, 0, 0, ConfigRewrite, kServer, "2.8.0",
            "Refused: there is no configuration file"},
    Command{"config|set", -4, kAdminUse, 0, 0, 0, ConfigSet, kServer, "2.0.0",
            "Changes settings that have no effect here"},
};

constexpr std::array kTable = {
    Command{"auth", -2, kSession, 0, 0, 0, Auth, kConnection, "1.0.0", "Gives the password"},
    Command{"client", -2, 0, 0, 0, 0, nullptr, kConnection, "2.4.0", "Commands about connections",
            kClient},
    Command{"command", -1, kLocal, 0, 0, 0, CommandAll, kServer, "2.8.13",
            "Every command, for clients", kCommand},
    Command{"config", -2, 0, 0, 0, 0, nullptr, kServer, "2.0.0", "Commands about settings",
            kConfig},
    Command{"dbsize", 1, kReadFast, 0, 0, 0, DbSize, kServer, "1.0.0", "How many keys there are"},
    Command{"decr", 2, kGrowFast, 1, 1, 1, Decr, kString, "1.0.0", "Subtracts one"},
    Command{"decrby", 3, kGrowFast, 1, 1, 1, DecrBy, kString, "1.0.0", "Subtracts an integer"},
    Command{"del", -2, kWrite | kOverwrites, 1, -1, 1, Del, kGeneric, "1.0.0", "Removes keys"},
    Command{"echo", 2, kLocal | kFast, 0, 0, 0, Echo, kConnection, "1.0.0",
            "Answers with its argument"},
    Command{"exists", -2, kReadFast, 1, -1, 1, Exists, kGeneric, "1.0.0",
            "How many of the keys there are"},
    Command{"expire", -3, kWriteFast, 1, 1, 1, Expire, kGeneric, "1.0.0",
            "Lets a key expire after seconds"},
    Command{"expireat", -3, kWriteFast, 1, 1, 1, ExpireAt, kGeneric, "1.2.0",
            "Lets a key expire at a time in seconds"},
    Command{"expiretime", 2, kReadFast, 1, 1, 1, ExpireTime, kGeneric, "7.0.0",
            "When a key expires, in seconds"},
    Command{"flushall", -1, kWrite, 0, 0, 0, FlushAll, kServer, "1.0.0",
            "Removes all keys of all databases"},
    Command{"flushdb", -1, kWrite, 0, 0, 0, FlushDb, kServer, "1.0.0",
            "Removes all keys of this database"},
    Command{"get", 2, kReadFast, 1, 1, 1, Get, kString, "1.0.0", "The string at a key"},
    Command{"hello", -1, kSession, 0, 0, 0, Hello, kConnection, "6.0.0",
            "Chooses the protocol, and may give password and name"},
    Command{"incr", 2, kGrowFast, 1, 1, 1, Incr, kString, "1.0.0", "Adds one"},
    Command{"incrby", 3, kGrowFast, 1, 1, 1, IncrBy, kString, "1.0.0", "Adds an integer"},
    Command{"info", -1, kLocal, 0, 0, 0, Info, kServer, "1.0.0", "Figures about this server"},
    Command{"mget", -2, kReadFast, 1, -1, 1, MGet, kString, "1.0.0", "The strings at keys"},
    Command{"mset", -3, kWrite | kDenyOom | kOverwrites, 1, -1, 2, MSet, kString, "1.0.1",
            "Sets several keys, all or none"},
    Command{"persist", 2, kWriteFast, 1, 1, 1, Persist, kGeneric, "2.2.0",
            "Keeps a key from expiring"},
    Command{"pexpire", -3, kWriteFast, 1, 1, 1, PExpire, kGeneric, "2.6.0",
            "Lets a key expire after milliseconds"},
    Command{"pexpireat", -3, kWriteFast, 1, 1, 1, PExpireAt, kGeneric, "2.6.0",
            "Lets a key expire at a time in milliseconds"},
    Command{"pexpiretime", 2, kReadFast, 1, 1, 1, PExpireTime, kGeneric, "7.0.0",
            "When a key expires, in milliseconds"},
    Command{"ping", -1, kFast, 0, 0, 0, Ping, kConnection, "1.0.0", "Answers PONG"},
    Command{"pttl", 2, kReadFast, 1, 1, 1, PTtl, kGeneric, "2.6.0",
            "Milliseconds until a key expires"},
    Command{"quit", -1, kSession, 0, 0, 0, Quit, kConnection, "1.0.0", "Closes the connection"},
    Command{"reset", 1, kSession, 0, 0, 0, Reset, kConnection, "6.2.0",
            "Makes the connection like new"},
    Command{"select", 2, kLocal | kFast, 0, 0, 0, Select, kConnection, "1.0.0",
            "Chooses a database"},
    Command{"set", -3, kWrite | kDenyOom | kOverwrites, 1, 1, 1, Set, kString, "1.0.0",
            "Sets a string"},
    Command{"time", 1, kLocal | kFast, 0, 0, 0, Time, kServer, "2.6.0", "The server's time"},
    Command{"ttl", 2, kReadFast, 1, 1, 1, Ttl, kGeneric, "1.0.0", "Seconds until a key expires"},
    Command{"type", 2, kReadFast, 1, 1, 1, Type, kGeneric, "1.0.0", "The type of a key"},
    Command{"unlink", -2, kWriteFast | kOverwrites, 1, -1, 1, Del, kGeneric, "4.0.0",
            "Removes keys"},
};

constexpr size_t kNameBytesMax = 32;

using ByName = absl::flat_hash_map<std::string_view, const Command*>;

const ByName& Index() {
  static const ByName* const index = [] {
    auto* by_name = new ByName;
    for (const Command& command : kTable) by_name->emplace(command.name, &command);
    return by_name;
  }();
  return *index;
}

}  // namespace

std::span<const Command> Table() { return kTable; }

const Command* FindCommand(std::string_view name) {
  if (name.size() > kNameBytesMax) return nullptr;
  char lowered[kNameBytesMax];
  for (size_t i = 0; i < name.size(); ++i) lowered[i] = ToLower(name[i]);
  static const ByName& index = Index();
  const auto found = index.find(std::string_view(lowered, name.size()));
  return found == index.end() ? nullptr : found->second;
}

const Command* FindSubcommand(const Command& command, std::string_view name) {
  for (const Command& subcommand : command.subcommands) {
    if (IsWord(name, subcommand.name.substr(command.name.size() + 1))) return &subcommand;
  }
  return nullptr;
}

}  // namespace nokv::command
