#include "gateway/resp/writer.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>

namespace nokv::resp {
namespace {

constexpr size_t kNumberBytesMax = 32;

template <typename T>
std::string_view Digits(T value, char (&buffer)[kNumberBytesMax]) {
  const std::to_chars_result result = std::to_chars(buffer, buffer + kNumberBytesMax, value);
  return {buffer, static_cast<size_t>(result.ptr - buffer)};
}

}  // namespace

void Writer::Head(char kind, uint64_t size) {
  char buffer[kNumberBytesMax + 3];
  buffer[0] = kind;
  char* end = std::to_chars(buffer + 1, buffer + kNumberBytesMax, size).ptr;
  *end++ = '\r';
  *end++ = '\n';
  out_->append(buffer, static_cast<size_t>(end - buffer));
}

void Writer::Simple(std::string_view text) {
  out_->push_back('+');
  out_->append(text);
  out_->append("\r\n");
}

void Writer::Error(std::string_view message) {
  out_->push_back('-');
  const size_t start = out_->size();
  out_->append(message);
  std::replace_if(
      out_->begin() + static_cast<ptrdiff_t>(start), out_->end(),
      [](char c) { return c == '\r' || c == '\n'; }, ' ');
  out_->append("\r\n");
}

void Writer::Integer(int64_t value) {
  char buffer[kNumberBytesMax];
  out_->push_back(':');
  out_->append(Digits(value, buffer));
  out_->append("\r\n");
}

void Writer::Bulk(std::string_view bytes) {
  Head('$', bytes.size());
  out_->append(bytes);
  out_->append("\r\n");
}

void Writer::BulkInteger(int64_t value) {
  char buffer[kNumberBytesMax];
  Bulk(Digits(value, buffer));
}

void Writer::Double(double value) {
  char buffer[kNumberBytesMax];
  std::string_view text;
  if (std::isnan(value)) {
    text = "nan";
  } else if (std::isinf(value)) {
    text = value > 0 ? "inf" : "-inf";
  } else {
    text = Digits(value == 0 ? 0.0 : value, buffer);  // Negative zero prints as zero.
  }
  if (!is_resp3()) return Bulk(text);
  out_->push_back(',');
  out_->append(text);
  out_->append("\r\n");
}

void Writer::Boolean(bool value) {
  if (is_resp3()) {
    out_->append(value ? "#t\r\n" : "#f\r\n");
  } else {
    Integer(value ? 1 : 0);
  }
}

void Writer::Null() { out_->append(is_resp3() ? "_\r\n" : "$-1\r\n"); }

void Writer::NullArray() { out_->append(is_resp3() ? "_\r\n" : "*-1\r\n"); }

void Writer::Verbatim(std::string_view text) {
  if (!is_resp3()) return Bulk(text);
  constexpr std::string_view kKind = "txt:";
  Head('=', kKind.size() + text.size());
  out_->append(kKind);
  out_->append(text);
  out_->append("\r\n");
}

void Writer::Map(size_t size) {
  if (is_resp3()) {
    Head('%', size);
  } else {
    Head('*', 2 * size);
  }
}

void Writer::Set(size_t size) { Head(is_resp3() ? '~' : '*', size); }

void Writer::Push(size_t size) { Head(is_resp3() ? '>' : '*', size); }

}  // namespace nokv::resp
