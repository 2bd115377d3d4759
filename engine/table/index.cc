#include "engine/table/index.h"

#include "engine/base/codec.h"
#include "engine/table/entry_codec.h"

#include <algorithm>

namespace nokv::table {

void IndexBuilder::Add(std::string_view separator, Sequence sequence, uint64_t content_bytes) {
  const size_t shared = CommonPrefix(last_, separator);
  PutVarint(entries_, shared);
  PutVarint(entries_, separator.size() - shared);
  entries_.append(separator.substr(shared));
  PutVarint(entries_, sequence);
  PutVarint(entries_, content_bytes);
  last_.assign(separator);
  ++count_;
}

std::string IndexBuilder::Finish() const {
  std::string content;
  PutVarint(content, count_);
  return content.append(entries_);
}

std::string_view ShortestSeparator(std::string_view last, std::string_view next, size_t shared) {
  // One byte more than both share is above `last`, and below `next` if it is not all of it.
  return shared + 1 < next.size() && shared + 1 < last.size() ? next.substr(0, shared + 1) : last;
}

std::optional<Index> Index::Decode(std::string_view content, Section data) {
  Index index;
  if (!index.Load(content, data)) return std::nullopt;
  return index;
}

bool Index::Load(std::string_view content, Section data) {
  Decoder decoder(content);
  uint64_t count = 0;
  if (!decoder.Varint(&count) || count > decoder.remaining()) return false;
  std::vector<std::string> separators;
  bool any_sequence = false;
  offsets_.push_back(data.offset);
  for (uint64_t i = 0; i < count; ++i) {
    uint64_t shared = 0;
    uint64_t content_bytes = 0;
    Sequence sequence = 0;
    std::string_view suffix;
    if (!decoder.Varint(&shared) || !decoder.LengthPrefixed(&suffix) ||
        !decoder.Varint(&sequence) || !decoder.Varint(&content_bytes)) {
      return false;
    }
    const std::string_view last = i == 0 ? std::string_view() : separators.back();
    const uint64_t room = data.end() - offsets_.back();
    // A block holds its last key in full, and no separator is longer than that: together they are
    // no larger than the file, however often they share.
    if (shared > last.size() || content_bytes > room || room - content_bytes < kBlockTrailerBytes ||
        shared + suffix.size() > content_bytes) {
      return false;
    }
    std::string separator(last.substr(0, shared));
    separator.append(suffix);
    if (i > 0 && CompareVersions(last, sequences_.back(), separator, sequence) >= 0) return false;
    separators.push_back(std::move(separator));
    sequences_.push_back(sequence);
    any_sequence = any_sequence || sequence != 0;
    offsets_.push_back(offsets_.back() + content_bytes + kBlockTrailerBytes);
  }
  if (!decoder.done() || offsets_.back() != data.end()) return false;
  if (!any_sequence) sequences_ = {};
  SplitSeparators(separators);
  return true;
}

void Index::SplitSeparators(const std::vector<std::string>& separators) {
  if (separators.empty()) return;
  const size_t common = CommonPrefix(separators.front(), separators.back());
  common_ = separators.front().substr(0, common);
  heads_.reserve(separators.size());
  rest_ends_.reserve(separators.size());
  for (const std::string& separator : separators) {
    const std::string_view rest = std::string_view(separator).substr(common);
    heads_.push_back(KeyHead(rest));
    rests_.append(rest);
    rest_ends_.push_back(rests_.size());
  }
}

size_t Index::Find(std::string_view key, Sequence sequence) const {
  const int order = key.substr(0, common_.size()).compare(common_);
  if (order != 0) return order < 0 ? 0 : blocks();
  const std::string_view rest = key.substr(common_.size());
  const uint64_t head = KeyHead(rest);
  size_t at = LowerBound(heads_.data(), heads_.size(), head);
  if (at == heads_.size() || heads_[at] != head) return at;

  // Separators with an equal head: the first that is not before the version.
  size_t count = LowerBound(heads_.data() + at, heads_.size() - at, head + 1);
  if (head == UINT64_MAX) count = heads_.size() - at;
  while (count > 0) {
    const size_t half = count / 2;
    if (CompareVersions(SeparatorRest(at + half), separator_sequence(at + half), rest, sequence) <
        0) {
      at += half + 1;
      count -= half + 1;
    } else {
      count = half;
    }
  }
  return at;
}

std::string_view Index::SeparatorRest(size_t number) const {
  const uint64_t from = number == 0 ? 0 : rest_ends_[number - 1];
  return std::string_view(rests_).substr(from, rest_ends_[number] - from);
}

std::string Index::separator(size_t number) const {
  return std::string(common_).append(SeparatorRest(number));
}

Sequence Index::separator_sequence(size_t number) const {
  return sequences_.empty() ? 0 : sequences_[number];
}

size_t Index::memory_bytes() const {
  return common_.capacity() + rests_.capacity() +
         sizeof(uint64_t) * (heads_.capacity() + offsets_.capacity() + sequences_.capacity() +
                             rest_ends_.capacity());
}

}  // namespace nokv::table
