// nokv kv: single keys and ranges of a cluster.
#include "cmd/cluster/connection.h"
#include "cmd/nokv/command.h"
#include "cmd/nokv/layout.h"
#include "cmd/nokv/text.h"
#include "percolator/client/blocking_client.h"

#include <CLI/CLI.hpp>

#include <limits>

namespace nokv::cli {
namespace {

using client::BlockingClient;

struct KvFlags : CommonFlags {
  std::string pd_address = "127.0.0.1:2379";
  std::string timeout = "10s";
  std::string value;
  std::string ttl;
  int64_t delta = 1;
  std::string start;
  std::string end;
  std::string prefix;
  uint32_t limit = 100;
  bool reverse = false;
  bool keys_only = false;
};

absl::StatusOr<absl::Duration> TimeOf(std::string_view flag, const std::string& text) {
  absl::Duration duration;
  if (!absl::ParseDuration(AbslView(text), &duration) || duration < absl::Milliseconds(1) ||
      duration > absl::Hours(24 * 366 * 1000)) {
    return WithHint(InvalidArgumentError("{} {} is not a length of time", flag, Escape(text)),
                    "give a number with a unit, such as 500ms, 30s, 90m or 24h");
  }
  return duration;
}

// Runs `act` with a client and the time that it has.
template <typename Act>
absl::Status WithClient(const KvFlags& flags, Act&& act) {
  ASSIGN_OR_RETURN(const absl::Duration timeout, TimeOf("--timeout", flags.timeout));
  ASSIGN_OR_RETURN(const std::unique_ptr<cluster::Connection> connection,
                   cluster::Connection::Open({.pd_address = flags.pd_address}));
  BlockingClient client(connection->client(), connection->executor());
  const absl::Status status = act(client, timeout);
  if (!absl::IsUnavailable(status)) return status;
  return WithHint(
      status, fmt::format("is the cluster of the placement driver at {} up?", flags.pd_address));
}

absl::Status Get(const KvFlags& flags) {
  ASSIGN_OR_RETURN(const std::string key, KeyFromText(flags, flags.key));
  return WithClient(flags, [&](BlockingClient& client, absl::Duration timeout) -> absl::Status {
    ASSIGN_OR_RETURN(const std::optional<client::Value> value,
                     client.Get({.key = key, .timeout = timeout}));
    if (!value) return NotFoundError("key {} is not there", KeyToText(flags, key));
    PrintLine(flags.hex ? ToHex(value->bytes) : value->bytes);
    return absl::OkStatus();
  });
}

// `ttl`: zero for ever. The cluster judges it by the placement driver's clock, whatever ours says.
absl::Status Write(const KvFlags& flags, client::WriteRequest request,
                   absl::Duration ttl = absl::ZeroDuration()) {
  return WithClient(flags, [&](BlockingClient& client, absl::Duration timeout) -> absl::Status {
    request.timeout = timeout;
    if (ttl != absl::ZeroDuration()) {
      ASSIGN_OR_RETURN(const mvcc::Timestamp now, client.DrawTimestamp(timeout));
      request.expiry_ms = now.millis() + static_cast<uint64_t>(absl::ToInt64Milliseconds(ttl));
    }
    ASSIGN_OR_RETURN(const client::WriteOutcome outcome, client.Write(request));
    PrintLine(fmt::format("committed at {}", std::get<client::Committed>(outcome).at.bits()));
    return absl::OkStatus();
  });
}

absl::Status Put(const KvFlags& flags) {
  client::WriteRequest request{.kind = client::WriteRequest::Kind::kPut};
  ASSIGN_OR_RETURN(request.key, KeyFromText(flags, flags.key));
  request.value = flags.value;
  if (flags.hex) {
    ASSIGN_OR_RETURN(request.value, FromHex(flags.value));
  }
  absl::Duration ttl;
  if (!flags.ttl.empty()) {
    ASSIGN_OR_RETURN(ttl, TimeOf("--ttl", flags.ttl));
  }
  return Write(flags, std::move(request), ttl);
}

absl::Status Del(const KvFlags& flags) {
  client::WriteRequest request{.kind = client::WriteRequest::Kind::kDelete};
  ASSIGN_OR_RETURN(request.key, KeyFromText(flags, flags.key));
  return Write(flags, std::move(request));
}

absl::Status Add(const KvFlags& flags) {
  ASSIGN_OR_RETURN(const std::string key, KeyFromText(flags, flags.key));
  return WithClient(flags, [&](BlockingClient& client, absl::Duration timeout) -> absl::Status {
    ASSIGN_OR_RETURN(const client::AddOutcome outcome,
                     client.Add({.key = key, .delta = flags.delta, .timeout = timeout}));
    if (const auto* sum = std::get_if<client::Sum>(&outcome)) {
      PrintLine(std::to_string(sum->value));
      return absl::OkStatus();
    }
    return FailedPreconditionError(
        "key {}: {}", KeyToText(flags, key),
        std::get<client::CannotAdd>(outcome) == client::CannotAdd::kOutOfRange
            ? "the sum would not fit into 64 bits"
            : "its value is not an integer");
  });
}

void PrintRows(const KvFlags& flags, const std::vector<client::Row>& rows) {
  for (const client::Row& row : rows) {
    const std::string key = KeyToText(flags, row.key);
    const std::string& value = row.value.bytes;
    PrintLine(flags.keys_only ? key : key + "  " + (flags.hex ? ToHex(value) : Escape(value)));
  }
}

absl::Status Scan(const KvFlags& flags) {
  client::ScanRequest request{.is_reverse = flags.reverse, .is_keys_only = flags.keys_only};
  ASSIGN_OR_RETURN(request.start, KeyFromText(flags, flags.start));
  ASSIGN_OR_RETURN(request.end, KeyFromText(flags, flags.end));
  ASSIGN_OR_RETURN(const std::string prefix, KeyFromText(flags, flags.prefix));
  request.start = std::max(request.start, prefix);
  const std::string prefix_end = PrefixEnd(prefix);
  if (request.end.empty() || (!prefix_end.empty() && prefix_end < request.end)) {
    request.end = prefix_end;
  }
  return WithClient(flags, [&](BlockingClient& client, absl::Duration timeout) -> absl::Status {
    ASSIGN_OR_RETURN(request.at, client.DrawTimestamp(timeout));
    request.timeout = timeout;
    uint64_t left = flags.limit == 0 ? std::numeric_limits<uint64_t>::max() : flags.limit;
    std::optional<std::string> resume;
    do {
      constexpr uint64_t kRowsPerPage = 1024;
      request.rows_max = static_cast<uint32_t>(std::min(left, kRowsPerPage));
      ASSIGN_OR_RETURN(const client::ScanPage page, client.Scan(request));
      PrintRows(flags, page.rows);
      left -= page.rows.size();
      resume = page.resume;
      if (resume) (flags.reverse ? request.end : request.start) = *resume;
    } while (resume && left > 0);
    if (resume) {
      fmt::print(stderr, "nokv: there are more: go on with --{} '{}' or --limit 0\n",
                 flags.reverse ? "end" : "start", KeyToText(flags, *resume));
    }
    return absl::OkStatus();
  });
}

// A subcommand of kv with the flags that all of them have.
CLI::App& AddKvCommand(CLI::App& kv, Action& chosen, const std::shared_ptr<KvFlags>& flags,
                       const CommandText& text, absl::Status (*run)(const KvFlags&)) {
  CLI::App& command = AddBareCommand(
      kv, text, [flags, run, &chosen] { chosen = [flags, run] { return run(*flags); }; });
  command.add_option("--pd-addr", flags->pd_address, "Placement driver of the cluster")
      ->capture_default_str()
      ->type_name("HOST:PORT");
  command.add_option("--timeout", flags->timeout, "Time after which to give up")
      ->capture_default_str()
      ->type_name("TIME");
  command.add_flag("--hex", flags->hex, "Take and print keys and values as hex digits");
  return command;
}

void AddScanFlags(CLI::App& command, KvFlags& flags) {
  command.add_option("--start", flags.start, "First key")->type_name("KEY");
  command.add_option("--end", flags.end, "Key to stop before")->type_name("KEY");
  command.add_option("--prefix", flags.prefix, "Only keys that begin so")->type_name("KEY");
  command.add_option("--limit", flags.limit, "Keys to print at most; 0 for all")
      ->capture_default_str()
      ->type_name("N");
  command.add_flag("--reverse", flags.reverse, "From the last key to the first");
  command.add_flag("--keys-only", flags.keys_only, "Leave the values out");
}

}  // namespace

void AddKv(CLI::App& app, Action& chosen) {
  CLI::App& kv = *app.add_subcommand("kv", "Read and write keys of a cluster");
  kv.require_subcommand(1);
  const auto flags = std::make_shared<KvFlags>();
  CLI::App& get = AddKvCommand(kv, chosen, flags,
                               {.name = "get",
                                .description = "Print the newest value of a key",
                                .example = "nokv kv get user:1"},
                               Get);
  AddKeyArgument(get, *flags);
  CLI::App& put = AddKvCommand(
      kv, chosen, flags,
      {.name = "put", .description = "Set a key", .example = "nokv kv put --ttl 24h user:1 alice"},
      Put);
  put.add_option("--ttl", flags->ttl, "Time after which the key is gone")->type_name("TIME");
  AddKeyArgument(put, *flags);
  put.add_option("value", flags->value, "Value, taken as it is")->required()->type_name("");
  CLI::App& del = AddKvCommand(
      kv, chosen, flags,
      {.name = "del", .description = "Remove a key", .example = "nokv kv del user:1"}, Del);
  AddKeyArgument(del, *flags);
  CLI::App& add = AddKvCommand(kv, chosen, flags,
                               {.name = "add",
                                .description = "Add to the integer at a key, and print the sum",
                                .example = "nokv kv add visits 1"},
                               Add);
  AddKeyArgument(add, *flags);
  add.add_option("delta", flags->delta, "What to add")->capture_default_str()->type_name("");
  CLI::App& scan = AddKvCommand(kv, chosen, flags,
                                {.name = "scan",
                                 .description = "Print the keys of a range with their values",
                                 .example = "nokv kv scan --prefix user: --limit 10"},
                                Scan);
  AddScanFlags(scan, *flags);
}

}  // namespace nokv::cli
