// SplitInline: the quoting rules of inline commands.
#include "gateway/resp/parser.h"

#include <optional>

namespace nokv::resp {
namespace {

bool IsBlank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\v' || c == '\f' || c == '\0';
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

char Unescape(char c) {
  switch (c) {
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'b':
      return '\b';
    case 'a':
      return '\a';
    default:
      return c;
  }
}

// Reads words off a line and writes each over its own source, which is never shorter.
class Splitter {
 public:
  explicit Splitter(std::span<char> line) : line_(line) {}

  bool Run(std::vector<std::string_view>* words) {
    while (SkipBlanks()) {
      const size_t start = write_ = read_;
      while (read_ < line_.size() && !IsBlank(line_[read_])) {
        const char c = line_[read_++];
        if (c != '"' && c != '\'') {
          Emit(c);
        } else if (!(c == '"' ? TakeDoubleQuoted() : TakeSingleQuoted()) || !AtEndOfWord()) {
          return false;
        }
      }
      words->emplace_back(line_.data() + start, write_ - start);
    }
    return true;
  }

 private:
  bool SkipBlanks() {
    while (read_ < line_.size() && IsBlank(line_[read_])) ++read_;
    return read_ < line_.size();
  }

  bool AtEndOfWord() const { return read_ == line_.size() || IsBlank(line_[read_]); }

  void Emit(char c) { line_[write_++] = c; }

  bool TakeDoubleQuoted() {
    while (read_ < line_.size()) {
      const char c = line_[read_++];
      if (c == '"') return true;
      if (c != '\\' || read_ == line_.size()) {
        Emit(c);
      } else if (const std::optional<char> byte = TakeHex()) {
        Emit(*byte);
      } else {
        Emit(Unescape(line_[read_++]));
      }
    }
    return false;
  }

  bool TakeSingleQuoted() {
    while (read_ < line_.size()) {
      const char c = line_[read_++];
      if (c == '\'') return true;
      const bool escapes_quote = c == '\\' && read_ < line_.size() && line_[read_] == '\'';
      Emit(escapes_quote ? line_[read_++] : c);
    }
    return false;
  }

  // The byte of "xHH" behind a backslash.
  std::optional<char> TakeHex() {
    if (line_.size() - read_ < 3 || line_[read_] != 'x') return std::nullopt;
    const int high = HexDigit(line_[read_ + 1]);
    const int low = HexDigit(line_[read_ + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    read_ += 3;
    return static_cast<char>(high * 16 + low);
  }

  std::span<char> line_;
  size_t read_ = 0;
  size_t write_ = 0;
};

}  // namespace

bool SplitInline(std::span<char> line, std::vector<std::string_view>* words) {
  return Splitter(line).Run(words);
}

}  // namespace nokv::resp
