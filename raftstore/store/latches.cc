#include "raftstore/store/latches.h"

#include "engine/base/check.h"
#include "raftstore/store/planted.h"

#include <algorithm>
#include <utility>

namespace nokv::store {

bool Latches::Acquire(WriteId id, std::vector<std::string> keys) {
  Write write{.keys = std::move(keys)};
  for (const std::string& key : write.keys) {
    Line& line = lines_[key];
    if (!line.empty()) ++write.waits_for;
    line.push_back(id);
  }
  const bool holds = write.waits_for == 0;
  if (holds) write.held_since = Now();
  NOKV_CHECK(writes_.emplace(id, std::move(write)).second);
  return holds;
}

void Latches::SetCommit(WriteId id, mvcc::Timestamp commit) {
  const auto write = writes_.find(id);
  NOKV_CHECK(write != writes_.end() && write->second.held_since != 0);
  write->second.commit = commit;
}

void Latches::Release(WriteId id, std::vector<WriteId>& woken) {
  const auto leaving = writes_.find(id);
  if (leaving == writes_.end()) return;
  for (const std::string& key : leaving->second.keys) {
    const auto at = lines_.find(key);
    Line& line = at->second;
    const bool was_first = line.front() == id;
    line.erase(std::find(line.begin(), line.end(), id));
    if (line.empty()) {
      lines_.erase(at);
      continue;
    }
    if (!was_first) continue;
    Write& next = writes_.find(line.front())->second;
    if (--next.waits_for > 0) continue;
    next.held_since = Now();
    woken.push_back(line.front());
  }
  writes_.erase(leaving);
}

void Latches::Clear() {
  lines_.clear();
  writes_.clear();
}

bool Latches::IsBlocking(const Line& line, const ReadPoint& read) const {
  const Write& first = writes_.find(line.front())->second;
  if (first.held_since == 0 || first.held_since > read.came) return false;
  return first.commit == mvcc::Timestamp() || first.commit <= read.at;
}

bool Latches::Blocks(std::string_view key, const ReadPoint& read) const {
  if (read.at == mvcc::Timestamp::Max() || Planted(Bug::kReadIgnoresLatches)) return false;
  const auto line = lines_.find(key);
  return line != lines_.end() && IsBlocking(line->second, read);
}

bool Latches::BlocksAny(std::string_view start, std::string_view end, const ReadPoint& read) const {
  if (read.at == mvcc::Timestamp::Max() || Planted(Bug::kReadIgnoresLatches)) return false;
  for (auto at = lines_.lower_bound(start); at != lines_.end(); ++at) {
    if (!end.empty() && at->first >= end) return false;
    if (IsBlocking(at->second, read)) return true;
  }
  return false;
}

}  // namespace nokv::store
