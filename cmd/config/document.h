// A JSON text as a tree whose values know where they stand.
//
// The parser of JSON libraries forgets places and takes the last of several keys of one name; a
// file that people edit needs the first and forbids the second. So the tree is made here, from the
// events of the library's parser. Its depth and the number of its values are bounded.
//
// Thread-safety: values; a Document is immutable once parsed.
#pragma once

#include "cmd/config/problem_list.h"

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nokv::config {

inline constexpr size_t kDepthMax = 8;
inline constexpr size_t kValuesMax = 100'000;

enum class Kind : uint8_t { kNull, kBool, kNumber, kString, kArray, kObject };

struct Value {
  Kind kind = Kind::kNull;
  std::string_view raw;           // As in the text; of a container only the bracket it begins with.
  size_t offset = 0;              // Of `raw` in the text.
  const Value* parent = nullptr;  // Null for the root.
  std::string name;               // Of a member of an object.
  size_t name_offset = 0;         // Where the name stands.
  size_t index = 0;               // Of an element of an array.
  std::string string;             // Of a kString, without its escapes.
  std::optional<uint64_t> number;  // Of a kNumber that is whole and not negative.
  std::vector<const Value*> children;

  // The member of that name; null if there is none, or this is not an object.
  const Value* Find(std::string_view member) const;

  // That member, or where it would have to be added.
  const Value& FindOrSelf(std::string_view member) const;
};

// Where the value stands, and where its name does.
Place PlaceOf(const Value& value);
Place PlaceOfName(const Value& value);

// The pointer alone.
std::string PointerTo(const Value& value);

// "the number 5", "an object": for messages.
std::string Describe(const Value& value);

class Document {
 public:
  // Notes what is not JSON, deeper or larger than allowed, and keys that stand twice in an object.
  // `text` outlives the document.
  Document(std::string_view text, ProblemList& problems);

  Document(const Document&) = delete;  // Values point at each other.
  Document& operator=(const Document&) = delete;

  // Null unless the text is JSON.
  const Value* root() const { return root_; }

 private:
  std::deque<Value> values_;  // A deque: its elements stay where they are.
  const Value* root_ = nullptr;
};

}  // namespace nokv::config
