#include "cmd/serve/addresses.h"

#include <optional>
#include <utility>

namespace nokv::serve {
namespace {

// Two lanes to a store begin together, and an answer serves both.
constexpr uint64_t kAskNanosMin = 1'000'000'000;

}  // namespace

void Addresses::Resolve(transport::StoreId store,
                        std::function<void(const absl::StatusOr<std::string>&)> done) {
  std::optional<std::string> known;
  bool is_unknown = false;
  bool should_ask = false;
  {
    MutexLock lock(mutex_);
    if (const auto found = known_.find(store); found != known_.end()) known = found->second;
    should_ask = ShouldAskLocked();
    is_unknown = !known && !is_asking_;
    if (!known && is_asking_) waiting_.push_back({.store = store, .done = std::move(done)});
  }
  if (should_ask) Ask({});
  if (known) done(*known);
  if (is_unknown) done(UnavailableError("nobody knows the address of store {}", store));
}

bool Addresses::ShouldAskLocked() {
  const uint64_t now = clock_.MonotonicNanos();
  if (is_asking_ || (has_asked_ && now - asked_nanos_ < kAskNanosMin)) return false;
  is_asking_ = true;
  has_asked_ = true;
  asked_nanos_ = now;
  return true;
}

// One page of routes after the other.
void Addresses::Ask(const std::string& start_key) {
  pd::v1::ScanRegionsRequest request;
  request.set_cluster_id(cluster_id_);
  request.set_start_key(start_key);
  pd_.ScanRegions(std::move(request), [weak = weak_from_this(), start_key](const auto& response) {
    if (const auto self = weak.lock()) self->OnRoutes(start_key, response);
  });
}

void Addresses::OnRoutes(const std::string& start_key,
                         const absl::StatusOr<pd::v1::ScanRegionsResponse>& response) {
  std::vector<std::pair<Waiting, absl::StatusOr<std::string>>> answers;
  std::string next;
  {
    MutexLock lock(mutex_);
    if (response.ok()) {
      for (const pd::v1::Route& route : response->routes()) {
        next = route.region().end_key();
        for (const meta::v1::Store& store : route.stores()) {
          if (!store.address().empty()) known_[store.id()] = store.address();
        }
      }
    }
    if (next <= start_key) next.clear();  // The last page, or one that leads nowhere.
    is_asking_ = !next.empty();
    for (Waiting& waiting : std::exchange(waiting_, {})) {
      if (const auto found = known_.find(waiting.store); found != known_.end()) {
        answers.emplace_back(std::move(waiting), found->second);
      } else if (is_asking_) {
        waiting_.push_back(std::move(waiting));
      } else {
        const absl::Status why =
            response.ok() ? UnavailableError("nobody knows the address of store {}", waiting.store)
                          : response.status();
        answers.emplace_back(std::move(waiting), why);
      }
    }
  }
  for (const auto& [waiting, answer] : answers) waiting.done(answer);
  if (!next.empty()) Ask(next);
}

}  // namespace nokv::serve
