#include "engine/lsm/layer.h"

#include <string>
#include <utility>

namespace nokv::lsm {
namespace {

class MemLayer final : public Layer {
 public:
  MemLayer(const MemTable& memtable, Sequence bound)
      : cursor_(memtable.NewCursor()), bound_(bound) {}

  bool Valid() const override { return cursor_.Valid(); }

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

  std::string_view key() const override { return cursor_.node().key(); }

  Sequence sequence() const override { return version_->sequence; }

  const MemVersion* mem_version() const override { return version_; }

  absl::Status status() const override { return absl::OkStatus(); }

 private:
  bool IsVisible() {
    version_ = MemVersion::AtOrBelow(cursor_.node().newest.load(std::memory_order_acquire), bound_);
    return version_ != nullptr;
  }

  void SettleForward() {
    while (cursor_.Valid() && !IsVisible()) cursor_.Next();
  }

  void SettleBackward() {
    while (cursor_.Valid() && !IsVisible()) cursor_.Prev();
  }

  KeyTree::Cursor cursor_;
  const Sequence bound_;
  const MemVersion* version_ = nullptr;
};

class TableLayer final : public Layer {
 public:
  TableLayer(std::unique_ptr<table::TableIterator> iterator, Sequence bound)
      : iterator_(std::move(iterator)), bound_(bound) {}

  bool Valid() const override { return iterator_->Valid(); }

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
    key_.assign(iterator_->entry().key);
    do {
      iterator_->Prev();
    } while (iterator_->Valid() && iterator_->entry().key == key_);
    SettleBackward();
  }

  std::string_view key() const override { return iterator_->entry().key; }

  Sequence sequence() const override { return iterator_->entry().sequence; }

  const table::Entry* table_entry() const override { return &iterator_->entry(); }

  absl::Status status() const override { return iterator_->status(); }

 private:
  // From the newest version of a key, or any of it, to the first visible one at or behind it.
  void SettleForward() {
    while (iterator_->Valid() && iterator_->entry().sequence > bound_) iterator_->Next();
  }

  // The iterator stands on the oldest version of a key. Newer ones lie before it.
  void SettleBackward() {
    while (iterator_->Valid()) {
      if (iterator_->entry().sequence <= bound_) {
        key_.assign(iterator_->entry().key);
        iterator_->Seek(key_, bound_);
        return;
      }
      key_.assign(iterator_->entry().key);
      do {
        iterator_->Prev();
      } while (iterator_->Valid() && iterator_->entry().key == key_);
    }
  }

  const std::unique_ptr<table::TableIterator> iterator_;
  const Sequence bound_;
  std::string key_;
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
