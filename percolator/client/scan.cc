// Scan: one region after the other, each cut to what lies in the range.
#include "percolator/client/operation.h"
#include "percolator/client/region_call.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace nokv::client {
namespace {

constexpr uint32_t kRowsPerCommand = 4096;
constexpr size_t kBytesPerCommand = 1 << 20;
constexpr char kFirstSystemByte = '\xff';

// A scan as a whole: what is left of the request, and what was found so far.
struct Progress {
  ScanRequest rest;
  ScanPage page;
  size_t bytes = 0;
  uint64_t deadline_nanos = 0;
  Done<ScanPage> done;
};

// The part of a scan that lies in one region, or a piece of it.
class ScanCall final : public RegionCall {
 public:
  static void Start(Core& core, std::shared_ptr<Progress> progress) {
    const ScanRequest& rest = progress->rest;
    Goal goal{.key = rest.is_reverse ? rest.end : rest.start,
              .is_before = rest.is_reverse,
              .deadline_nanos = progress->deadline_nanos};
    const std::shared_ptr<ScanCall> call(new ScanCall(core, std::move(goal), std::move(progress)));
    call->Locate();
  }

 private:
  ScanCall(Core& core, Goal goal, std::shared_ptr<Progress> progress)
      : RegionCall(core, std::move(goal)), progress_(std::move(progress)) {}

  void Build(const meta::v1::Region& region, kv::v1::Command* command) override {
    const ScanRequest& rest = progress_->rest;
    kv::v1::ScanRequest& request = *command->mutable_scan();
    request.set_start_key(std::max(rest.start, region.start_key()));
    const bool ends_here =
        region.end_key().empty() || (!rest.end.empty() && rest.end < region.end_key());
    request.set_end_key(ends_here ? rest.end : region.end_key());
    request.set_limit(std::min(kRowsPerCommand,
                               rest.rows_max - static_cast<uint32_t>(progress_->page.rows.size())));
    request.set_bytes_max(
        static_cast<uint32_t>(std::min(kBytesPerCommand, rest.bytes_max - progress_->bytes)));
    request.set_read_ts(rest.at.bits());
    request.set_reverse(rest.is_reverse);
    request.set_key_only(rest.is_keys_only);
  }

  std::optional<Wait> Accept(const Answer& answer) override {
    kv::v1::ScanResponse& response = *answer.result.mutable_scan();
    if (response.has_key_error()) {
      if (response.key_error().has_locked()) return Wait::kLocked;
      Fail(StatusOf(response.key_error()));
      return std::nullopt;
    }
    absl::StatusOr<std::optional<std::string>> next =
        NextKey(response.page().next_key(), answer.region);
    if (!next.ok()) {
      Fail(next.status());
      return std::nullopt;
    }
    TakeRows(*response.mutable_page());
    const ScanRequest& rest = progress_->rest;
    const bool is_full =
        progress_->page.rows.size() >= rest.rows_max || progress_->bytes >= rest.bytes_max;
    if (!*next || is_full) {
      progress_->page.resume = *std::move(next);
      Finish(std::move(progress_->page));
      return std::nullopt;
    }
    (rest.is_reverse ? progress_->rest.end : progress_->rest.start) = **std::move(next);
    Start(core_, std::move(progress_));
    return std::nullopt;
  }

  // Where to go on, in this region or the next; nothing if the range is done. Internal if a store
  // sends the scan to where it has been.
  absl::StatusOr<std::optional<std::string>> NextKey(const std::string& in_region,
                                                     const meta::v1::Region& region) const {
    const ScanRequest& rest = progress_->rest;
    if (in_region.empty()) {
      const std::string& border = rest.is_reverse ? region.start_key() : region.end_key();
      const bool is_done =
          border.empty() ||
          (rest.is_reverse ? border <= rest.start : !rest.end.empty() && border >= rest.end);
      return is_done ? std::nullopt : std::optional<std::string>(border);
    }
    const bool moves_on = in_region > rest.start && (rest.end.empty() || in_region < rest.end);
    if (!moves_on) {
      return InternalError("{}: the store answered to go on at {}", Describe(),
                           mvcc::ShowKey(in_region));
    }
    return std::optional<std::string>(in_region);
  }

  void TakeRows(kv::v1::ScanPage& page) {
    for (kv::v1::KeyValue& pair : *page.mutable_pairs()) {
      progress_->bytes += pair.key().size() + pair.value().size();
      progress_->page.rows.push_back({.key = std::move(*pair.mutable_key()),
                                      .value = {.bytes = std::move(*pair.mutable_value()),
                                                .commit = mvcc::Timestamp(pair.commit_ts()),
                                                .expiry_ms = pair.expiry_ms()}});
    }
  }

  void Fail(const absl::Status& status) override { Finish(status); }

  std::string Describe() const override {
    return fmt::format("scan of keys from {} to {}", mvcc::ShowKey(progress_->rest.start),
                       mvcc::ShowKey(progress_->rest.end));
  }

  void Finish(absl::StatusOr<ScanPage> page) {
    End<ScanPage>(core_, std::move(progress_->done), std::move(page));
  }

  std::shared_ptr<Progress> progress_;
};

absl::Status CheckScan(const ScanRequest& request) {
  if (!request.at.is_drawn()) {
    return InvalidArgumentError("a range is read at a timestamp that was drawn, not at {}",
                                request.at.bits());
  }
  if (request.rows_max == 0 || request.bytes_max == 0) {
    return InvalidArgumentError("a page of {} rows and {} bytes holds nothing", request.rows_max,
                                request.bytes_max);
  }
  const size_t bound_bytes = std::max(request.start.size(), request.end.size());
  if (bound_bytes > mvcc::kUserKeyBytesMax) {
    return InvalidArgumentError("the bound of a scan has {} bytes, keys have at most {}",
                                bound_bytes, mvcc::kUserKeyBytesMax);
  }
  return absl::OkStatus();
}

}  // namespace

void StartScan(Core& core, ScanRequest request, Done<ScanPage> done) {
  if (!Begin(core, CheckScan(request), done)) return;
  if (core.environment.options.key_owner == mvcc::KeyOwner::kClient) {
    const std::string system_start(1, kFirstSystemByte);
    if (request.end.empty() || request.end > system_start) request.end = system_start;
  }
  if (!request.end.empty() && request.start >= request.end) {
    return End<ScanPage>(core, std::move(done), ScanPage());
  }
  const auto progress = std::make_shared<Progress>();
  progress->deadline_nanos = core.environment.DeadlineAfter(request.timeout);
  progress->rest = std::move(request);
  progress->done = std::move(done);
  ScanCall::Start(core, progress);
}

}  // namespace nokv::client
