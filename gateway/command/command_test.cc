#include "gateway/command/command.h"

#include "gateway/command/fake_keyspace.h"
#include "gateway/command/host.h"

#include <catch2/catch.hpp>

#include <initializer_list>

namespace nokv::command {
namespace {

class FakeBackend final : public backend::Backend {
 public:
  void Execute(backend::Round&, std::function<void()> done) override { done(); }

  backend::KeyCounts Counts(int) const override { return {}; }

  uint64_t expired_keys() const override { return 0; }
};

// One client of one server whose data is a map and whose time stands still.
class Client {
 public:
  Client() {
    session.id = 7;
    session.is_authenticated = true;
    host.sessions[session.id] = &session;
  }

  std::string operator()(std::initializer_list<std::string_view> words) {
    const std::vector<std::string_view> arguments(words);
    std::string out;
    resp::Writer reply(&out, session.protocol);
    Call call{.arguments = arguments,
              .named = FindCommand(arguments[0]),
              .database = session.database,
              .is_authenticated = session.is_authenticated,
              .session = session,
              .host = host,
              .keyspace = keyspace,
              .reply = reply};
    const absl::Status status = Dispatch(call);
    return status.ok() ? out : "status: " + std::string(StdView(status.message()));
  }

  ManualClock clock;
  FakeBackend backend;
  Host host{clock, backend};
  Session session;
  FakeKeyspace keyspace{clock};
};

constexpr std::string_view kOk = "+OK\r\n";
constexpr std::string_view kNil = "$-1\r\n";
constexpr std::string_view kNotInteger = "-ERR value is not an integer or out of range\r\n";
constexpr std::string_view kSyntax = "-ERR syntax error\r\n";

TEST_CASE("PING, ECHO and QUIT answer", "[command]") {
  Client client;
  CHECK(client({"PING"}) == "+PONG\r\n");
  CHECK(client({"ping", "hi"}) == "$2\r\nhi\r\n");
  CHECK(client({"PING", "a", "b"}) == "-ERR wrong number of arguments for 'ping' command\r\n");
  CHECK(client({"ECHO", "x"}) == "$1\r\nx\r\n");
  CHECK(client({"QUIT"}) == kOk);
  CHECK(client.session.closes_after_reply);
}

TEST_CASE("what is not known or not complete is refused with Redis's words", "[command]") {
  Client client;
  CHECK(client({"FOO", "a", "b\r\n"}) ==
        "-ERR unknown command 'FOO', with args beginning with: 'a' 'b  ' \r\n");
  CHECK(client({"FOO"}) == "-ERR unknown command 'FOO', with args beginning with: \r\n");
  CHECK(client({"GET"}) == "-ERR wrong number of arguments for 'get' command\r\n");
  CHECK(client({"CLIENT"}) == "-ERR wrong number of arguments for 'client' command\r\n");
  CHECK(client({"CLIENT", "FOO"}) == "-ERR unknown subcommand 'FOO'. Try CLIENT HELP.\r\n");
  CHECK(client({"CLIENT", "SETNAME"}) ==
        "-ERR wrong number of arguments for 'client|setname' command\r\n");
  const std::string long_word(300, 'x');
  CHECK(client({long_word, long_word}) == "-ERR unknown command '" + std::string(128, 'x') +
                                              "', with args beginning with: '" +
                                              std::string(128, 'x') + "' \r\n");
}

TEST_CASE("SET and GET keep a string", "[command]") {
  Client client;
  CHECK(client({"GET", "k"}) == kNil);
  CHECK(client({"SET", "k", "v"}) == kOk);
  CHECK(client({"GET", "k"}) == "$1\r\nv\r\n");
  CHECK(client({"SET", "k", "w", "NX"}) == kNil);
  CHECK(client({"SET", "k", "w", "XX"}) == kOk);
  CHECK(client({"SET", "absent", "w", "XX"}) == kNil);
  CHECK(client({"SET", "k", "x", "GET"}) == "$1\r\nw\r\n");
  CHECK(client({"SET", "k", "y", "NX", "GET"}) == "$1\r\nx\r\n");
  CHECK(client({"GET", "k"}) == "$1\r\nx\r\n");
  CHECK(client({"SET", "new", "y", "NX", "GET"}) == kNil);
  CHECK(client({"GET", "new"}) == "$1\r\ny\r\n");
  CHECK(client({"SET", "", ""}) == kOk);
  CHECK(client({"GET", ""}) == "$0\r\n\r\n");
}

TEST_CASE("SET refuses options that do not go together", "[command]") {
  Client client;
  CHECK(client({"SET", "k", "v", "NX", "XX"}) == kSyntax);
  CHECK(client({"SET", "k", "v", "EX", "1", "PX", "1"}) == kSyntax);
  CHECK(client({"SET", "k", "v", "KEEPTTL", "EX", "1"}) == kSyntax);
  CHECK(client({"SET", "k", "v", "EX"}) == kSyntax);
  CHECK(client({"SET", "k", "v", "FOO"}) == kSyntax);
  CHECK(client({"SET", "k", "v", "EX", "a"}) == kNotInteger);
  for (const char* seconds : {"0", "-1", "9223372036854775807"}) {
    CHECK(client({"SET", "k", "v", "EX", seconds}) ==
          "-ERR invalid expire time in 'set' command\r\n");
  }
  CHECK(client({"EXISTS", "k"}) == ":0\r\n");
}

TEST_CASE("a key expires when its time has passed", "[command]") {
  Client client;
  client({"SET", "k", "v", "PX", "1500"});
  CHECK(client({"PTTL", "k"}) == ":1500\r\n");
  CHECK(client({"TTL", "k"}) == ":2\r\n");
  client({"SET", "k", "w", "KEEPTTL"});
  CHECK(client({"PTTL", "k"}) == ":1500\r\n");
  client.clock.Advance(absl::Milliseconds(1500));
  CHECK(client({"GET", "k"}) == "$1\r\nw\r\n");
  client.clock.Advance(absl::Milliseconds(1));
  CHECK(client({"GET", "k"}) == kNil);
  CHECK(client({"TTL", "k"}) == ":-2\r\n");
  CHECK(client({"EXISTS", "k"}) == ":0\r\n");
  CHECK(client({"SET", "k", "v", "PXAT", "1"}) == kOk);
  CHECK(client({"GET", "k"}) == kNil);
}

TEST_CASE("a plain SET takes the expiry away, INCR keeps it", "[command]") {
  Client client;
  client({"SET", "k", "1", "EX", "100"});
  client({"INCR", "k"});
  CHECK(client({"TTL", "k"}) == ":100\r\n");
  client({"SET", "k", "1"});
  CHECK(client({"TTL", "k"}) == ":-1\r\n");
}

TEST_CASE("EXPIRE and its conditions", "[command]") {
  Client client;
  client({"SET", "k", "v"});
  CHECK(client({"EXPIRE", "absent", "10"}) == ":0\r\n");
  CHECK(client({"EXPIRE", "k", "10", "XX"}) == ":0\r\n");
  CHECK(client({"EXPIRE", "k", "10", "GT"}) == ":0\r\n");
  CHECK(client({"EXPIRE", "k", "10", "LT"}) == ":1\r\n");
  CHECK(client({"EXPIRE", "k", "20", "NX"}) == ":0\r\n");
  CHECK(client({"EXPIRE", "k", "20", "GT"}) == ":1\r\n");
  CHECK(client({"EXPIRE", "k", "30", "LT"}) == ":0\r\n");
  CHECK(client({"EXPIRE", "k", "30", "XX", "GT"}) == ":1\r\n");
  CHECK(client({"PERSIST", "k"}) == ":1\r\n");
  CHECK(client({"PERSIST", "k"}) == ":0\r\n");
  CHECK(client({"EXPIRE", "k", "1", "NX", "GT"}) ==
        "-ERR NX and XX, GT or LT options at the same time are not compatible\r\n");
  CHECK(client({"EXPIRE", "k", "1", "GT", "LT"}) ==
        "-ERR GT and LT options at the same time are not compatible\r\n");
  CHECK(client({"EXPIRE", "k", "1", "ZZ"}) == "-ERR Unsupported option ZZ\r\n");
  CHECK(client({"EXPIRE", "k", "9223372036854775807"}) ==
        "-ERR invalid expire time in 'expire' command\r\n");
  CHECK(client({"PEXPIRE", "k", "9223372036854775807"}) ==
        "-ERR invalid expire time in 'pexpire' command\r\n");
  CHECK(client({"EXPIREAT", "k", "1800000000"}) == ":1\r\n");
  CHECK(client({"EXPIRETIME", "k"}) == ":1800000000\r\n");
  CHECK(client({"PEXPIREAT", "k", "1800000000500"}) == ":1\r\n");
  CHECK(client({"PEXPIRETIME", "k"}) == ":1800000000500\r\n");
  CHECK(client({"EXPIRE", "k", "-5"}) == ":1\r\n");
  CHECK(client({"EXISTS", "k"}) == ":0\r\n");
}

TEST_CASE("counters add within 64 bits", "[command]") {
  Client client;
  CHECK(client({"INCR", "n"}) == ":1\r\n");
  CHECK(client({"INCRBY", "n", "41"}) == ":42\r\n");
  CHECK(client({"DECR", "n"}) == ":41\r\n");
  CHECK(client({"DECRBY", "n", "-1"}) == ":42\r\n");
  CHECK(client({"GET", "n"}) == "$2\r\n42\r\n");
  CHECK(client({"DECRBY", "n", "-9223372036854775808"}) == "-ERR decrement would overflow\r\n");
  client({"SET", "n", "9223372036854775807"});
  CHECK(client({"INCR", "n"}) == "-ERR increment or decrement would overflow\r\n");
  for (const char* text : {" 1", "01", "", "1.0", "abc"}) {
    client({"SET", "n", text});
    CHECK(client({"INCR", "n"}) == kNotInteger);
  }
  CHECK(client({"INCRBY", "n", "x"}) == kNotInteger);
}

TEST_CASE("several keys at once", "[command]") {
  Client client;
  CHECK(client({"MSET", "a", "1", "b", "2", "a", "3"}) == kOk);
  CHECK(client({"MSET", "a", "1", "b"}) == "-ERR wrong number of arguments for 'mset' command\r\n");
  CHECK(client({"MGET", "a", "x", "b"}) == "*3\r\n$1\r\n3\r\n$-1\r\n$1\r\n2\r\n");
  CHECK(client({"EXISTS", "a", "a", "x"}) == ":2\r\n");
  CHECK(client({"DEL", "a", "a", "x"}) == ":1\r\n");
  CHECK(client({"UNLINK", "b"}) == ":1\r\n");
  CHECK(client({"DBSIZE"}) == ":0\r\n");
}

TEST_CASE("another type is left alone", "[command]") {
  Client client;
  REQUIRE(client.keyspace.Put(0, "list", {.type = backend::ObjectType::kList, .payload = {}}).ok());
  const std::string refused =
      "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
  CHECK(client({"GET", "list"}) == refused);
  CHECK(client({"INCR", "list"}) == refused);
  CHECK(client({"SET", "list", "v", "GET"}) == refused);
  CHECK(client({"MGET", "list"}) == "*1\r\n$-1\r\n");
  CHECK(client({"TYPE", "list"}) == "+list\r\n");
  CHECK(client({"SET", "list", "v"}) == kOk);
  CHECK(client({"TYPE", "list"}) == "+string\r\n");
  CHECK(client({"TYPE", "absent"}) == "+none\r\n");
}

TEST_CASE("databases are separate", "[command]") {
  Client client;
  client({"SET", "k", "v"});
  CHECK(client({"SELECT", "15"}) == kOk);
  CHECK(client({"GET", "k"}) == kNil);
  client({"SET", "k", "w"});
  CHECK(client({"FLUSHDB"}) == kOk);
  CHECK(client({"DBSIZE"}) == ":0\r\n");
  client({"SELECT", "0"});
  CHECK(client({"DBSIZE"}) == ":1\r\n");
  CHECK(client({"FLUSHALL", "ASYNC"}) == kOk);
  CHECK(client({"DBSIZE"}) == ":0\r\n");
  CHECK(client({"FLUSHALL", "NOW"}) == kSyntax);
  CHECK(client({"SELECT", "16"}) == "-ERR DB index is out of range\r\n");
  CHECK(client({"SELECT", "-1"}) == "-ERR DB index is out of range\r\n");
  CHECK(client({"SELECT", "x"}) == kNotInteger);
}

TEST_CASE("HELLO chooses the protocol", "[command]") {
  Client client;
  const std::string body =
      "$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n$5\r\nproto\r\n:3\r\n"
      "$2\r\nid\r\n:7\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n"
      "$7\r\nmodules\r\n*0\r\n";
  CHECK(client({"HELLO", "3", "SETNAME", "me"}) == "%7\r\n" + body);
  CHECK(client({"GET", "k"}) == "_\r\n");
  CHECK(client({"CLIENT", "GETNAME"}) == "$2\r\nme\r\n");
  CHECK(client({"HELLO", "4"}) == "-NOPROTO unsupported protocol version\r\n");
  CHECK(client({"HELLO", "x"}) == "-ERR Protocol version is not an integer or out of range\r\n");
  CHECK(client({"HELLO", "3", "FOO"}) == "-ERR Syntax error in HELLO option 'FOO'\r\n");
  CHECK(client({"RESET"}) == "+RESET\r\n");
  CHECK(client({"GET", "k"}) == kNil);
  CHECK(client({"CLIENT", "GETNAME"}) == kNil);
}

TEST_CASE("without the password nothing but asking for it is allowed", "[command]") {
  Client client;
  client.host.password = "secret";
  client.session.is_authenticated = false;
  const std::string wrong = "-WRONGPASS invalid username-password pair or user is disabled.\r\n";
  CHECK(client({"GET", "k"}) == "-NOAUTH Authentication required.\r\n");
  CHECK(client({"HELLO", "3"}).starts_with("-NOAUTH HELLO must be called"));
  CHECK(client({"AUTH", "secre"}) == wrong);
  CHECK(client({"AUTH", "other", "secret"}) == wrong);
  CHECK(client({"AUTH", ""}) == wrong);
  CHECK(client({"AUTH", "a", "b", "c"}) == kSyntax);
  CHECK(client({"AUTH", "secret"}) == kOk);
  CHECK(client({"GET", "k"}) == kNil);
  CHECK(client({"RESET"}) == "+RESET\r\n");
  CHECK(client({"GET", "k"}) == "-NOAUTH Authentication required.\r\n");
  CHECK(client({"HELLO", "2", "AUTH", "default", "secret"}).starts_with("*14\r\n"));
  CHECK(client({"GET", "k"}) == kNil);
}

TEST_CASE("AUTH without a password to give is a mistake", "[command]") {
  Client client;
  CHECK(client({"AUTH", "x"}).starts_with("-ERR AUTH <password> called without any password"));
  CHECK(client({"AUTH", "default", "anything"}) == kOk);
}

TEST_CASE("CLIENT tells about connections", "[command]") {
  Client client;
  CHECK(client({"CLIENT", "ID"}) == ":7\r\n");
  CHECK(client({"CLIENT", "SETNAME", "a b"}) ==
        "-ERR Client names cannot contain spaces, newlines or special characters.\r\n");
  CHECK(client({"CLIENT", "SETINFO", "LIB-NAME", "lib"}) == kOk);
  CHECK(client({"CLIENT", "SETINFO", "x", "lib"}) == "-ERR Unrecognized option 'x'\r\n");
  CHECK(client({"CLIENT", "INFO"}).find("id=7 ") != std::string::npos);
  CHECK(client({"CLIENT", "LIST"}).find("lib-name=lib") != std::string::npos);
  CHECK(client({"CLIENT", "LIST", "ID", "8"}) == "$0\r\n\r\n");
}

TEST_CASE("INFO, CONFIG and TIME tell about the server", "[command]") {
  Client client;
  client({"SET", "k", "v", "EX", "10"});
  const std::string info = client({"INFO"});
  CHECK(info.find("redis_version:7.0.15\r\n") != std::string::npos);
  CHECK(info.find("loading:0\r\n") != std::string::npos);
  CHECK(info.find("db0:keys=1,expires=1,avg_ttl=0\r\n") != std::string::npos);
  CHECK(client({"INFO", "nothing"}) == "$0\r\n\r\n");
  CHECK(client({"INFO", "replication"}).find("redis_version") == std::string::npos);
  CHECK(client({"CONFIG", "GET", "save"}) == "*2\r\n$4\r\nsave\r\n$0\r\n\r\n");
  CHECK(client({"CONFIG", "GET", "MAXMEMORY*", "save"}).starts_with("*6\r\n"));
  CHECK(client({"CONFIG", "SET", "save", "1 1"}) == kOk);
  CHECK(client({"CONFIG", "SET", "foo", "bar"}) ==
        "-ERR Unknown option or number of arguments for CONFIG SET - 'foo'\r\n");
  CHECK(client({"TIME"}) == "*2\r\n$10\r\n1700000000\r\n$1\r\n0\r\n");
}

TEST_CASE("a key that the engine cannot hold is refused before it is tried", "[command]") {
  Client client;
  const std::string zeros(40'000, '\0');
  CHECK(client({"SET", zeros, "v"}).starts_with("-ERR NoKV: a key of 40000 bytes is too long"));
  CHECK(client({"MSET", "a", "1", zeros, "v"}).starts_with("-ERR NoKV: a key of 40000 bytes"));
  CHECK(client({"EXISTS", "a"}) == ":0\r\n");
}

}  // namespace
}  // namespace nokv::command
