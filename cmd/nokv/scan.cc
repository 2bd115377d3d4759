#include "cmd/nokv/command.h"
#include "cmd/nokv/layout.h"
#include "cmd/nokv/text.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>

namespace nokv::cli {
namespace {

constexpr size_t kShownValueBytesMax = 64;

struct ScanFlags : CommonFlags {
  std::string start;
  std::string end;
  std::string prefix;
  uint64_t limit = 100;
  bool reverse = false;
  bool keys_only = false;
};

// Prints entries as they come: a scan without limit needs no memory for its result.
class EntryPrinter {
 public:
  explicit EntryPrinter(const ScanFlags& flags) : flags_(flags) {
    if (!flags_.json) return;
    Print(fmt::format("{{\n  \"column_family\": {},\n  \"entries\": [",
                      JsonText(flags_.column_family)));
  }

  void Add(Iterator& entry) {
    const std::string_view value = flags_.keys_only ? std::string_view() : entry.value();
    // A value that can't be read is empty: the status says so, and the scan ends without it.
    if (!entry.status().ok()) return;
    flags_.json ? AddJson(entry, value) : AddText(entry, value);
    count_ += 1;
  }

  // `next_flag` and `next_key` ask for what was left out; `more` is false if nothing was.
  void Finish(bool more, const std::string& next_flag, const std::string& next_key) {
    if (flags_.json) {
      Print(count_ == 0 ? "]" : "\n  ]");
      Print(fmt::format(",\n  \"count\": {},\n  \"more\": {}", count_, more));
      if (more) {
        Print(
            fmt::format(",\n  \"next_{}\": {}", next_flag, JsonText(KeyToText(flags_, next_key))));
      }
      Print("\n}\n");
    } else if (more) {
      std::fflush(stdout);  // Keeps the order of the lines where both go to one terminal.
      fmt::print(stderr, "nokv: {} keys shown, there are more: go on with --{} '{}' or --limit 0\n",
                 count_, next_flag, KeyToText(flags_, next_key));
    }
  }

  uint64_t count() const { return count_; }

 private:
  void AddJson(const Iterator& entry, std::string_view value) {
    nlohmann::ordered_json out;
    out["key"] = KeyToText(flags_, entry.key());
    if (!flags_.keys_only) {
      PutValue(out, flags_, "value", value);
      out["value_bytes"] = value.size();
    }
    out["expiry_ms"] = entry.expiry_ms();
    Print(count_ == 0 ? "\n    " : ",\n    ");
    Print(JsonText(out, -1));
  }

  void AddText(const Iterator& entry, std::string_view value) {
    std::string line = KeyToText(flags_, entry.key());
    if (!flags_.keys_only) {
      const std::string_view shown = value.substr(0, kShownValueBytesMax);
      line += "  " + (flags_.hex ? ToHex(shown) : Escape(shown));
      if (shown.size() < value.size()) line += fmt::format("... ({})", HumanBytes(value.size()));
    }
    if (entry.expiry_ms() != 0) line += "  [until " + ExpiryText(entry.expiry_ms()) + "]";
    PrintLine(line);
  }

  const ScanFlags& flags_;
  uint64_t count_ = 0;
};

// The keys that --start, --end and --prefix leave. An empty bound is none.
absl::Status SetBounds(const ScanFlags& flags, IteratorOptions& options) {
  ASSIGN_OR_RETURN(options.lower_bound, KeyFromText(flags, flags.start));
  ASSIGN_OR_RETURN(options.upper_bound, KeyFromText(flags, flags.end));
  ASSIGN_OR_RETURN(const std::string prefix, KeyFromText(flags, flags.prefix));
  const std::string prefix_end = PrefixEnd(prefix);
  options.lower_bound = std::max(options.lower_bound, prefix);
  if (options.upper_bound.empty() || (!prefix_end.empty() && prefix_end < options.upper_bound)) {
    options.upper_bound = prefix_end;
  }
  return absl::OkStatus();
}

absl::Status Scan(const ScanFlags& flags) {
  IteratorOptions options;
  RETURN_IF_ERROR(SetBounds(flags, options));
  options.keys_only = flags.keys_only;
  ASSIGN_OR_RETURN(const std::unique_ptr<DB> db, OpenReadOnly(flags.workdir));
  ASSIGN_OR_RETURN(options.column_family, FindFamily(*db, flags.column_family));

  EntryPrinter printer(flags);
  const bool is_empty_range =
      !options.upper_bound.empty() && options.lower_bound >= options.upper_bound;
  if (is_empty_range) {
    printer.Finish(false, "", "");
    return absl::OkStatus();
  }

  const std::unique_ptr<Iterator> entry = db->NewIterator(options);
  flags.reverse ? entry->SeekToLast() : entry->SeekToFirst();
  std::string last_key;
  while (entry->Valid() && entry->status().ok() &&
         (flags.limit == 0 || printer.count() < flags.limit)) {
    printer.Add(*entry);
    last_key = entry->key();
    flags.reverse ? entry->Prev() : entry->Next();
  }
  // Forwards, the rest begins with the key at hand; backwards, it ends before the last one shown.
  const bool more = entry->Valid() && entry->status().ok();
  const std::string next_key(more && !flags.reverse ? entry->key() : last_key);
  printer.Finish(more, flags.reverse ? "end" : "start", next_key);
  return entry->status();
}

}  // namespace

void AddScan(CLI::App& app, Action& chosen) {
  const auto [command, flags] =
      AddCommand(app, chosen,
                 {.name = "scan",
                  .description = "Print the keys of a range with their values",
                  .example = "nokv scan --workdir ./nokv-data --prefix user: --limit 10"},
                 Scan);
  AddKeyFlags(command, flags);
  command.add_option("--start", flags.start, "First key")->type_name("KEY");
  command.add_option("--end", flags.end, "Key to stop before")->type_name("KEY");
  command.add_option("--prefix", flags.prefix, "Only keys that begin so")->type_name("KEY");
  command.add_option("--limit", flags.limit, "Keys to print at most; 0 for all")
      ->capture_default_str()
      ->check(CheckWhole)
      ->type_name("N");
  command.add_flag("--reverse", flags.reverse, "From the last key to the first");
  command.add_flag("--keys-only", flags.keys_only, "Leave the values out, and do not read them");
}

}  // namespace nokv::cli
