#include "tests/checker/test_histories.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

namespace nokv::checker {
namespace {

struct Moment {
  Time at;
  size_t operation;
};

Operation DrawOperation(const Simulation& simulation, size_t number, Random& random) {
  Operation operation;
  operation.key = "key" + std::to_string(random.Uniform(simulation.keys));
  const uint64_t draw = random.Uniform(10);
  if (simulation.is_counter) {
    operation.kind = draw < 6 ? OperationKind::kIncr : OperationKind::kGet;
    if (draw < 6) operation.delta = static_cast<int64_t>(1 + random.Uniform(3));
    return operation;
  }
  operation.kind = draw < 4   ? OperationKind::kGet
                   : draw < 7 ? OperationKind::kPut
                   : draw < 9 ? OperationKind::kCas
                              : OperationKind::kDelete;
  const bool writes =
      operation.kind == OperationKind::kPut || operation.kind == OperationKind::kCas;
  if (writes) operation.value = "value" + std::to_string(number);
  return operation;
}

// What the object does at the operation's moment.
void Execute(Operation& operation, std::optional<std::string>& state, Random& random) {
  switch (operation.kind) {
    case OperationKind::kGet:
      operation.found = state;
      return;
    case OperationKind::kPut:
      state = operation.value;
      return;
    case OperationKind::kDelete:
      operation.did = state.has_value();
      state.reset();
      return;
    case OperationKind::kCas:
      // As if the client had read just before, or long ago.
      operation.expected = random.OneIn(3) ? Value("long ago") : state;
      operation.did = operation.expected == state;
      if (*operation.did) state = operation.value;
      return;
    case OperationKind::kIncr:
      operation.sum = (state.has_value() ? std::stoll(*state) : 0) + operation.delta;
      state = std::to_string(operation.sum);
      return;
  }
}

// The result is of no consequence: nobody knows it.
void Forget(Operation& operation) {
  operation.end = kNever;
  operation.found.reset();
  operation.did.reset();
  operation.sum = 0;
}

// Whether `a` was over before `b` began.
bool IsBefore(const Operation& a, const Operation& b) { return a.is_known() && a.end < b.call; }

// Two writes, one over before the other began, and a read after both: it can't find the first.
bool MakeStale(History& history, const std::vector<size_t>& part) {
  for (const size_t r : part) {
    Operation& read = history[r];
    if (read.kind != OperationKind::kGet || !read.is_known()) continue;
    for (const size_t second : part) {
      const Operation& newer = history[second];
      if (newer.kind != OperationKind::kPut || !IsBefore(newer, read)) continue;
      for (const size_t first : part) {
        const Operation& older = history[first];
        if (older.kind != OperationKind::kPut || !IsBefore(older, newer)) continue;
        read.found = older.value;
        return true;
      }
    }
  }
  return false;
}

bool MakeInvented(History& history, const std::vector<size_t>& part) {
  for (const size_t r : part) {
    if (history[r].kind != OperationKind::kGet || !history[r].is_known()) continue;
    history[r].found = "-123";  // Nor is it a sum of positive numbers.
    return true;
  }
  return false;
}

// Two increments that return the same sum: one was lost, or done twice.
bool MakeDoubled(History& history, const std::vector<size_t>& part) {
  std::optional<size_t> before;
  for (const size_t i : part) {
    if (history[i].kind != OperationKind::kIncr || !history[i].is_known()) continue;
    if (before.has_value()) {
      history[i].sum = history[*before].sum;
      return true;
    }
    before = i;
  }
  return false;
}

// A cas from a value that another cas had taken away and nobody wrote again.
bool MakeLostUpdate(History& history, const std::vector<size_t>& part) {
  for (const size_t a : part) {
    const Operation& winner = history[a];
    if (winner.kind != OperationKind::kCas || !winner.did.value_or(false)) continue;
    if (!winner.expected.has_value()) continue;
    for (const size_t b : part) {
      Operation& loser = history[b];
      if (loser.kind != OperationKind::kCas || !loser.is_known() || b == a) continue;
      loser.expected = winner.expected;
      loser.did = true;
      return true;
    }
  }
  return false;
}

}  // namespace

History Simulate(const Simulation& simulation, Random& random) {
  History history;
  std::vector<Moment> moments;
  std::vector<Time> free_at(simulation.clients);
  std::vector<uint64_t> client_id(simulation.clients);
  for (size_t c = 0; c < simulation.clients; ++c) client_id[c] = c;
  uint64_t next_client = simulation.clients;
  for (size_t i = 0; i < simulation.operations; ++i) {
    const size_t c = i % simulation.clients;
    Operation operation = DrawOperation(simulation, i, random);
    operation.client = client_id[c];
    operation.call = free_at[c] + 1 + random.Uniform(100);
    operation.end = operation.call + 1 + random.Uniform(random.OneIn(20) ? 2000 : 200);
    free_at[c] = operation.end;
    Time moment = operation.call + random.Uniform(operation.end - operation.call + 1);
    const bool is_unknown =
        simulation.one_unknown_in > 0 && random.OneIn(simulation.one_unknown_in);
    if (is_unknown) {
      // Whoever does not know what became of its operation begins anew as another client.
      client_id[c] = next_client++;
      if (random.OneIn(4)) moment += random.Uniform(100'000);
    }
    if (!is_unknown || random.OneIn(2)) moments.push_back({moment, history.size()});
    history.push_back(std::move(operation));
    if (is_unknown) history.back().did = true;  // Marked until it has happened.
  }
  std::stable_sort(moments.begin(), moments.end(),
                   [](const Moment& a, const Moment& b) { return a.at < b.at; });
  std::vector<bool> is_unknown(history.size());
  for (size_t i = 0; i < history.size(); ++i) is_unknown[i] = history[i].did.has_value();
  std::map<std::string, std::optional<std::string>> states;
  for (const Moment& moment : moments) {
    Operation& operation = history[moment.operation];
    Execute(operation, states[operation.key], random);
  }
  for (size_t i = 0; i < history.size(); ++i) {
    if (is_unknown[i]) Forget(history[i]);
  }
  return history;
}

std::optional<std::string> Spoil(History& history, Random& random) {
  std::map<std::string, std::vector<size_t>> parts;
  for (size_t i = 0; i < history.size(); ++i) parts[history[i].key].push_back(i);
  std::vector<std::string> keys;
  for (auto& [key, part] : parts) {
    keys.push_back(key);
    // From a random place on, or a long history would always be spoilt at its beginning.
    std::rotate(part.begin(), part.begin() + static_cast<int64_t>(random.Uniform(part.size())),
                part.end());
  }
  for (int attempt = 0; attempt < 20; ++attempt) {
    const std::string& key = keys[random.Uniform(keys.size())];
    const std::vector<size_t>& part = parts[key];
    switch (random.Uniform(4)) {
      case 0:
        if (MakeStale(history, part)) return "a stale read of " + key;
        break;
      case 1:
        if (MakeInvented(history, part)) return "a read of what nobody wrote in " + key;
        break;
      case 2:
        if (MakeDoubled(history, part)) return "two increments with one sum of " + key;
        break;
      default:
        if (MakeLostUpdate(history, part)) return "a lost update of " + key;
    }
  }
  return std::nullopt;
}

}  // namespace nokv::checker
