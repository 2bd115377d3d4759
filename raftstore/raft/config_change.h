// Who belongs to a group, and how a change leads from one configuration to the next.
//
// A change of at most one voter goes there directly; majorities before and after it overlap. Any
// other goes through a joint configuration, in which both the incoming and the outgoing voters must
// agree (thesis section 4.3), and which a second, empty change leaves. A change takes effect when
// its entry is applied, and no other may be proposed until then.
//
// Invariants of a configuration: voters and learners are ascending and share no peer;
// outgoing voters exist only while joint; a peer that stops being a voter in a joint change and
// stays as a learner waits in `learners_next`, because it still votes among the outgoing.
//
// Ids only grow: a peer to be added must be above every id that the group ever had. So the id of a
// removed peer never returns, and what it once promised is never held against a newcomer.
//
// Thread-safety: values and pure functions.
#pragma once

#include "engine/base/status.h"
#include "raftstore/raft/entry.h"

#include <string>
#include <string_view>
#include <vector>

namespace nokv::raft {

inline constexpr size_t kPeersMax = 31;

struct Configuration {
  std::vector<PeerId> voters = {};
  std::vector<PeerId> voters_outgoing = {};  // Not empty exactly while joint.
  std::vector<PeerId> learners = {};
  std::vector<PeerId> learners_next = {};  // Become learners when the joint configuration is left.
  PeerId highest_id = kNobody;             // Of all peers that ever belonged to the group.
  bool auto_leave = false;                 // The leader leaves the joint configuration by itself.

  bool is_joint() const { return !voters_outgoing.empty(); }

  bool IsVoter(PeerId peer) const;  // In either set.
  bool Contains(PeerId peer) const;

  friend bool operator==(const Configuration&, const Configuration&) = default;
};

// A new group of these peers, given in any order.
Configuration MakeConfiguration(std::vector<PeerId> voters, std::vector<PeerId> learners = {});

// InvalidArgument that names the broken invariant. An empty configuration is valid: a peer that
// waits for its first snapshot has one.
absl::Status Validate(const Configuration& configuration);

struct ConfigChange {
  enum class Op : uint8_t {
    kAddVoter = 0,    // Adds a peer, or promotes a learner.
    kAddLearner = 1,  // Adds a peer, or demotes a voter.
    kRemove = 2,
  };
  enum class Transition : uint8_t {
    kAuto = 0,           // Direct where that is safe, else joint, left by itself.
    kJoint = 1,          // Joint, left by itself.
    kJointExplicit = 2,  // Joint, left by a change of kind kLeave that somebody proposes.
    kLeave = 3,          // Leaves the joint configuration; has no steps.
  };

  struct Step {
    Op op = Op::kAddVoter;
    PeerId peer = kNobody;

    friend bool operator==(const Step&, const Step&) = default;
  };

  Transition transition = Transition::kAuto;
  std::vector<Step> steps = {};
  std::string context = {};  // The proposer's; not looked at here. At most kContextBytesMax.

  friend bool operator==(const ConfigChange&, const ConfigChange&) = default;
};

inline constexpr size_t kContextBytesMax = 64 << 10;

// The configuration after the change; InvalidArgument for a step that cannot be done,
// FailedPrecondition for a change that does not fit the present state (joint or not).
absl::StatusOr<Configuration> Apply(const Configuration& before, const ConfigChange& change);

// The payload of an entry of kind kConfigChange, and back. DataLoss for bytes that are not one.
//   change := version u8 (1) | transition u8 | count varint | (op u8 | peer varint)* | context
std::string Encode(const ConfigChange& change);
absl::StatusOr<ConfigChange> DecodeConfigChange(std::string_view bytes);

// "voters=(1 2 3) outgoing=(1 2) learners=(4) next=(5) auto-leave", parts that are empty left out.
std::string ToString(const Configuration& configuration);

}  // namespace nokv::raft
