#include "gateway/resp/writer.h"

#include <catch2/catch.hpp>

#include <functional>
#include <limits>

namespace nokv::resp {
namespace {

std::string Write(Protocol protocol, const std::function<void(Writer&)>& write) {
  std::string out;
  Writer writer(&out, protocol);
  write(writer);
  return out;
}

void Check(const std::function<void(Writer&)>& write, std::string_view resp2,
           std::string_view resp3) {
  CHECK(Write(Protocol::kResp2, write) == resp2);
  CHECK(Write(Protocol::kResp3, write) == resp3);
}

TEST_CASE("replies that are the same in both protocols", "[resp]") {
  Check([](Writer& w) { w.Ok(); }, "+OK\r\n", "+OK\r\n");
  Check([](Writer& w) { w.Simple("PONG"); }, "+PONG\r\n", "+PONG\r\n");
  Check([](Writer& w) { w.Integer(-42); }, ":-42\r\n", ":-42\r\n");
  Check([](Writer& w) { w.Bulk(""); }, "$0\r\n\r\n", "$0\r\n\r\n");
  Check([](Writer& w) { w.Bulk("a\r\nb"); }, "$4\r\na\r\nb\r\n", "$4\r\na\r\nb\r\n");
  Check([](Writer& w) { w.BulkInteger(INT64_MIN); }, "$20\r\n-9223372036854775808\r\n",
        "$20\r\n-9223372036854775808\r\n");
  Check([](Writer& w) { w.Array(2); }, "*2\r\n", "*2\r\n");
}

TEST_CASE("replies that have a type of their own in RESP3", "[resp]") {
  Check([](Writer& w) { w.Null(); }, "$-1\r\n", "_\r\n");
  Check([](Writer& w) { w.NullArray(); }, "*-1\r\n", "_\r\n");
  Check([](Writer& w) { w.Map(2); }, "*4\r\n", "%2\r\n");
  Check([](Writer& w) { w.Set(3); }, "*3\r\n", "~3\r\n");
  Check([](Writer& w) { w.Push(3); }, "*3\r\n", ">3\r\n");
  Check([](Writer& w) { w.Boolean(true); }, ":1\r\n", "#t\r\n");
  Check([](Writer& w) { w.Boolean(false); }, ":0\r\n", "#f\r\n");
  Check([](Writer& w) { w.Verbatim("hi"); }, "$2\r\nhi\r\n", "=6\r\ntxt:hi\r\n");
  Check([](Writer& w) { w.Double(0.1); }, "$3\r\n0.1\r\n", ",0.1\r\n");
  Check([](Writer& w) { w.Double(-0.0); }, "$1\r\n0\r\n", ",0\r\n");
  Check([](Writer& w) { w.Double(-std::numeric_limits<double>::infinity()); }, "$4\r\n-inf\r\n",
        ",-inf\r\n");
}

TEST_CASE("an error cannot smuggle a second reply", "[resp]") {
  Check([](Writer& w) { w.Error("ERR unknown command 'a\r\n+OK\r\n'"); },
        "-ERR unknown command 'a  +OK  '\r\n", "-ERR unknown command 'a  +OK  '\r\n");
}

}  // namespace
}  // namespace nokv::resp
