#include "tests/engine/peer.h"

namespace nokv::tests {

std::unique_ptr<Peer> NewPeer() { return nullptr; }

}  // namespace nokv::tests
