#include "raftstore/raft/config_change.h"

#include "engine/base/check.h"
#include "engine/base/codec.h"

#include <fmt/ranges.h>

#include <algorithm>

namespace nokv::raft {
namespace {

constexpr char kFormatVersion = 1;

bool Has(const std::vector<PeerId>& set, PeerId peer) {
  return std::binary_search(set.begin(), set.end(), peer);
}

void Insert(std::vector<PeerId>& set, PeerId peer) {
  const auto at = std::lower_bound(set.begin(), set.end(), peer);
  if (at == set.end() || *at != peer) set.insert(at, peer);
}

void Erase(std::vector<PeerId>& set, PeerId peer) {
  const auto at = std::lower_bound(set.begin(), set.end(), peer);
  if (at != set.end() && *at == peer) set.erase(at);
}

bool IsAscending(const std::vector<PeerId>& set) {
  return std::adjacent_find(set.begin(), set.end(), std::greater_equal<>()) == set.end();
}

// Voters that are in one set and not in the other.
size_t Difference(const std::vector<PeerId>& a, const std::vector<PeerId>& b) {
  std::vector<PeerId> difference;
  std::set_symmetric_difference(a.begin(), a.end(), b.begin(), b.end(),
                                std::back_inserter(difference));
  return difference.size();
}

absl::Status Do(const ConfigChange::Step& step, Configuration& to) {
  const PeerId peer = step.peer;
  if (peer == kNobody || peer >= kCountMax) return InvalidArgumentError("{} is no peer id", peer);
  const bool is_known = to.Contains(peer);
  if (step.op == ConfigChange::Op::kRemove) {
    if (!is_known) return InvalidArgumentError("peer {} to be removed is not in the group", peer);
    Erase(to.voters, peer);
    Erase(to.learners, peer);
    Erase(to.learners_next, peer);
    return absl::OkStatus();
  }
  if (!is_known && peer <= to.highest_id) {
    return InvalidArgumentError("peer id {} is not above {}, the highest that the group has had",
                                peer, to.highest_id);
  }
  to.highest_id = std::max(to.highest_id, peer);
  if (step.op == ConfigChange::Op::kAddVoter) {
    Erase(to.learners, peer);
    Erase(to.learners_next, peer);
    Insert(to.voters, peer);
    return absl::OkStatus();
  }
  Erase(to.voters, peer);
  if (Has(to.voters_outgoing, peer)) {
    Insert(to.learners_next, peer);  // It still votes; it can't be both.
  } else {
    Insert(to.learners, peer);
  }
  return absl::OkStatus();
}

Configuration Leave(Configuration joint) {
  for (const PeerId peer : joint.learners_next) Insert(joint.learners, peer);
  joint.learners_next.clear();
  joint.voters_outgoing.clear();
  joint.auto_leave = false;
  return joint;
}

absl::Status DoAll(const ConfigChange& change, Configuration& to) {
  if (change.steps.empty()) return InvalidArgumentError("a configuration change without steps");
  std::vector<PeerId> seen;
  for (const ConfigChange::Step& step : change.steps) {
    if (Has(seen, step.peer)) return InvalidArgumentError("two steps for peer {}", step.peer);
    Insert(seen, step.peer);
    RETURN_IF_ERROR(Do(step, to));
  }
  if (to.voters.empty()) return InvalidArgumentError("the change would leave no voter");
  return Validate(to);
}

}  // namespace

bool Configuration::IsVoter(PeerId peer) const {
  return Has(voters, peer) || Has(voters_outgoing, peer);
}

bool Configuration::Contains(PeerId peer) const {
  return IsVoter(peer) || Has(learners, peer) || Has(learners_next, peer);
}

Configuration MakeConfiguration(std::vector<PeerId> voters, std::vector<PeerId> learners) {
  Configuration made{.voters = std::move(voters), .learners = std::move(learners)};
  std::sort(made.voters.begin(), made.voters.end());
  std::sort(made.learners.begin(), made.learners.end());
  if (!made.voters.empty()) made.highest_id = made.voters.back();
  if (!made.learners.empty()) made.highest_id = std::max(made.highest_id, made.learners.back());
  return made;
}

absl::Status Validate(const Configuration& c) {
  size_t peers = 0;
  for (const auto* set : {&c.voters, &c.voters_outgoing, &c.learners, &c.learners_next}) {
    if (!IsAscending(*set)) return InvalidArgumentError("peers out of order in {}", ToString(c));
    if (!set->empty() && (set->front() == kNobody || set->back() > c.highest_id)) {
      return InvalidArgumentError("peer ids outside [1, {}] in {}", c.highest_id, ToString(c));
    }
    peers += set->size();
  }
  if (peers > 2 * kPeersMax) return InvalidArgumentError("{} peers are too many", peers);
  for (const PeerId peer : c.learners) {
    if (c.IsVoter(peer)) return InvalidArgumentError("peer {} learns and votes", peer);
  }
  for (const PeerId peer : c.learners_next) {
    if (!Has(c.voters_outgoing, peer) || Has(c.voters, peer)) {
      return InvalidArgumentError("peer {} waits to be a learner, but is no leaving voter", peer);
    }
  }
  if (!c.is_joint() && (c.auto_leave || !c.learners_next.empty())) {
    return InvalidArgumentError("a configuration that is not joint has nothing to leave");
  }
  if (c.voters.empty() && (c.is_joint() || !c.learners.empty())) {
    return InvalidArgumentError("a group without voters: {}", ToString(c));
  }
  return absl::OkStatus();
}

absl::StatusOr<Configuration> Apply(const Configuration& before, const ConfigChange& change) {
  if (change.transition == ConfigChange::Transition::kLeave) {
    if (!before.is_joint())
      return FailedPreconditionError("the group is in no joint configuration");
    if (!change.steps.empty()) return InvalidArgumentError("leaving takes no steps");
    return Leave(before);
  }
  if (before.is_joint()) {
    return FailedPreconditionError("the group must leave its joint configuration first: {}",
                                   ToString(before));
  }
  if (change.transition == ConfigChange::Transition::kAuto) {
    Configuration direct = before;
    RETURN_IF_ERROR(DoAll(change, direct));
    if (Difference(before.voters, direct.voters) <= 1) return direct;
  }
  Configuration joint = before;
  joint.voters_outgoing = before.voters;
  joint.auto_leave = change.transition != ConfigChange::Transition::kJointExplicit;
  RETURN_IF_ERROR(DoAll(change, joint));
  return joint;
}

std::string Encode(const ConfigChange& change) {
  std::string bytes;
  bytes.push_back(kFormatVersion);
  bytes.push_back(static_cast<char>(change.transition));
  PutVarint(bytes, change.steps.size());
  for (const ConfigChange::Step& step : change.steps) {
    bytes.push_back(static_cast<char>(step.op));
    PutVarint(bytes, step.peer);
  }
  bytes.append(change.context);
  return bytes;
}

absl::StatusOr<ConfigChange> DecodeConfigChange(std::string_view bytes) {
  const auto broken = [&bytes](std::string_view what) {
    return DataLossError("a configuration change of {} bytes: {}", bytes.size(), what);
  };
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  if (bytes.size() < 3) return broken("cut short");
  if (*at != kFormatVersion) {
    return UnimplementedError("configuration change of version {}, not {}", int{*at},
                              int{kFormatVersion});
  }
  ++at;
  ConfigChange change;
  if (static_cast<uint8_t>(*at) > 3) return broken("an unknown transition");
  change.transition = static_cast<ConfigChange::Transition>(*at++);
  uint64_t steps = 0;
  at = DecodeVarint(at, end, &steps);
  if (at == nullptr || steps > 2 * kPeersMax) return broken("too many steps");
  for (uint64_t i = 0; i < steps; ++i) {
    ConfigChange::Step step;
    if (at == end || static_cast<uint8_t>(*at) > 2) return broken("an unknown step");
    step.op = static_cast<ConfigChange::Op>(*at++);
    at = DecodeVarint(at, end, &step.peer);
    if (at == nullptr) return broken("a peer id cut short");
    change.steps.push_back(step);
  }
  if (static_cast<size_t>(end - at) > kContextBytesMax) return broken("too long a context");
  change.context.assign(at, end);
  return change;
}

std::string ToString(const Configuration& c) {
  std::string text = fmt::format("voters=({})", fmt::join(c.voters, " "));
  if (c.is_joint()) text += fmt::format(" outgoing=({})", fmt::join(c.voters_outgoing, " "));
  if (!c.learners.empty()) text += fmt::format(" learners=({})", fmt::join(c.learners, " "));
  if (!c.learners_next.empty()) text += fmt::format(" next=({})", fmt::join(c.learners_next, " "));
  if (c.auto_leave) text += " auto-leave";
  return text;
}

}  // namespace nokv::raft
