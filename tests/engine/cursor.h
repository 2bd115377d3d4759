// A position among sorted rows: how a model or a peer answers what an iterator is asked.
//
// Thread-safety: none.
#pragma once

#include "engine/base/random.h"
#include "engine/iterator.h"
#include "engine/options.h"
#include "tests/engine/model.h"

#include <string>
#include <string_view>

namespace nokv::tests {

class Cursor {
 public:
  virtual ~Cursor() = default;

  virtual bool Valid() = 0;
  virtual void SeekToFirst() = 0;
  virtual void SeekToLast() = 0;
  virtual void Seek(std::string_view target) = 0;
  virtual void SeekForPrev(std::string_view target) = 0;
  virtual void Next() = 0;
  virtual void Prev() = 0;
  virtual std::string_view key() = 0;
  virtual std::string_view value() = 0;
};

// Over rows that all count as visible; the bounds are those of IteratorOptions.
class ModelCursor final : public Cursor {
 public:
  ModelCursor(Rows rows, std::string_view lower_bound, std::string_view upper_bound);

  bool Valid() override { return at_ != rows_.end(); }

  void SeekToFirst() override { at_ = rows_.begin(); }

  void SeekToLast() override { at_ = rows_.empty() ? rows_.end() : std::prev(rows_.end()); }

  void Seek(std::string_view target) override { at_ = rows_.lower_bound(target); }

  void SeekForPrev(std::string_view target) override;

  void Next() override { ++at_; }

  void Prev() override { at_ = at_ == rows_.begin() ? rows_.end() : std::prev(at_); }

  std::string_view key() override { return at_->first; }

  std::string_view value() override { return *at_->second.value; }

 private:
  Rows rows_;
  Rows::const_iterator at_;
};

// Moves both in the same random way for `steps` steps. In words where they part, or empty.
std::string WalkTogether(Iterator& iterator, Cursor& cursor, bool keys_only, Random& random,
                         const std::vector<std::string>& targets, int steps);

}  // namespace nokv::tests
