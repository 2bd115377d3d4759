#include "gateway/resp/parser.h"

#include "gateway/resp/integer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace nokv::resp {
namespace {

constexpr int64_t kUnauthenticatedArgumentsMax = 10;
constexpr int64_t kUnauthenticatedArgumentBytesMax = 16 << 10;
constexpr size_t kSlicesKeptMax = 1024;

}  // namespace

Progress Parser::Parse(std::span<char> input, const Limits& limits,
                       std::vector<std::string_view>* arguments) {
  if (input.empty()) return Progress::kNeedMore;
  if (input[0] == '*') return ParseArray({input.data(), input.size()}, limits, arguments);
  return ParseInline(input, limits, arguments);
}

Progress Parser::ParseArray(std::string_view input, const Limits& limits,
                            std::vector<std::string_view>* arguments) {
  if (arguments_left_ < 0) {
    if (const Progress progress = ParseCount(input, limits); progress != Progress::kCommand) {
      return progress;
    }
  }
  while (arguments_left_ > 0) {
    if (const Progress progress = ParseArgument(input, limits); progress != Progress::kCommand) {
      return progress;
    }
  }
  for (const Slice& slice : slices_) arguments->push_back(input.substr(slice.offset, slice.size));
  return Finish(position_);
}

Progress Parser::ParseCount(std::string_view input, const Limits& limits) {
  std::string_view line;
  const Progress progress =
      TakeLine(input, limits.line_bytes_max, "too big mbulk count string", &line);
  if (progress != Progress::kCommand) return progress;

  const std::optional<int64_t> count = ParseInteger(line);
  if (!count || *count > limits.arguments_max) return Fail("invalid multibulk length");
  if (*count > kUnauthenticatedArgumentsMax && !limits.is_authenticated) {
    return Fail("unauthenticated multibulk length");
  }
  arguments_left_ = std::max<int64_t>(*count, 0);
  return Progress::kCommand;
}

Progress Parser::ParseArgument(std::string_view input, const Limits& limits) {
  if (argument_bytes_ < 0) {
    const size_t start = position_;
    std::string_view line;
    const Progress progress =
        TakeLine(input, limits.line_bytes_max, "too big bulk count string", &line);
    if (progress != Progress::kCommand) return progress;

    if (input[start] != '$') return Fail(fmt::format("expected '$', got '{}'", input[start]));
    const std::optional<int64_t> size = ParseInteger(line);
    if (!size || *size < 0 || *size > limits.argument_bytes_max) {
      return Fail("invalid bulk length");
    }
    if (*size > kUnauthenticatedArgumentBytesMax && !limits.is_authenticated) {
      return Fail("unauthenticated bulk length");
    }
    argument_bytes_ = *size;
  }

  const size_t size = static_cast<size_t>(argument_bytes_);
  const size_t available = input.size() - position_;
  if (available < size + 2) {
    missing_bytes_ = size + 2 - available;
    return Progress::kNeedMore;
  }
  slices_.push_back({position_, size});
  position_ += size + 2;
  scanned_ = position_;
  missing_bytes_ = 0;
  argument_bytes_ = -1;
  --arguments_left_;
  return Progress::kCommand;
}

Progress Parser::TakeLine(std::string_view input, size_t line_bytes_max, std::string_view too_long,
                          std::string_view* line) {
  const size_t end = input.find('\r', std::max(scanned_, position_));
  if (end == std::string_view::npos || end + 2 > input.size()) {
    scanned_ = std::min(end, input.size());
    if (input.size() - position_ > line_bytes_max) return Fail(too_long);
    return Progress::kNeedMore;
  }
  // A line that ends at once has not even the byte that says what it is.
  const size_t begin = std::min(position_ + 1, end);
  *line = input.substr(begin, end - begin);
  position_ = end + 2;
  scanned_ = position_;
  return Progress::kCommand;
}

Progress Parser::ParseInline(std::span<char> input, const Limits& limits,
                             std::vector<std::string_view>* arguments) {
  const void* found = std::memchr(input.data() + scanned_, '\n', input.size() - scanned_);
  if (found == nullptr) {
    scanned_ = input.size();
    if (input.size() > limits.line_bytes_max) return Fail("too big inline request");
    return Progress::kNeedMore;
  }
  const auto end = static_cast<size_t>(static_cast<const char*>(found) - input.data());
  const size_t size = end > 0 && input[end - 1] == '\r' ? end - 1 : end;
  const size_t before = arguments->size();
  if (!SplitInline(input.first(size), arguments)) {
    arguments->resize(before);
    return Fail("unbalanced quotes in request");
  }
  return Finish(end + 1);
}

Progress Parser::Fail(std::string_view what) {
  error_ = fmt::format("Protocol error: {}", what);
  return Progress::kError;
}

Progress Parser::Finish(size_t consumed) {
  consumed_ = consumed;
  position_ = 0;
  scanned_ = 0;
  arguments_left_ = -1;
  argument_bytes_ = -1;
  missing_bytes_ = 0;
  slices_.clear();
  if (slices_.capacity() > kSlicesKeptMax) slices_.shrink_to_fit();
  return Progress::kCommand;
}

}  // namespace nokv::resp
