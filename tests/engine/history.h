// What was written, in order, and what of it a crash may take away: the oracle of the crash tests.
//
// A history is a state everything started from, and the batches submitted since. Three marks move
// along it, never past each other: durable <= acknowledged <= submitted.
//   After a power cut the database holds a prefix that reaches at least `durable`: the last write
//   acknowledged at L2, or covered by a completed SyncLog(), flush or checkpoint.
//   After the death of the process it holds a prefix that reaches at least `acknowledged`.
// In both cases nothing past `submitted`, no half of a batch, and nothing invented. Creating and
// dropping a column family is durable when it returns, whatever the log has lost.
//
// Thread-safety: none. Copies are cheap and independent: each crash point keeps one.
#pragma once

#include "tests/engine/model.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nokv::tests {

enum class Crash : uint8_t { kProcess, kPower };

class History {
 public:
  History();

  // --- A write, one at a time: Submit() and then one of the others, or a crash.

  void Submit(const WriteBatch& batch);
  void Acknowledge(Durability level);
  void Reject();  // Refused: it must not show, now or later.

  // Everything acknowledged survives a power cut from now on.
  void MarkDurable() { durable_ = acknowledged_; }

  // --- Column families, in the same way.

  void SubmitCreate(std::string_view name) { creating_ = std::string(name); }

  void AcknowledgeCreate(ColumnFamilyHandle family);

  void SubmitDrop(ColumnFamilyHandle family) { dropping_ = family; }

  void AcknowledgeDrop();

  std::vector<ColumnFamilyHandle> families() const;

  // The state with everything acknowledged.
  const State& newest() const { return newest_; }

  // --- After a crash.

  // In words what is wrong with `found`, which was read from the database at `now_ms` after
  // `crash`; empty if nothing is. If nothing is, the history goes on from there: what the crash
  // took is forgotten and must not come back.
  std::string Settle(const Contents& found, Crash crash, uint64_t now_ms);

  // The same without a crash: exactly what was acknowledged is there.
  std::string Compare(const Contents& found, uint64_t now_ms) const;

  std::string Describe() const;

 private:
  std::string SettleFamilies(const Contents& found);
  State StateAfter(size_t count) const;
  void Extend(State& state, size_t index) const;

  State base_;
  std::vector<std::shared_ptr<const WriteBatch>> batches_;
  size_t durable_ = 0;
  size_t acknowledged_ = 0;
  State newest_;

  std::map<uint16_t, std::string> families_;
  std::map<uint16_t, size_t> dropped_at_;  // Batches before this one left nothing in the family.
  std::optional<std::string> creating_;
  std::optional<ColumnFamilyHandle> dropping_;
};

}  // namespace nokv::tests
