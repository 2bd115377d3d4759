#include "tests/engine/model.h"

#include "engine/base/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace nokv::tests {
namespace {

std::string Describe(const Stored& stored) {
  return fmt::format("{} ({} bytes, expiry {})", Quote(*stored.value), stored.value->size(),
                     stored.expiry_ms);
}

// The bytes behind the header of a value: a cheap sequence that differs for each key and version.
void AppendFiller(std::string& value, std::string_view key, uint64_t version, size_t size_bytes) {
  uint64_t word = version * 0x9e3779b97f4a7c15ull + std::hash<std::string_view>()(key);
  while (value.size() < size_bytes) {
    word = word * 6364136223846793005ull + 1442695040888963407ull;
    value.push_back(static_cast<char>('a' + (word >> 59) % 26));
  }
}

absl::Status ReadFamily(DB& db, ColumnFamilyHandle family, State& state) {
  IteratorOptions options;
  options.column_family = family;
  const std::unique_ptr<Iterator> iterator = db.NewIterator(options);
  std::string previous;
  std::string got;
  bool is_first = true;
  for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next()) {
    const std::string key(iterator->key());
    const std::string value(iterator->value());
    const uint64_t expiry_ms = iterator->expiry_ms();
    RETURN_IF_ERROR(iterator->status());
    if (!is_first && key <= previous) {
      return InternalError("iterator went from {} to {}", Quote(previous), Quote(key));
    }
    ASSIGN_OR_RETURN(const bool is_found, db.Get({.column_family = family}, key, &got));
    if (!is_found || got != value) {
      return InternalError("family {}: the iterator has {} = {}, but Get() answers {}", family.id,
                           Quote(key), Quote(value), is_found ? Quote(got) : "absent");
    }
    state.Apply(Change{ChangeKind::kSet, family, expiry_ms, key, value});
    previous = key;
    is_first = false;
  }
  return iterator->status();
}

}  // namespace

void State::Apply(const WriteBatch& batch) {
  batch.ForEach([this](const Change& change) { Apply(change); });
}

void State::Apply(const Change& change) {
  Rows& rows = families_[change.column_family.id];
  switch (change.kind) {
    case ChangeKind::kSet:
      rows.insert_or_assign(
          std::string(change.key),
          Stored{std::make_shared<const std::string>(change.value), change.expiry_ms});
      break;
    case ChangeKind::kDelete:
      if (const auto row = rows.find(change.key); row != rows.end()) rows.erase(row);
      break;
    case ChangeKind::kDeleteRange:
      if (change.key < change.value) {
        rows.erase(rows.lower_bound(change.key), rows.lower_bound(change.value));
      }
      break;
  }
  if (rows.empty()) families_.erase(change.column_family.id);
}

const Rows& State::rows(ColumnFamilyHandle family) const {
  static const Rows kNone;
  const auto found = families_.find(family.id);
  return found == families_.end() ? kNone : found->second;
}

const Stored* State::Find(ColumnFamilyHandle family, std::string_view key, uint64_t now_ms) const {
  const Rows& all = rows(family);
  const auto row = all.find(key);
  return row != all.end() && row->second.IsVisibleAt(now_ms) ? &row->second : nullptr;
}

State State::VisibleAt(uint64_t now_ms, const std::vector<ColumnFamilyHandle>& families) const {
  State visible;
  for (const ColumnFamilyHandle family : families) {
    for (const auto& [key, stored] : rows(family)) {
      if (stored.IsVisibleAt(now_ms)) visible.families_[family.id].emplace(key, stored);
    }
  }
  return visible;
}

size_t State::row_count() const {
  size_t count = 0;
  for (const auto& [id, rows] : families_) count += rows.size();
  return count;
}

uint64_t State::user_bytes() const {
  uint64_t bytes = 0;
  for (const auto& [id, rows] : families_) {
    for (const auto& [key, stored] : rows) bytes += key.size() + stored.value->size();
  }
  return bytes;
}

std::string Difference(const State& expected, const State& found) {
  constexpr int kLinesMax = 5;
  int lines = 0;
  std::string text;
  const auto add = [&](uint16_t id, const std::string& key, const std::string& what) {
    if (++lines <= kLinesMax) text += fmt::format("  family {}, {}: {}\n", id, Quote(key), what);
  };
  for (const auto& [id, rows] : expected.families_) {
    const Rows& other = found.rows({id});
    for (const auto& [key, stored] : rows) {
      const auto row = other.find(key);
      if (row == other.end()) {
        add(id, key, "missing " + Describe(stored));
      } else if (!(row->second == stored)) {
        add(id, key, fmt::format("is {}, not {}", Describe(row->second), Describe(stored)));
      }
    }
  }
  for (const auto& [id, rows] : found.families_) {
    const Rows& other = expected.rows({id});
    for (const auto& [key, stored] : rows) {
      if (!other.contains(key)) add(id, key, "should not be there: " + Describe(stored));
    }
  }
  if (lines > kLinesMax) text += fmt::format("  and {} more\n", lines - kLinesMax);
  return text;
}

std::vector<ColumnFamilyHandle> Contents::handles() const {
  std::vector<ColumnFamilyHandle> handles;
  for (const auto& [name, handle] : families) handles.push_back(handle);
  return handles;
}

absl::StatusOr<Contents> ReadEverything(DB& db) {
  Contents contents;
  contents.families = db.ListColumnFamilies();
  std::sort(contents.families.begin(), contents.families.end(),
            [](const auto& a, const auto& b) { return a.second.id < b.second.id; });
  for (const auto& [name, family] : contents.families) {
    RETURN_IF_ERROR(ReadFamily(db, family, contents.state));
  }
  return contents;
}

std::string MakeValue(std::string_view key, uint64_t version, size_t size_bytes) {
  std::string value = fmt::format("{}#{}#", key, version);
  AppendFiller(value, key, version, size_bytes);
  return value;
}

bool ParseValue(std::string_view key, std::string_view value, uint64_t* version) {
  if (!value.starts_with(key) || value.size() < key.size() + 3 || value[key.size()] != '#') {
    return false;
  }
  const char* const begin = value.data() + key.size() + 1;
  const char* const end = value.data() + value.size();
  const auto [stop, error] = std::from_chars(begin, end, *version);
  if (error != std::errc() || stop == end || *stop != '#') return false;
  return MakeValue(key, *version, value.size()) == value;
}

std::string Quote(std::string_view bytes) {
  constexpr size_t kShownMax = 40;
  std::string text = "'";
  for (const char byte : bytes.substr(0, kShownMax)) {
    if (byte >= ' ' && byte <= '~') {
      text.push_back(byte);
    } else {
      text += fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
    }
  }
  return text + (bytes.size() > kShownMax ? "...'" : "'");
}

}  // namespace nokv::tests
