// PING, ECHO, QUIT, RESET, HELLO, AUTH, SELECT.
#include "gateway/command/arguments.h"
#include "gateway/command/handlers.h"
#include "gateway/command/host.h"

#include <optional>

namespace nokv::command {
namespace {

constexpr std::string_view kOnlyUser = "default";

// Compares without telling by its duration how much of the password was right.
bool IsSame(std::string_view a, std::string_view b) {
  unsigned difference = a.size() == b.size() ? 0 : 1;
  for (size_t i = 0; i < a.size(); ++i) {
    difference |= static_cast<unsigned char>(a[i]) ^
                  static_cast<unsigned char>(b.empty() ? '\0' : b[i % b.size()]);
  }
  return difference == 0;
}

// Without a password every password is right, as in Redis.
bool Authenticate(Call& call, std::string_view user, std::string_view password) {
  const std::string& expected = call.host.password;
  if (user != kOnlyUser || (!expected.empty() && !IsSame(password, expected))) {
    call.reply.Error("WRONGPASS invalid username-password pair or user is disabled.");
    return false;
  }
  call.session.is_authenticated = true;
  return true;
}

struct HelloOptions {
  std::optional<resp::Protocol> protocol;
  std::optional<std::string_view> user;
  std::string_view password;
  std::optional<std::string_view> name;
};

// Nothing after answering what is wrong.
std::optional<HelloOptions> ReadHelloOptions(Call& call) {
  HelloOptions options;
  const auto& arguments = call.arguments;
  if (arguments.size() >= 2) {
    const std::optional<int64_t> version =
        ReadInteger(call, arguments[1], "ERR Protocol version is not an integer or out of range");
    if (!version) return std::nullopt;
    if (*version != 2 && *version != 3) {
      call.reply.Error("NOPROTO unsupported protocol version");
      return std::nullopt;
    }
    options.protocol = static_cast<resp::Protocol>(*version);
  }
  for (size_t i = 2; i < arguments.size(); ++i) {
    const size_t more = arguments.size() - 1 - i;
    if (IsWord(arguments[i], "auth") && more >= 2) {
      options.user = arguments[i + 1];
      options.password = arguments[i + 2];
      i += 2;
    } else if (IsWord(arguments[i], "setname") && more >= 1) {
      options.name = arguments[++i];
      if (!CheckClientName(call, *options.name)) return std::nullopt;
    } else {
      call.reply.Error(fmt::format("ERR Syntax error in HELLO option '{}'", arguments[i]));
      return std::nullopt;
    }
  }
  return options;
}

}  // namespace

absl::Status Ping(Call& call) {
  if (call.arguments.size() > 2) {
    call.reply.Error("ERR wrong number of arguments for 'ping' command");
  } else if (call.arguments.size() == 2) {
    call.reply.Bulk(call.arguments[1]);
  } else {
    call.reply.Simple("PONG");
  }
  return absl::OkStatus();
}

absl::Status Echo(Call& call) {
  call.reply.Bulk(call.arguments[1]);
  return absl::OkStatus();
}

absl::Status Quit(Call& call) {
  call.session.closes_after_reply = true;
  call.reply.Ok();
  return absl::OkStatus();
}

absl::Status Reset(Call& call) {
  call.session.database = 0;
  call.session.protocol = resp::Protocol::kResp2;
  call.session.name.clear();
  call.session.is_authenticated = call.host.password.empty();
  call.reply.Simple("RESET");
  return absl::OkStatus();
}

absl::Status Auth(Call& call) {
  const auto& arguments = call.arguments;
  if (arguments.size() > 3) {
    call.reply.Error(kSyntaxError);
  } else if (arguments.size() == 2 && call.host.password.empty()) {
    call.reply.Error(
        "ERR AUTH <password> called without any password configured for the default user. Are you "
        "sure your configuration is correct?");
  } else if (Authenticate(call, arguments.size() == 2 ? kOnlyUser : arguments[1],
                          arguments.back())) {
    call.reply.Ok();
  }
  return absl::OkStatus();
}

absl::Status Hello(Call& call) {
  const std::optional<HelloOptions> options = ReadHelloOptions(call);
  if (!options) return absl::OkStatus();
  Session& session = call.session;
  if (options->user && !Authenticate(call, *options->user, options->password)) {
    return absl::OkStatus();
  }
  if (!session.is_authenticated) {
    call.reply.Error(
        "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO "
        "<proto> AUTH <user> <pass> option can be used to authenticate the client and select the "
        "RESP protocol version at the same time");
    return absl::OkStatus();
  }
  if (options->name) session.name = *options->name;
  if (options->protocol) session.protocol = *options->protocol;

  // The answer is already in the protocol that was asked for.
  resp::Writer& reply = call.reply;
  reply.set_protocol(session.protocol);
  reply.Map(7);
  reply.Bulk("server");
  reply.Bulk("redis");
  reply.Bulk("version");
  reply.Bulk(kRedisVersion);
  reply.Bulk("proto");
  reply.Integer(static_cast<int64_t>(session.protocol));
  reply.Bulk("id");
  reply.Integer(static_cast<int64_t>(session.id));
  reply.Bulk("mode");
  reply.Bulk("standalone");
  reply.Bulk("role");
  reply.Bulk("master");
  reply.Bulk("modules");
  reply.Array(0);
  return absl::OkStatus();
}

absl::Status Select(Call& call) {
  const std::optional<int64_t> database = ReadInteger(call, call.arguments[1]);
  if (!database) return absl::OkStatus();
  if (*database < INT32_MIN || *database > INT32_MAX) {
    call.reply.Error("ERR value is out of range, value must between -2147483648 and 2147483647");
  } else if (*database < 0 || *database >= backend::kDatabases) {
    call.reply.Error("ERR DB index is out of range");
  } else {
    call.session.database = static_cast<int>(*database);
    call.reply.Ok();
  }
  return absl::OkStatus();
}

}  // namespace nokv::command
