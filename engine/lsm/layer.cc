#include "engine/lsm/layer.h"

#include <string>
#include <utility>

namespace nokv::lsm {
namespace {

class MemLayer final : public Layer {
 public:
  MemLayer(const MemTable& memtable, Sequence bound)
      : cursor_(memtable.NewCursor()), bound_(bound) {}

  void SeekToFirst() override {
    cursor_.SeekToFirst();
    SettleForward();
  }

  void SeekToLast() override {
    cursor_.SeekToLast();
    SettleBackward();
  }

  void Seek(std::string_view target) override {
    cursor_.Seek(target);
    SettleForward();
  }

  void SeekBefore(std::string_view target) override {
    cursor_.SeekForPrev(target);
    if (cursor_.Valid() && cursor_.node().key() == target) cursor_.Prev();
    SettleBackward();
  }

  void NextAfter(std::string_view) override {
    cursor_.Next();
    SettleForward();
  }

  void Prev() override {
    cursor_.Prev();
    SettleBackward();
  }

  absl::Status status() const override { return absl::OkStatus(); }

 private:
  // Stands where the cursor does, if a version is visible there.
  bool Settle() {
    const MemNode& node = cursor_.node();
    const MemVersion* const version =
        MemVersion::AtOrBelow(node.newest.load(std::memory_order_acquire), bound_);
    if (version == nullptr) return false;
    StandAt(node.key(), *version);
    return true;
  }

  void SettleForward() {
    for (; cursor_.Valid(); cursor_.Next()) {
      if (Settle()) return;
    }
    StandNowhere();
  }

  void SettleBackward() {
    for (; cursor_.Valid(); cursor_.Prev()) {
      if (Settle()) return;
    }
    StandNowhere();
  }

  KeyTree::Cursor cursor_;
  const Sequence bound_;
};

class TableLayer final : public Layer {
 public:
  TableLayer(std::unique_ptr<table::TableIterator> iterator, Sequence bound)
      : iterator_(std::move(iterator)), bound_(bound) {}

  void SeekToFirst() override {
    iterator_->SeekToFirst();
    SettleForward();
  }

  void SeekToLast() override {
    iterator_->SeekToLast();
    SettleBackward();
  }

  void Seek(std::string_view target) override {
    iterator_->Seek(target, bound_);
    SettleForward();
  }

  void SeekBefore(std::string_view target) override {
    iterator_->Seek(target, kSequenceMax);  // The newest version of the first key >= target.
    if (iterator_->Valid()) {
      iterator_->Prev();
    } else if (iterator_->status().ok()) {
      iterator_->SeekToLast();
    }
    SettleBackward();
  }

  void NextAfter(std::string_view key) override {
    do {
      iterator_->Next();
    } while (iterator_->Valid() && iterator_->entry().key == key);
    SettleForward();
  }

  void Prev() override {
    seen_.assign(iterator_->entry().key);
    do {
      iterator_->Prev();
    } while (iterator_->Valid() && iterator_->entry().key == seen_);
    SettleBackward();
  }

  absl::Status status() const override { return iterator_->status(); }

 private:
  // From the newest version of a key, or any of it, to the first visible one at or behind it.
  void SettleForward() {
    while (iterator_->Valid() && iterator_->entry().sequence > bound_) iterator_->Next();
    Note();
  }

  // The iterator stands on the oldest version of a key. Newer ones lie before it.
  void SettleBackward() {
    while (iterator_->Valid()) {
      if (iterator_->entry().sequence <= bound_) {
        seen_.assign(iterator_->entry().key);
        iterator_->Seek(seen_, bound_);
        break;
      }
      seen_.assign(iterator_->entry().key);
      do {
        iterator_->Prev();
      } while (iterator_->Valid() && iterator_->entry().key == seen_);
    }
    Note();
  }

  void Note() {
    if (iterator_->Valid()) {
      StandAt(iterator_->entry());
    } else {
      StandNowhere();
    }
  }

  const std::unique_ptr<table::TableIterator> iterator_;
  const Sequence bound_;
  std::string seen_;
};

}  // namespace

std::unique_ptr<Layer> NewMemLayer(const MemTable& memtable, Sequence bound) {
  return std::make_unique<MemLayer>(memtable, bound);
}

std::unique_ptr<Layer> NewTableLayer(std::unique_ptr<table::TableIterator> iterator,
                                     Sequence bound) {
  return std::make_unique<TableLayer>(std::move(iterator), bound);
}

}  // namespace nokv::lsm
