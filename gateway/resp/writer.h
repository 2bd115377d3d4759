// Appends replies to a client's output, in RESP2 or RESP3.
//
// Where the protocols differ, RESP2 gets the nearest shape it has: a map or a set becomes an array,
// null a null bulk string, a double its text, a boolean 1 or 0.
//
// Thread-safety: none.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace nokv::resp {

enum class Protocol : uint8_t { kResp2 = 2, kResp3 = 3 };

class Writer {
 public:
  Writer(std::string* out, Protocol protocol) : out_(out), protocol_(protocol) {}

  Protocol protocol() const { return protocol_; }

  void set_protocol(Protocol protocol) { protocol_ = protocol; }

  void Ok() { out_->append("+OK\r\n"); }

  void Simple(std::string_view text);

  // `message` begins with its code: "ERR syntax error". Line ends in it become blanks: a client's
  // bytes repeated in a message must not look like another reply.
  void Error(std::string_view message);

  void Integer(int64_t value);
  void Bulk(std::string_view bytes);
  void BulkInteger(int64_t value);
  void Double(double value);
  void Boolean(bool value);

  void Null();
  void NullArray();

  // Text for people: INFO, CLIENT LIST.
  void Verbatim(std::string_view text);

  // Heads: the elements follow as replies of their own; a map has two for each of its `size`.
  void Array(size_t size) { Head('*', size); }

  void Map(size_t size);
  void Set(size_t size);
  void Push(size_t size);

 private:
  bool is_resp3() const { return protocol_ == Protocol::kResp3; }

  void Head(char kind, uint64_t size);

  std::string* const out_;
  Protocol protocol_;
};

}  // namespace nokv::resp
