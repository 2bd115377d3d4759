#include "pd/schedule/leader_balance.h"

#include <algorithm>
#include <map>
#include <utility>

namespace nokv::pd {
namespace {

class Planner {
 public:
  Planner(const Cluster& cluster, const OperatorBook& operators, const BalanceOptions& options,
          RegionId after, uint64_t now_ms)
      : cluster_(cluster),
        operators_(operators),
        options_(options),
        after_(after),
        now_ms_(now_ms) {}

  BalanceDecision Plan();

 private:
  StoreRole RoleOf(const Store& store) const;
  bool MayGive(const StoreVerdict& store) const;
  bool MustGive(const StoreVerdict& store) const;
  const StoreVerdict* LowestBut(StoreId source) const;
  const StoreVerdict* TargetFor(const KnownRegion& known, const StoreVerdict& source) const;
  bool TrySource(const StoreVerdict& source);
  bool TryRegion(RegionId id, const StoreVerdict& source);

  const Cluster& cluster_;
  const OperatorBook& operators_;
  const BalanceOptions& options_;
  const RegionId after_;
  const uint64_t now_ms_;
  std::map<StoreId, const StoreVerdict*> targets_;
  BalanceDecision decision_;
};

StoreRole Planner::RoleOf(const Store& store) const {
  const StoreId id = store.record.id;
  if (store.record.intent == StoreIntent::kTombstone) return StoreRole::kGone;
  if (!IsAlive(store, cluster_.liveness(), now_ms_)) return StoreRole::kSilent;
  if (!operators_.HasRoomOn(id)) return StoreRole::kHasOperators;
  const bool gives_only = store.record.intent == StoreIntent::kDraining || store.stats.is_busy;
  return gives_only ? StoreRole::kGivesOnly : StoreRole::kEven;
}

bool Planner::MayGive(const StoreVerdict& store) const {
  return (store.role == StoreRole::kEven || store.role == StoreRole::kGivesOnly) &&
         store.leaders > 0;
}

bool Planner::MustGive(const StoreVerdict& store) const {
  return store.state == StoreState::kDraining;
}

// The target with the fewest leaders; null if the source itself is the only one.
const StoreVerdict* Planner::LowestBut(StoreId source) const {
  const StoreVerdict* lowest = nullptr;
  for (const auto& [id, target] : targets_) {
    if (id == source) continue;
    if (lowest == nullptr || target->score < lowest->score) lowest = target;
  }
  return lowest;
}

// The store with the fewest leaders among those that have a peer fit to lead the region.
const StoreVerdict* Planner::TargetFor(const KnownRegion& known, const StoreVerdict& source) const {
  const StoreVerdict* best = nullptr;
  for (const Peer& peer : known.region.peers) {
    const auto target = targets_.find(peer.store);
    if (target == targets_.end() || peer.store == source.store) continue;
    const auto is_peer = [&peer](PeerId id) { return id == peer.id; };
    if (std::any_of(known.pending_peers.begin(), known.pending_peers.end(), is_peer)) continue;
    if (std::any_of(known.down_peers.begin(), known.down_peers.end(), is_peer)) continue;
    if (peer.role != PeerRole::kVoter) continue;
    if (best == nullptr || target->second->score < best->score) best = target->second;
  }
  if (best == nullptr || MustGive(source)) return best;
  return source.score - best->score >= options_.difference_min ? best : nullptr;
}

bool Planner::TryRegion(RegionId id, const StoreVerdict& source) {
  ++decision_.regions_examined;
  decision_.last_examined = id;
  const KnownRegion* const known = cluster_.regions().Find(id);
  if (known == nullptr || operators_.Find(id) != nullptr) return false;
  // Nobody moves a leader in the middle of a change of peers.
  const bool is_joint =
      std::any_of(known->region.peers.begin(), known->region.peers.end(), [](const Peer& peer) {
        return peer.role == PeerRole::kIncomingVoter || peer.role == PeerRole::kDemotingVoter;
      });
  if (is_joint) return false;
  const StoreVerdict* const target = TargetFor(*known, source);
  if (target == nullptr) return false;
  decision_.result = BalanceResult::kMove;
  decision_.move = Operator{.region = id,
                            .epoch = known->region.epoch,
                            .step = {.from = known->leader,
                                     .to = FindPeerOn(known->region, target->store)->id,
                                     .from_store = source.store,
                                     .to_store = target->store}};
  return true;
}

bool Planner::TrySource(const StoreVerdict& source) {
  const std::set<RegionId>& leaders = cluster_.LoadOf(source.store).leaders;
  auto next = leaders.upper_bound(after_);
  for (size_t i = std::min(leaders.size(), options_.candidates_max); i > 0; --i, ++next) {
    if (next == leaders.end()) next = leaders.begin();
    if (TryRegion(*next, source)) return true;
  }
  return false;
}

// 1. Judge each store. 2. Order the givers: who must give first, then by score. 3. Take the first
// region of the first giver that a peer elsewhere can lead.
BalanceDecision Planner::Plan() {
  decision_.last_examined = after_;
  for (const auto& [id, store] : cluster_.stores()) {
    const size_t leaders = cluster_.LoadOf(id).leaders.size();
    decision_.stores.push_back(
        {.store = id,
         .state = cluster_.StateOf(store, now_ms_),
         .role = RoleOf(store),
         .leaders = leaders,
         .score = static_cast<int64_t>(leaders) + operators_.InfluenceOn(id)});
  }
  std::vector<const StoreVerdict*> sources;
  for (const StoreVerdict& store : decision_.stores) {
    if (MayGive(store)) sources.push_back(&store);
    if (store.role == StoreRole::kEven) targets_.emplace(store.store, &store);
  }
  if (sources.empty() || targets_.empty()) {
    const bool is_temporary = std::any_of(
        decision_.stores.begin(), decision_.stores.end(),
        [](const StoreVerdict& store) { return store.role == StoreRole::kHasOperators; });
    decision_.result = is_temporary      ? BalanceResult::kTemporary
                       : sources.empty() ? BalanceResult::kNoSource
                                         : BalanceResult::kNoTarget;
    return std::move(decision_);
  }
  std::stable_sort(sources.begin(), sources.end(),
                   [this](const StoreVerdict* left, const StoreVerdict* right) {
                     if (MustGive(*left) != MustGive(*right)) return MustGive(*left);
                     return left->score > right->score;
                   });
  decision_.result = BalanceResult::kBalanced;
  for (const StoreVerdict* source : sources) {
    const StoreVerdict* const lowest = LowestBut(source->store);
    if (lowest == nullptr) {
      decision_.result = BalanceResult::kNoTarget;
      continue;
    }
    const bool is_worth_it = source->score - lowest->score >= options_.difference_min;
    if (!is_worth_it && !MustGive(*source)) continue;
    decision_.result = BalanceResult::kNoRegion;
    if (TrySource(*source)) break;
  }
  return std::move(decision_);
}

}  // namespace

std::string_view ToString(StoreRole role) {
  switch (role) {
    case StoreRole::kEven:
      return "may give and take leaders";
    case StoreRole::kGivesOnly:
      return "takes no leaders";
    case StoreRole::kSilent:
      return "silent";
    case StoreRole::kHasOperators:
      return "has enough operators";
    case StoreRole::kGone:
      return "gone";
  }
  return "";
}

std::string BalanceDecision::Explain() const {
  std::string text;
  switch (result) {
    case BalanceResult::kMove:
      text = fmt::format("region {}: its leader should move from store {} to store {}",
                         Number(move->region), Number(move->step.from_store),
                         Number(move->step.to_store));
      break;
    case BalanceResult::kBalanced:
      text = "leaders are balanced";
      break;
    case BalanceResult::kNoTarget:
      text = "no store may take a leader";
      break;
    case BalanceResult::kNoSource:
      text = "no store that can be told so leads a region";
      break;
    case BalanceResult::kNoRegion:
      text = fmt::format(
          "none of {} regions looked at has an idle, caught-up voter on a store with fewer leaders",
          regions_examined);
      break;
    case BalanceResult::kTemporary:
      text = "running operators come first";
      break;
  }
  for (const StoreVerdict& store : stores) {
    text += fmt::format("; store {}: {}, {} leaders, score {}", Number(store.store),
                        ToString(store.state), store.leaders, store.score);
    if (store.role != StoreRole::kEven) text += fmt::format(", {}", ToString(store.role));
  }
  return text;
}

BalanceDecision PlanLeaderBalance(const Cluster& cluster, const OperatorBook& operators,
                                  const BalanceOptions& options, RegionId after, uint64_t now_ms) {
  return Planner(cluster, operators, options, after, now_ms).Plan();
}

}  // namespace nokv::pd
