// The figures that a running process shows at /debug/vars.
//
// Thread-safety: pure but for the network.
#pragma once

#include "engine/base/status.h"

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace nokv::cli {

struct HttpAddress {
  std::string origin;  // "http://127.0.0.1:9100"
  std::string path;    // "/debug/vars"
};

// "127.0.0.1:9100", "http://127.0.0.1:9100" and "http://127.0.0.1:9100/debug/vars" mean the same.
// InvalidArgument for another scheme or no host.
absl::StatusOr<HttpAddress> ParseExpvarUrl(const std::string& url);

// The object under the key "NoKV.Stats". Unavailable if nobody answers there within seconds.
absl::StatusOr<nlohmann::ordered_json> FetchStats(const std::string& url);

}  // namespace nokv::cli
