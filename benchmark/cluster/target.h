// A cluster under load: something that puts and gets keys.
//
// Thread-safety: calls come from any thread; `done` comes once, on a thread of the target's, never
// inside the call.
#pragma once

#include "engine/base/status.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace nokv::bench {

class Target {
 public:
  using PutDone = std::function<void(absl::Status)>;
  using GetDone = std::function<void(absl::StatusOr<std::string>)>;  // NotFound: no such key.

  virtual ~Target() = default;

  // `client` of those that take turns; it may choose the connection.
  virtual void Put(size_t client, std::string key, std::string value, PutDone done) = 0;
  virtual void Get(size_t client, std::string key, GetDone done) = 0;
};

// Of linearizable reads and writes that a majority has on disk. The client library finds leaders.
std::unique_ptr<Target> NewNokvTarget(const std::string& pd_address);

// The same of etcd. Clients take turns on `connections` connections to the members named.
std::unique_ptr<Target> NewEtcdTarget(const std::vector<std::string>& members, size_t connections);

}  // namespace nokv::bench
