// Reads the members of one JSON object, each with its type and bounds, and notes what is wrong.
//
// A read that fails has noted why, and returns nothing: whoever reads goes on with the next member,
// so that one pass finds every problem. What the object may hold is said once, in the constructor.
//
// Thread-safety: none.
#pragma once

#include "cmd/config/document.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace nokv::config {

enum class Need { kRequired, kOptional };
enum class AddressUse { kListen, kReach };

inline constexpr size_t kPathBytesMax = 4096;

struct Field {
  std::string_view name;
  Need need = Need::kRequired;
};

struct Range {
  uint64_t min = 0;
  uint64_t max = 0;
};

class Fields {
 public:
  // Notes members that are not among `names`, and a value that is no object.
  Fields(const Value& value, std::span<const std::string_view> names, ProblemList& problems);

  const Value& value() const { return value_; }

  bool Has(std::string_view name) const { return value_.Find(name) != nullptr; }

  // All of these are nothing where the member is absent, or wrong and noted.
  std::optional<uint64_t> Number(Field field, Range range);
  std::optional<std::string> Address(Field field, AddressUse use);
  std::optional<std::string> Path(Field field);
  std::optional<std::string> PathWithId(Field field);  // Has an {id} in it.
  std::optional<std::string> Key(Field field);         // The bytes of a region's bound.
  const Value* Object(Field field);
  void AnyString(Field field);

  // Its elements: from range.min to range.max, or none if that is noted.
  std::span<const Value* const> Array(Field field, Range range);

  // "expected WHAT, found the number 5", at the member; `why` may say more.
  void Expected(const Value& member, std::string_view what, std::string_view why = "");

 private:
  // The member, if it is of that kind; notes if not, or if it is absent and needed.
  const Value* Find(Field field, Kind kind, std::string_view expected);

  const Value& value_;
  ProblemList& problems_;
};

}  // namespace nokv::config
