// Conversations between peers as text: what a script says is done, what comes of it is written
// down.
//
// A script is a list of blocks. A block is one or more commands, a line "----", and what they
// brought about, up to an empty line; "#" begins a comment. RunScript() returns the script with
// what really came about, so that a golden script equals its own run.
//
//   cluster voters=1,2,3      a group; also learners=, newcomers=, and options such as
//   pre-vote=off,
//                             check-quorum=off, lease=on, slow-disks=on, uncommitted=BYTES,
//                             inflight=MESSAGES, message-bytes=BYTES, applying=BYTES
//   campaign 1                starts an election
//   elect 1                   starts it and settles
//   tick 1 20                 lets time pass for a peer, or for all of them
//   propose 1 x y [term=2]    proposes entries, of the present term if none is said
//   change 1 add=4 learner=3 remove=1 [joint|explicit|leave]
//   transfer 1 2              hands leadership of 1 to 2
//   read 1 7                  asks for a read index with a context
//   deliver [TYPE] [FROM>TO]  delivers what is on the way now and matches, and prints it
//   drop [TYPE] [FROM>TO]     loses it
//   repeat [TYPE] [FROM>TO]   delivers it, and it will arrive once more
//   settle [trace]            delivers and completes writes until nothing is left; prints messages
//                             only with trace
//   sync 1                    the oldest write of a peer is durable
//   crash 1 [2]               a peer goes down; of its writes that are pending the first 2 were
//   done restart 1                 it starts from its disk cut 1>2 2>1               links that
//   carry nothing from now on; "heal" ends that compact 1 5               a peer forgets its log up
//   to index 5, and can give a snapshot instead snapshot 1 2 failed       what became of the
//   snapshot that 1 sent to 2; or: delivered unreachable 1 2           1 is told that its messages
//   to 2 were lost state [1 2]               prints peers; "progress 1" prints how a leader sees
//   the others
//
// Thread-safety: none.
#pragma once

#include <string>
#include <string_view>

namespace nokv::raft::testing {

std::string RunScript(std::string_view text);

}  // namespace nokv::raft::testing
