// Finds commands in the bytes of one client: arrays of bulk strings, or inline commands.
//
// The parser owns no input. The caller keeps the bytes of the unfinished command together and shows
// them again, with what has arrived since; the parser remembers how far it had come, so any cutting
// of the stream costs the same work and gives the same commands. No memory is set aside for a
// declared length, only for what has arrived.
//
// Grammar (CRLF is any two bytes whose first is CR, as in Redis):
//   command = "*" count CRLF count * ("$" length CRLF length * byte CRLF)
//           | words LF        words are separated by blanks, quoted by "..." or '...'
//
// Thread-safety: none; one parser, one client.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nokv::resp {

struct Limits {
  int64_t arguments_max = INT32_MAX;
  int64_t argument_bytes_max = 512 << 20;
  size_t line_bytes_max = 64 << 10;

  // A client that has not given the password may send no more than AUTH or HELLO needs.
  bool is_authenticated = true;
};

enum class Progress {
  kNeedMore,  // The command is not complete.
  kCommand,   // A command, or nothing (an empty line, "*0"): then there are no arguments.
  kError,     // The stream is unusable from here on; error() says why.
};

class Parser {
 public:
  // `input` begins with the first byte of the current command. On kCommand its arguments are
  // appended to `arguments` as views of `input` (inline quoting is resolved in place), and
  // consumed() is the length of the command; the next call begins behind it.
  Progress Parse(std::span<char> input, const Limits& limits,
                 std::vector<std::string_view>* arguments);

  size_t consumed() const { return consumed_; }

  // Without the error code: "Protocol error: invalid bulk length".
  const std::string& error() const { return error_; }

  // Bytes that the current argument still lacks, as far as known: a hint for the next read.
  size_t missing_bytes_hint() const { return missing_bytes_; }

 private:
  struct Slice {
    size_t offset;
    size_t size;
  };

  Progress ParseArray(std::string_view input, const Limits& limits,
                      std::vector<std::string_view>* arguments);
  Progress ParseCount(std::string_view input, const Limits& limits);
  Progress ParseArgument(std::string_view input, const Limits& limits);
  Progress ParseInline(std::span<char> input, const Limits& limits,
                       std::vector<std::string_view>* arguments);

  // The line at position_, without its first byte and its end; position_ moves behind it.
  Progress TakeLine(std::string_view input, size_t line_bytes_max, std::string_view too_long,
                    std::string_view* line);

  Progress Fail(std::string_view what);
  Progress Finish(size_t consumed);

  size_t position_ = 0;          // Everything before it is understood.
  size_t scanned_ = 0;           // No line ends in [position_, scanned_).
  int64_t arguments_left_ = -1;  // -1: the count is not known yet.
  int64_t argument_bytes_ = -1;  // -1: the next length is not known yet.
  size_t missing_bytes_ = 0;
  std::vector<Slice> slices_;
  size_t consumed_ = 0;
  std::string error_;
};

// Splits a line into words, resolving quotes in place. False if a quote is not closed, or is closed
// in the middle of a word.
bool SplitInline(std::span<char> line, std::vector<std::string_view>* words);

}  // namespace nokv::resp
