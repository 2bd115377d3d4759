#include "cmd/config/fields.h"

#include "cmd/config/address.h"
#include "cmd/config/key_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

namespace nokv::config {
namespace {

constexpr std::string_view kIdPlaceholder = "{id}";

// How many characters must be changed, added or left out to make one name of the other.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i + 1);
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t changed = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

// The one of `names` that somebody meant who wrote `name`; empty if none is near.
std::string_view Nearest(std::string_view name, std::span<const std::string_view> names) {
  constexpr size_t kDistanceMax = 2;
  constexpr size_t kNameBytesMax = 64;
  if (name.size() > kNameBytesMax) return "";
  std::string_view nearest;
  size_t least = kDistanceMax + 1;
  for (const std::string_view known : names) {
    const size_t distance = EditDistance(name, known);
    if (distance < least && distance < known.size()) {
      nearest = known;
      least = distance;
    }
  }
  return nearest;
}

std::string UnknownKeyMessage(std::string_view name, std::span<const std::string_view> names) {
  const std::string_view nearest = Nearest(name, names);
  const std::string meant =
      nearest.empty() ? "" : fmt::format(", perhaps \"{}\" is meant", nearest);
  return fmt::format("unknown key{}; expected one of {}", meant, fmt::join(names, ", "));
}

bool HasControlCharacter(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; });
}

std::string PluralOf(uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

}  // namespace

Fields::Fields(const Value& value, std::span<const std::string_view> names, ProblemList& problems)
    : value_(value), problems_(problems) {
  if (value.kind != Kind::kObject) {
    Expected(value, "an object");
    return;
  }
  for (const Value* member : value.children) {
    if (std::find(names.begin(), names.end(), member->name) != names.end()) continue;
    problems_.Add(PlaceOfName(*member), UnknownKeyMessage(member->name, names));
  }
}

void Fields::Expected(const Value& member, std::string_view what, std::string_view why) {
  problems_.Add(PlaceOf(member), fmt::format("expected {}, found {}{}{}", what, Describe(member),
                                             why.empty() ? "" : ": ", why));
}

const Value* Fields::Find(Field field, Kind kind, std::string_view expected) {
  if (value_.kind != Kind::kObject) return nullptr;  // That has been noted.
  const Value* member = value_.Find(field.name);
  if (member == nullptr) {
    if (field.need == Need::kRequired) {
      problems_.Add(PlaceOf(value_),
                    fmt::format("\"{}\" is missing; expected {}", field.name, expected));
    }
    return nullptr;
  }
  if (member->kind == kind) return member;
  Expected(*member, expected);
  return nullptr;
}

std::optional<uint64_t> Fields::Number(Field field, Range range) {
  const std::string expected = fmt::format("a whole number from {} to {}", range.min, range.max);
  const Value* member = Find(field, Kind::kNumber, expected);
  if (member == nullptr) return std::nullopt;
  if (member->number && *member->number >= range.min && *member->number <= range.max) {
    return member->number;
  }
  Expected(*member, expected);
  return std::nullopt;
}

std::optional<std::string> Fields::Address(Field field, AddressUse use) {
  constexpr std::string_view kExpected = "an address HOST:PORT";
  const Value* member = Find(field, Kind::kString, kExpected);
  if (member == nullptr) return std::nullopt;
  const absl::StatusOr<config::Address> address = ParseAddress(member->string);
  if (!address.ok()) {
    Expected(*member, kExpected, StdView(address.status().message()));
    return std::nullopt;
  }
  if (use == AddressUse::kReach && IsWildcard(*address)) {
    Expected(*member, kExpected, "that can be listened on, but not be reached");
    return std::nullopt;
  }
  return member->string;
}

std::optional<std::string> Fields::Path(Field field) {
  const std::string expected = fmt::format("a path of 1 to {} bytes", kPathBytesMax);
  const Value* member = Find(field, Kind::kString, expected);
  if (member == nullptr) return std::nullopt;
  const std::string& path = member->string;
  if (path.empty() || path.size() > kPathBytesMax) {
    Expected(*member, expected);
    return std::nullopt;
  }
  if (HasControlCharacter(path)) {
    Expected(*member, expected, "it has a control character");
    return std::nullopt;
  }
  return path;
}

std::optional<std::string> Fields::PathWithId(Field field) {
  std::optional<std::string> path = Path(field);
  if (path && path->find(kIdPlaceholder) == std::string::npos) {
    Expected(*value_.Find(field.name), "a path with {id} in it, where each store's id will stand");
    return std::nullopt;
  }
  return path;
}

std::optional<std::string> Fields::Key(Field field) {
  const std::string expected = fmt::format(
      "a key of at most {} bytes (text, or hex: and digits, or - for no bound)", kKeyBytesMax);
  const Value* member = Find(field, Kind::kString, expected);
  if (member == nullptr) return std::nullopt;
  absl::StatusOr<std::string> key = KeyFromText(member->string);
  if (key.ok()) return *std::move(key);
  Expected(*member, expected, StdView(key.status().message()));
  return std::nullopt;
}

const Value* Fields::Object(Field field) { return Find(field, Kind::kObject, "an object"); }

void Fields::AnyString(Field field) { Find(field, Kind::kString, "a string"); }

std::span<const Value* const> Fields::Array(Field field, Range range) {
  const std::string expected =
      fmt::format("an array of {} to {}", range.min, PluralOf(range.max, "element"));
  const Value* member = Find(field, Kind::kArray, expected);
  if (member == nullptr) return {};
  const size_t count = member->children.size();
  if (count >= range.min && count <= range.max) return member->children;
  Expected(*member, expected, "it has " + PluralOf(count, "element"));
  return {};
}

}  // namespace nokv::config
