#include "cmd/nokv/expvar.h"

#include <httplib.h>
#include <nlohmann/json.hpp>

#include <string_view>

namespace nokv::cli {
namespace {

constexpr std::string_view kScheme = "http://";
constexpr const char* kStatsKey = "NoKV.Stats";
constexpr int kTimeoutSeconds = 5;
constexpr size_t kBodyBytesMax = 16 << 20;

absl::StatusOr<std::string> Fetch(const HttpAddress& address) {
  httplib::Client client(address.origin);
  client.set_connection_timeout(kTimeoutSeconds);
  client.set_read_timeout(kTimeoutSeconds);
  std::string body;
  const httplib::Result result =
      client.Get(address.path.c_str(), [&](const char* data, size_t size) {
        body.append(data, size);
        return body.size() <= kBodyBytesMax;
      });
  if (body.size() > kBodyBytesMax) {
    return InvalidArgumentError("{}{} answers with more than {} bytes", address.origin,
                                address.path, kBodyBytesMax);
  }
  if (!result) {
    const bool is_mute = result.error() == httplib::Error::Connection;
    return UnavailableError(
        "{}{}: {}\ncheck that the process runs and that its --metrics-addr is this one",
        address.origin, address.path, is_mute ? "nobody answers" : "what answers speaks no HTTP");
  }
  if (result->status != 200) {
    return UnavailableError("{}{} answers with HTTP status {}", address.origin, address.path,
                            result->status);
  }
  return body;
}

}  // namespace

absl::StatusOr<HttpAddress> ParseExpvarUrl(const std::string& url) {
  std::string_view rest = url;
  if (rest.starts_with(kScheme)) rest.remove_prefix(kScheme.size());
  const size_t slash = rest.find('/');
  const std::string_view host = rest.substr(0, slash);
  if (host.empty() || rest.find("://") != std::string_view::npos) {
    return InvalidArgumentError("--expvar {} is not an address such as http://127.0.0.1:9100", url);
  }
  HttpAddress address;
  address.origin = std::string(kScheme) + std::string(host);
  const std::string_view path =
      slash == std::string_view::npos ? std::string_view() : rest.substr(slash);
  address.path = path.size() <= 1 ? "/debug/vars" : std::string(path);
  return address;
}

absl::StatusOr<nlohmann::ordered_json> FetchStats(const std::string& url) {
  ASSIGN_OR_RETURN(const HttpAddress address, ParseExpvarUrl(url));
  ASSIGN_OR_RETURN(const std::string body, Fetch(address));
  const auto vars = nlohmann::ordered_json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (!vars.is_object() || !vars.contains(kStatsKey) || !vars[kStatsKey].is_object()) {
    return UnavailableError("{}{} does not answer with an object \"{}\": not a NoKV process?",
                            address.origin, address.path, kStatsKey);
  }
  return vars[kStatsKey];
}

}  // namespace nokv::cli
