#include "percolator/mvcc/version_walk.h"

#include <string>
#include <utility>

namespace nokv::mvcc {
namespace {

// A seek costs about as much as this many steps.
constexpr int kStepsBeforeSeek = 8;

// A record that comes with its value was read from the log, which costs about as much more.
constexpr size_t kBytesOfRecord = 256;

// A mark stands where its transaction began, a commit after it.
bool IsInPlace(const WriteHead& write, Timestamp at) {
  return write.kind == WriteKind::kRollback ? write.start == at : write.start < at;
}

std::string WithTimestamp(std::string_view prefix, Timestamp timestamp) {
  std::string key(prefix);
  AppendTimestamp(key, timestamp);
  return key;
}

}  // namespace

absl::Status AboutRecord(const absl::Status& status, Family family, std::string_view user_key,
                         Timestamp timestamp) {
  return {status.code(),
          AbslView(fmt::format("family {}, key {}, timestamp {}: {}", FamilyName(family),
                               ShowKey(user_key), timestamp.bits(), StdView(status.message())))};
}

VersionWalk::Answer VersionWalk::Seek(Timestamp timestamp) {
  cursor_.Seek(WithTimestamp(prefix_, timestamp));
  return Current();
}

VersionWalk::Answer VersionWalk::SeekFromNewest(Timestamp timestamp) {
  const std::string target = WithTimestamp(prefix_, timestamp);
  for (int step = 0; is_on_key() && cursor_.key() < target; ++step) {
    ++records_;
    if (step == kStepsBeforeSeek) {
      cursor_.Seek(target);
      break;
    }
    cursor_.Next();
  }
  return Current();
}

VersionWalk::Answer VersionWalk::Next() {
  cursor_.Next();
  return Current();
}

VersionWalk::Answer VersionWalk::SkipToVersion(Answer from) {
  while (from.ok() && from->has_value() && !IsVersion((*from)->write.kind)) from = Next();
  return from;
}

void VersionWalk::Leave() {
  for (int step = 0; is_on_key(); ++step) {
    if (step == kStepsBeforeSeek) {
      // One more than the prefix's last byte: past every timestamp, before every other key.
      std::string end(prefix_);
      ++end.back();
      cursor_.Seek(end);
      return;
    }
    cursor_.Next();
  }
}

absl::Status VersionWalk::CheckEnd() const {
  RETURN_IF_ERROR(cursor_.status());
  if (!cursor_.Valid() || cursor_.key().size() < prefix_.size()) return absl::OkStatus();
  const std::string_view found = cursor_.key().substr(0, prefix_.size());
  const std::string_view stem = prefix_.substr(0, prefix_.size() - 1);
  if (!found.starts_with(stem) || found.back() == '\xff') return absl::OkStatus();
  return DecodeUserKey(found).status();
}

VersionWalk::Answer VersionWalk::Current() {
  if (!is_on_key()) {
    RETURN_IF_ERROR(CheckEnd());
    return std::nullopt;
  }
  const std::string_view bytes = cursor_.value_head();
  RETURN_IF_ERROR(cursor_.status());
  records_ += 1 + bytes.size() / kBytesOfRecord;
  ASSIGN_OR_RETURN(const VersionKeyParts parts, SplitVersionKey(cursor_.key()));
  absl::StatusOr<WriteHead> write = DecodeWriteHead(bytes);
  if (parts.prefix.size() != prefix_.size()) {
    write = DataLossError("encoded key {} is too long", ShowKey(cursor_.key()));
  } else if (write.ok() && !IsInPlace(*write, parts.timestamp)) {
    write = DataLossError("write record of start {} is in the wrong place", write->start.bits());
  }
  if (write.ok()) return Version{.commit = parts.timestamp, .write = *write};
  return About(write.status(), parts.timestamp);
}

absl::Status VersionWalk::About(const absl::Status& status, Timestamp timestamp) const {
  ASSIGN_OR_RETURN(const std::string user_key, DecodeUserKey(prefix_));
  return AboutRecord(status, Family::kWrite, user_key, timestamp);
}

absl::StatusOr<WriteRecord> VersionWalk::Whole() const {
  absl::StatusOr<WriteRecord> record = DecodeWrite(cursor_.value());
  RETURN_IF_ERROR(cursor_.status());
  if (record.ok()) return record;
  ASSIGN_OR_RETURN(const VersionKeyParts parts, SplitVersionKey(cursor_.key()));
  return About(record.status(), parts.timestamp);
}

}  // namespace nokv::mvcc
