#include "cmd/config/document.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

namespace nokv::config {
namespace {

constexpr size_t kNameBytesMax = 64;  // In a pointer.
constexpr size_t kRawBytesMax = 40;   // In a message.
constexpr size_t kSyntaxBytesMax = 160;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

// Walks over the text and leaves behind how far the parser has come.
class TrackedIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  TrackedIterator(const char* at, const char** reached) : at_(at), reached_(reached) {}

  reference operator*() const { return *at_; }

  TrackedIterator& operator++() {
    *reached_ = ++at_;
    return *this;
  }

  TrackedIterator operator++(int) {
    const TrackedIterator before = *this;
    ++*this;
    return before;
  }

  bool operator==(const TrackedIterator& other) const { return at_ == other.at_; }

  bool operator!=(const TrackedIterator& other) const { return at_ != other.at_; }

 private:
  const char* at_;
  const char** reached_;
};

// How many bytes the character at the front of `text` has; 0 if it is not well-formed (RFC 3629).
size_t CharacterBytes(std::string_view text) {
  const auto byte = [&](size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const auto continues = [&](size_t from, size_t to) {
    for (size_t i = from; i < to; ++i) {
      if ((byte(i) & 0xc0) != 0x80) return false;
    }
    return true;
  };
  const unsigned lead = byte(0);
  const unsigned next = byte(1);
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return continues(1, 2) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef) {
    const bool is_overlong = lead == 0xe0 && next < 0xa0;
    const bool is_surrogate = lead == 0xed && next > 0x9f;
    return continues(1, 3) && !is_overlong && !is_surrogate ? 3 : 0;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    const bool is_overlong = lead == 0xf0 && next < 0x90;
    const bool is_too_great = lead == 0xf4 && next > 0x8f;
    return continues(1, 4) && !is_overlong && !is_too_great ? 4 : 0;
  }
  return 0;
}

std::optional<size_t> FirstOffsetNotUtf8(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const size_t bytes = CharacterBytes(text.substr(at));
    if (bytes == 0) return at;
    at += bytes;
  }
  return std::nullopt;
}

// The library's account without its own prefix and place.
std::string SyntaxMessage(std::string_view what) {
  constexpr std::string_view kLead = "syntax error while parsing ";
  if (const size_t at = what.find(kLead); at != std::string_view::npos) {
    return "not JSON: in " + Shortened(what.substr(at + kLead.size()), kSyntaxBytesMax);
  }
  what.remove_prefix(std::min(what.size(), what.find("] ") + 2));
  return "not JSON: " + Shortened(what, kSyntaxBytesMax);
}

// Makes the tree from the parser's events. An event comes right after the last byte of its token
// (of a number: perhaps one later), and between two tokens stand only blanks, commas and colons;
// that is how each value's place is known.
class TreeBuilder {
 public:
  TreeBuilder(std::string_view text, const char* const* reached, std::deque<Value>& values,
              ProblemList& problems)
      : text_(text),
        reached_(reached),
        values_(values),
        problems_(problems),
        token_end_(text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0) {}

  bool null() { return AddLeaf(Kind::kNull); }

  bool boolean(bool) { return AddLeaf(Kind::kBool); }

  bool number_integer(int64_t) { return AddLeaf(Kind::kNumber); }  // Negative.

  bool number_float(double, const std::string&) { return AddLeaf(Kind::kNumber); }

  bool number_unsigned(uint64_t number) {
    if (!AddLeaf(Kind::kNumber)) return false;
    values_.back().number = number;
    return true;
  }

  bool string(std::string& text) {
    if (!AddLeaf(Kind::kString)) return false;
    values_.back().string = std::move(text);
    return true;
  }

  bool binary(nlohmann::json::binary_t&) { return false; }  // JSON has none.

  bool start_object(size_t) { return Open(Kind::kObject); }

  bool start_array(size_t) { return Open(Kind::kArray); }

  bool end_object() { return Close(); }

  bool end_array() { return Close(); }

  bool key(std::string& name) {
    name_offset_ = TokenOffset();
    name_ = std::move(name);
    token_end_ = Reached();
    return true;
  }

  bool parse_error(size_t position, const std::string&, const nlohmann::json::exception& error) {
    const std::string pointer = open_.empty() ? "" : PointerTo(*open_.back().value);
    const auto bad = FirstOffsetNotUtf8(text_);
    if (bad && *bad < position) {
      problems_.Add({*bad, pointer}, fmt::format("byte {:02x} is not UTF-8; expected JSON in UTF-8",
                                                 static_cast<unsigned char>(text_[*bad])));
    } else {
      const size_t offset = std::min(position > 0 ? position - 1 : 0, text_.size());
      problems_.Add({offset, pointer}, SyntaxMessage(error.what()));
    }
    return false;
  }

 private:
  struct OpenContainer {
    Value* value;
    std::map<std::string, const Value*, std::less<>> members;
  };

  size_t Reached() const { return static_cast<size_t>(*reached_ - text_.data()); }

  // Where the token begins whose last byte has just been read.
  size_t TokenOffset() const {
    return std::min(text_.find_first_not_of(" \t\r\n,:", token_end_), text_.size());
  }

  bool AddLeaf(Kind kind) {
    Value* value = Add(kind);
    if (value == nullptr) return false;
    value->raw = text_.substr(value->offset, Reached() - value->offset);
    if (kind == Kind::kNumber) {
      value->raw = value->raw.substr(0, value->raw.find_first_not_of("+-.0123456789Ee"));
    }
    token_end_ = Reached();
    return true;
  }

  bool Open(Kind kind) {
    Value* value = Add(kind);
    if (value == nullptr) return false;
    value->raw = text_.substr(value->offset, 1);
    token_end_ = Reached();
    open_.push_back({.value = value, .members = {}});
    if (open_.size() <= kDepthMax) return true;
    problems_.Add(PlaceOf(*value),
                  fmt::format("nested too deep; expected at most {} levels", kDepthMax));
    return false;
  }

  bool Close() {
    open_.pop_back();
    token_end_ = Reached();
    return true;
  }

  // Null, and a problem, if there are too many.
  Value* Add(Kind kind) {
    Value& value = values_.emplace_back();
    value.kind = kind;
    value.offset = TokenOffset();
    if (!open_.empty()) {
      Value& parent = *open_.back().value;
      value.parent = &parent;
      value.index = parent.children.size();
      if (parent.kind == Kind::kObject) Name(value);
      parent.children.push_back(&value);
    }
    if (values_.size() <= kValuesMax) return &value;
    problems_.Add(PlaceOf(value),
                  fmt::format("too many values; expected at most {} in the file", kValuesMax));
    return nullptr;
  }

  void Name(Value& value) {
    value.name = std::move(name_);
    value.name_offset = name_offset_;
    const auto [first, is_new] = open_.back().members.emplace(value.name, &value);
    if (is_new) return;
    const std::string_view before = text_.substr(0, first->second->name_offset);
    problems_.Add(PlaceOfName(value),
                  fmt::format("a second key of this name, the first is in line {}; expected each "
                              "key once",
                              1 + std::count(before.begin(), before.end(), '\n')));
  }

  const std::string_view text_;
  const char* const* const reached_;
  std::deque<Value>& values_;
  ProblemList& problems_;
  std::vector<OpenContainer> open_;
  size_t token_end_;  // Behind the token of the last event.
  std::string name_;  // Of the member whose value comes next.
  size_t name_offset_ = 0;
};

}  // namespace

const Value* Value::Find(std::string_view member) const {
  if (kind != Kind::kObject) return nullptr;
  for (const Value* child : children) {
    if (child->name == member) return child;
  }
  return nullptr;
}

const Value& Value::FindOrSelf(std::string_view member) const {
  const Value* found = Find(member);
  return found == nullptr ? *this : *found;
}

std::string PointerTo(const Value& value) {
  if (value.parent == nullptr) return "";
  std::string step;
  if (value.parent->kind == Kind::kArray) {
    step = std::to_string(value.index);
  } else {
    for (const char c : Shortened(value.name, kNameBytesMax)) {
      if (c == '~') {
        step += "~0";
      } else if (c == '/') {
        step += "~1";
      } else {
        step += c;
      }
    }
  }
  return PointerTo(*value.parent) + "/" + step;
}

Place PlaceOf(const Value& value) { return {value.offset, PointerTo(value)}; }

Place PlaceOfName(const Value& value) { return {value.name_offset, PointerTo(value)}; }

std::string Describe(const Value& value) {
  switch (value.kind) {
    case Kind::kArray:
      return "an array";
    case Kind::kObject:
      return "an object";
    case Kind::kNumber:
      return "the number " + Shortened(value.raw, kRawBytesMax);
    case Kind::kString:
      return "the string " + Shortened(value.raw, kRawBytesMax);
    case Kind::kNull:
    case Kind::kBool:
      break;
  }
  return std::string(value.raw);
}

Document::Document(std::string_view text, ProblemList& problems) {
  const char* reached = text.data();
  TreeBuilder builder(text, &reached, values_, problems);
  const char* const end = text.data() + text.size();
  if (!nlohmann::json::sax_parse(TrackedIterator(text.data(), &reached),
                                 TrackedIterator(end, &reached), &builder)) {
    return;
  }
  // The parser takes a zero byte for the end, whatever follows.
  if (const size_t zero = text.find('\0'); zero != std::string_view::npos) {
    problems.Add({zero, ""}, "not JSON: a zero byte; expected nothing behind the last bracket");
    return;
  }
  root_ = &values_.front();
}

}  // namespace nokv::config
