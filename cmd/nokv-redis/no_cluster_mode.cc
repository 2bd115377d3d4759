// In builds without a cluster: the command line does not offer one.
#include "cmd/nokv-redis/modes.h"

namespace nokv::redis {

absl::Status ServeCluster(const Settings& /*settings*/) {
  return UnimplementedError("this build serves no clusters");
}

absl::StatusOr<std::string> PdAddressOf(const std::string& /*config*/,
                                        const std::string& /*scope*/) {
  return UnimplementedError("this build serves no clusters");
}

}  // namespace nokv::redis
