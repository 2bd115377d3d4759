// The topology of a cluster: the one JSON file that every tool, script and daemon reads.
//
// A Topology is whole and consistent: every fallback is filled in, ids and addresses are unique,
// peers live on stores that are there, and the regions cover all keys, each key once. A text with
// anything wrong in it yields no topology but its problems: all of them (up to a bound), each with
// the place in the file and what is expected there. README.md has the schema.
//
// Thread-safety: values and pure functions; LoadFile reads the file system it is given.
#pragma once

#include "engine/base/status.h"
#include "engine/vfs/file_system.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace nokv::config {

inline constexpr size_t kFileBytesMax = 1 << 20;
inline constexpr size_t kProblemsListedMax = 20;

// The largest whole number that every reader of JSON takes for what it is, 2^53 - 1. Ids are
// from 1.
inline constexpr uint64_t kIdMax = 9'007'199'254'740'991;

// From where an address or a directory is seen: the machine itself, or a container.
enum class Scope { kHost, kDocker };

struct StorePlace {
  std::string listen_addr;  // HOST:PORT that the store binds.
  std::string addr;         // HOST:PORT at which others reach it; never a wildcard.
  std::string work_dir;     // Empty if the file names none.

  bool operator==(const StorePlace&) const = default;
};

struct Store {
  uint64_t id = 0;
  StorePlace host;
  StorePlace docker;  // What the file leaves out is as on the host.

  const StorePlace& At(Scope scope) const { return scope == Scope::kHost ? host : docker; }

  bool operator==(const Store&) const = default;
};

struct PdPlace {
  std::string addr;
  std::string work_dir;  // Empty if the file names none.

  bool operator==(const PdPlace&) const = default;
};

struct Pd {
  PdPlace host;
  PdPlace docker;

  const PdPlace& At(Scope scope) const { return scope == Scope::kHost ? host : docker; }

  bool operator==(const Pd&) const = default;
};

// Slots [start, end) of Redis keys in database 0.
struct SlotRange {
  uint32_t start = 0;
  uint32_t end = 0;

  bool operator==(const SlotRange&) const = default;
};

struct Peer {
  uint64_t store_id = 0;
  uint64_t peer_id = 0;

  bool operator==(const Peer&) const = default;
};

struct Region {
  uint64_t id = 0;
  // The keys [start_key, end_key) as bytes; an empty end_key is behind every key. Of a region of
  // slots too: key_text.h says which keys a slot has.
  std::string start_key;
  std::string end_key;
  std::optional<SlotRange> slots;
  uint64_t epoch_version = 1;
  uint64_t epoch_conf_version = 1;
  std::vector<Peer> peers;
  std::optional<uint64_t> leader_store_id;  // A hint for the first election: one of the peers'.

  bool operator==(const Region&) const = default;
};

// Files in PEM, for TLS between all parts of the cluster, each side proving itself.
struct Tls {
  std::string ca_file;
  std::string cert_file;
  std::string key_file;

  bool operator==(const Tls&) const = default;
};

struct Topology {
  uint32_t max_retries = 5;  // Of a client, after an answer that a region has moved.
  Pd pd;
  std::optional<Tls> tls;
  std::vector<Store> stores;    // As in the file.
  std::vector<Region> regions;  // As in the file.

  bool operator==(const Topology&) const = default;
};

struct Problem {
  std::string pointer;  // Into the file (RFC 6901); empty for the whole of it.
  size_t line = 1;      // Both from 1; the column counts characters.
  size_t column = 1;
  std::string message;  // What is wrong; what is expected.
};

struct Problems {
  std::vector<Problem> listed;  // In the order of the file; at most kProblemsListedMax.
  size_t count = 0;             // With those that are not listed.
};

// The topology that the text of a file describes, or its problems, at least one.
std::variant<Topology, Problems> Validate(std::string_view text);

// Reads and validates. InvalidArgument with all of ToText() if the file is not a topology, and
// then `problems`, if given, has them one by one; other errors if it can't be read.
absl::StatusOr<Topology> LoadFile(const vfs::FileSystem& files, const std::string& path,
                                  Problems* problems = nullptr);

// "FILE: 2 problems", then a line "FILE:LINE:COLUMN: POINTER: MESSAGE" for each.
std::string ToText(const Problems& problems, std::string_view file);

}  // namespace nokv::config
