#include "tests/checker/history.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <tuple>
#include <utility>

namespace nokv::checker {
namespace {

constexpr std::string_view kAbsent = "-";

std::string Quote(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted.push_back('\\');
      quoted.push_back(c);
    } else if (c >= ' ' && c < '\x7f') {
      quoted.push_back(c);
    } else {
      quoted += fmt::format("\\x{:02x}", static_cast<uint8_t>(c));
    }
  }
  quoted.push_back('"');
  return quoted;
}

std::string QuoteValue(const Value& value) {
  return value.has_value() ? Quote(*value) : std::string(kAbsent);
}

// The operation without who and when.
std::string Arguments(const Operation& operation) {
  std::string text = fmt::format("{} {}", KindName(operation.kind), Quote(operation.key));
  switch (operation.kind) {
    case OperationKind::kGet:
    case OperationKind::kDelete:
      return text;
    case OperationKind::kPut:
      return text + " " + Quote(operation.value);
    case OperationKind::kCas:
      return text + " " + QuoteValue(operation.expected) + " " + Quote(operation.value);
    case OperationKind::kIncr:
      return text + fmt::format(" {}", operation.delta);
  }
  return text;
}

// What came back, with a space before it if there is anything.
std::string Results(const Operation& operation) {
  switch (operation.kind) {
    case OperationKind::kGet:
      return " " + QuoteValue(operation.found);
    case OperationKind::kPut:
      return {};
    case OperationKind::kDelete:
    case OperationKind::kCas:
      if (!operation.did.has_value()) return {};
      return *operation.did ? " yes" : " no";
    case OperationKind::kIncr:
      return operation.did.value_or(true) ? fmt::format(" {}", operation.sum) : " no";
  }
  return {};
}

int DigitOf(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

// Takes words off the front of one line. After the first failure every take fails.
class Words {
 public:
  explicit Words(std::string_view line) : rest_(line) {}

  bool done() {
    SkipSpaces();
    return rest_.empty();
  }

  bool Take(std::string_view* word) {
    SkipSpaces();
    const size_t end = std::min(rest_.find(' '), rest_.size());
    *word = rest_.substr(0, end);
    rest_.remove_prefix(end);
    return !word->empty();
  }

  template <typename T>
  bool TakeNumber(T* number) {
    std::string_view word;
    if (!Take(&word)) return false;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), *number);
    return error == std::errc() && end == word.data() + word.size();
  }

  bool TakeSumOrNo(int64_t* sum, std::optional<bool>* did) {
    SkipSpaces();
    if (!rest_.starts_with("no")) return TakeNumber(sum);
    return TakeYesOrNo(did);
  }

  bool TakeQuoted(std::string* text) {
    SkipSpaces();
    if (!rest_.starts_with('"')) return false;
    size_t at = 1;
    while (at < rest_.size() && rest_[at] != '"') {
      if (rest_[at] != '\\') {
        text->push_back(rest_[at++]);
      } else if (!TakeEscape(&at, text)) {
        return false;
      }
    }
    if (at >= rest_.size()) return false;
    rest_.remove_prefix(at + 1);
    return rest_.empty() || rest_.front() == ' ';
  }

  bool TakeValue(Value* value) {
    SkipSpaces();
    if (rest_.starts_with('"')) return TakeQuoted(&value->emplace());
    std::string_view word;
    *value = std::nullopt;
    return Take(&word) && word == kAbsent;
  }

  bool TakeYesOrNo(std::optional<bool>* answer) {
    std::string_view word;
    if (!Take(&word)) return false;
    *answer = word == "yes";
    return word == "yes" || word == "no";
  }

 private:
  void SkipSpaces() { rest_.remove_prefix(std::min(rest_.find_first_not_of(' '), rest_.size())); }

  bool TakeEscape(size_t* at, std::string* text) const {
    const std::string_view from = rest_.substr(*at);
    if (from.starts_with("\\\"") || from.starts_with("\\\\")) {
      text->push_back(from[1]);
      *at += 2;
      return true;
    }
    if (!from.starts_with("\\x") || from.size() < 4) return false;
    const int high = DigitOf(from[2]);
    const int low = DigitOf(from[3]);
    if (high < 0 || low < 0) return false;
    text->push_back(static_cast<char>(high * 16 + low));
    *at += 4;
    return true;
  }

  std::string_view rest_;
};

bool TakeArguments(OperationKind kind, Words& words, Operation* operation) {
  operation->kind = kind;
  if (!words.TakeQuoted(&operation->key)) return false;
  switch (kind) {
    case OperationKind::kGet:
    case OperationKind::kDelete:
      return true;
    case OperationKind::kPut:
      return words.TakeQuoted(&operation->value);
    case OperationKind::kCas:
      return words.TakeValue(&operation->expected) && words.TakeQuoted(&operation->value);
    case OperationKind::kIncr:
      return words.TakeNumber(&operation->delta);
  }
  return false;
}

bool TakeResults(Words& words, Operation* operation) {
  switch (operation->kind) {
    case OperationKind::kGet:
      return words.TakeValue(&operation->found);
    case OperationKind::kPut:
      return true;
    case OperationKind::kDelete:
      return words.done() || words.TakeYesOrNo(&operation->did);
    case OperationKind::kCas:
      return words.TakeYesOrNo(&operation->did);
    case OperationKind::kIncr:
      return words.TakeSumOrNo(&operation->sum, &operation->did);
  }
  return false;
}

std::optional<OperationKind> KindOf(std::string_view word) {
  for (const OperationKind kind : {OperationKind::kGet, OperationKind::kPut, OperationKind::kDelete,
                                   OperationKind::kCas, OperationKind::kIncr}) {
    if (word == KindName(kind)) return kind;
  }
  return std::nullopt;
}

// Reads the lines of one file.
class Parser {
 public:
  explicit Parser(History& history) : history_(history) {}

  // In words what is wrong with the line; empty if nothing is.
  std::string_view ParseLine(std::string_view line) {
    Words words(line);
    Operation next;
    std::string_view word;
    Time at = 0;
    if (!words.TakeNumber(&at) || !words.TakeNumber(&next.client) || !words.Take(&word)) {
      return "not a time, a client and an operation or outcome";
    }
    if (at == kNever) return "a time that can't be";
    Client& client = clients_[next.client];
    if (at < client.last) return "the client's time went back";
    client.last = at;
    next.call = at;
    const std::optional<OperationKind> kind = KindOf(word);
    if (!kind.has_value()) return ParseEnd(client, at, word, words);
    if (client.open.has_value()) return "the client's last operation has no outcome yet";
    if (!TakeArguments(*kind, words, &next) || !words.done()) return "wrong arguments";
    client.open = std::move(next);
    return {};
  }

  // What is still open has an outcome that nobody knows.
  void Finish() {
    for (auto& [id, client] : clients_) {
      if (client.open.has_value()) history_.push_back(*std::move(client.open));
    }
  }

 private:
  struct Client {
    std::optional<Operation> open;
    Time last = 0;
  };

  std::string_view ParseEnd(Client& client, Time at, std::string_view word, Words& words) {
    if (word != "ok" && word != "fail" && word != "unknown") return "an unknown word";
    if (!client.open.has_value()) return "an outcome without an operation";
    Operation& open = *client.open;
    if (word == "ok") {
      open.end = at;
      if (!TakeResults(words, &open)) return "wrong results";
    }
    if (!words.done()) return "more than an outcome";
    if (word != "fail") history_.push_back(std::move(open));
    client.open.reset();
    return {};
  }

  History& history_;
  std::map<uint64_t, Client> clients_;
};

}  // namespace

std::string_view KindName(OperationKind kind) {
  switch (kind) {
    case OperationKind::kGet:
      return "get";
    case OperationKind::kPut:
      return "put";
    case OperationKind::kDelete:
      return "delete";
    case OperationKind::kCas:
      return "cas";
    case OperationKind::kIncr:
      return "incr";
  }
  return "unknown";
}

std::string CallLine(const Operation& operation) {
  return fmt::format("{} {} {}\n", operation.call, operation.client, Arguments(operation));
}

std::string EndLine(const Operation& operation) {
  if (!operation.is_known()) {
    return fmt::format("{} {} unknown\n", operation.call, operation.client);
  }
  return fmt::format("{} {} ok{}\n", operation.end, operation.client, Results(operation));
}

std::string FailLine(const Operation& operation, Time end) {
  return fmt::format("{} {} fail\n", end, operation.client);
}

std::string FormatHistory(const History& history) {
  std::vector<const Operation*> operations;
  operations.reserve(history.size());
  for (const Operation& operation : history) operations.push_back(&operation);
  std::sort(operations.begin(), operations.end(), [](const Operation* a, const Operation* b) {
    return std::tie(a->client, a->call, a->end) < std::tie(b->client, b->call, b->end);
  });

  struct Line {
    Time at;
    std::string text;
  };

  std::vector<Line> lines;
  for (const Operation* operation : operations) {
    lines.push_back({operation->call, CallLine(*operation)});
    lines.push_back(
        {operation->is_known() ? operation->end : operation->call, EndLine(*operation)});
  }
  // Lines of one client are in their order already, and stay so.
  std::stable_sort(lines.begin(), lines.end(),
                   [](const Line& a, const Line& b) { return a.at < b.at; });
  std::string text(kHistoryHeader);
  for (const Line& line : lines) text += line.text;
  return text;
}

absl::Status ParseHistory(std::string_view text, History& history) {
  if (!text.starts_with(kHistoryHeader)) {
    return InvalidArgumentError("line 1: a history begins with \"{}\"",
                                kHistoryHeader.substr(0, kHistoryHeader.size() - 1));
  }
  Parser parser(history);
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) break;
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (number == 1 || line.empty() || line.front() == '#') continue;
    const std::string_view wrong = parser.ParseLine(line);
    if (!wrong.empty()) return InvalidArgumentError("line {}: {}: {}", number, wrong, line);
  }
  parser.Finish();
  return absl::OkStatus();
}

std::string Describe(const Operation& operation) {
  const std::string result = operation.is_known() ? " -> ok" + Results(operation) : " -> ?";
  return Arguments(operation) + result;
}

}  // namespace nokv::checker
