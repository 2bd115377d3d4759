#include "engine/table/table_iterator.h"

#include "engine/base/check.h"
#include "engine/base/epoch.h"
#include "engine/table/block_cursor.h"

#include <algorithm>
#include <string>
#include <utility>

namespace nokv::table {
namespace {

constexpr size_t kReadAheadBytes = 256 << 10;

// Reads blocks beside the cache. Takes from the cache what happens to be there, but leaves no mark
// in it. Thread-safety: none.
class SequentialReader {
 public:
  explicit SequentialReader(const TableFile& file) : file_(file) {}

  absl::StatusOr<BlockRef> Read(size_t number);

 private:
  absl::Status Fill(size_t number, Section block);

  const TableFile& file_;
  size_t expected_ = 0;  // The block after the one read last.
  uint64_t offset_ = 0;  // Of buffer_ in the file.
  std::string buffer_;
};

absl::StatusOr<BlockRef> SequentialReader::Read(size_t number) {
  if (BlockRef cached = file_.Peek(number); cached) {
    expected_ = number + 1;
    return cached;
  }
  const Section block = file_.sections().index.block(number);
  if (block.offset < offset_ || block.end() > offset_ + buffer_.size()) {
    RETURN_IF_ERROR(Fill(number, block));
  }
  expected_ = number + 1;
  return file_.Parse(number,
                     std::string_view(buffer_).substr(block.offset - offset_, block.size_bytes));
}

// Reads ahead only when the walk goes forward: for any other, what follows is not needed.
absl::Status SequentialReader::Fill(size_t number, Section block) {
  const uint64_t data_end = file_.sections().footer.data.end();
  uint64_t size = block.size_bytes;
  if (number == expected_) {
    size = std::max(size, std::min<uint64_t>(kReadAheadBytes, data_end - block.offset));
  }
  buffer_.resize(size);
  offset_ = block.offset;
  absl::Status status = file_.file().Read(offset_, size, buffer_.data());
  if (!status.ok()) buffer_.clear();
  return status;
}

class Iterator final : public TableIterator {
 public:
  Iterator(const TableFile& file, bool fill_cache)
      : file_(file), index_(file.sections().index), fill_cache_(fill_cache), sequential_(file) {}

  void SeekToFirst() override {
    EnterFirst(0);
    Note();
  }

  void SeekToLast() override {
    EnterLast(index_.blocks() - 1);  // Wraps past the end if there are no blocks.
    Note();
  }

  void Seek(std::string_view key, Sequence sequence) override;

  void Next() override {
    NOKV_DCHECK(Valid());
    cursor_.Next();
    if (cursor_.valid()) return;
    EnterFirst(number_ + 1);
    Note();
  }

  void Prev() override {
    NOKV_DCHECK(Valid());
    cursor_.Prev();
    if (cursor_.valid()) return;
    EnterLast(number_ - 1);
    Note();
  }

  absl::Status status() const override { return status_; }

 private:
  void Enter(size_t number);
  void EnterFirst(size_t number);
  void EnterLast(size_t number);

  // Always the same entry: only when the cursor stops or starts to be valid does this tell more.
  void Note() { StandAt(cursor_.valid() ? &cursor_.entry() : nullptr); }

  absl::StatusOr<BlockRef> Fetch(size_t number);

  const TableFile& file_;
  const Index& index_;
  const bool fill_cache_;
  SequentialReader sequential_;
  absl::Status status_;
  bool at_block_ = false;  // The cursor stands in block number_.
  size_t number_ = 0;
  BlockCursor cursor_;
};

void Iterator::Seek(std::string_view key, Sequence sequence) {
  Enter(index_.Find(key, sequence));
  if (at_block_) {
    cursor_.Seek(key, sequence);
    if (!cursor_.valid()) EnterFirst(number_ + 1);
  }
  Note();
}

void Iterator::EnterFirst(size_t number) {
  Enter(number);
  if (at_block_) cursor_.SeekToFirst();
}

void Iterator::EnterLast(size_t number) {
  Enter(number);
  if (at_block_) cursor_.SeekToLast();
}

// Stands in block `number`, at no entry yet; nowhere if there is no such block or it is damaged.
void Iterator::Enter(size_t number) {
  status_ = absl::OkStatus();
  const bool stays = at_block_ && number == number_;
  if (stays) return;
  at_block_ = false;
  cursor_.Reset({});
  if (number >= index_.blocks()) return;
  absl::StatusOr<BlockRef> block = Fetch(number);
  if (!block.ok()) {
    status_ = std::move(block).status();
    return;
  }
  cursor_.Reset(*std::move(block));
  number_ = number;
  at_block_ = true;
}

absl::StatusOr<BlockRef> Iterator::Fetch(size_t number) {
  if (!fill_cache_) return sequential_.Read(number);
  const EpochGuard guard;
  ASSIGN_OR_RETURN(Block* const block, file_.Load(number));
  return BlockRef(block);
}

}  // namespace

std::unique_ptr<TableIterator> NewTableIterator(const TableFile& file, bool fill_cache) {
  return std::make_unique<Iterator>(file, fill_cache);
}

}  // namespace nokv::table
