// `nokv pd` as its users have it: a real process, real sockets, kill -9.
#include "engine/base/clock.h"
#include "engine/vfs/scratch_directory.h"
#include "pd/rpc/test_driver.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <arpa/inet.h>
#include <atomic>
#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <netinet/in.h>
#include <sstream>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace nokv::cli {
namespace {

uint16_t FreePort() {
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* const raw = reinterpret_cast<sockaddr*>(&address);
  REQUIRE(::bind(listener, raw, size) == 0);
  REQUIRE(::getsockname(listener, raw, &size) == 0);
  ::close(listener);
  return ntohs(address.sin_port);
}

// A run of the program `nokv`; what it prints goes to a file.
class Run {
 public:
  Run(const std::string& log, const std::vector<std::string>& arguments) : log_(log) {
    std::vector<char*> words = {const_cast<char*>(NOKV_PROGRAM)};
    for (const std::string& word : arguments) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    const int out = ::open(log.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0644);
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      ::dup2(out, STDOUT_FILENO);
      ::dup2(out, STDERR_FILENO);
      ::execv(NOKV_PROGRAM, words.data());
      ::_exit(127);
    }
    ::close(out);
  }

  ~Run() {
    if (pid_ > 0) Kill(SIGKILL);
  }

  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  std::string output() const {
    std::ifstream file(log_);
    return (std::stringstream() << file.rdbuf()).str();
  }

  // Until it says that it serves, or ends.
  void AwaitReady() const {
    while (output().find("ready on") == std::string::npos) {
      int code = 0;
      const bool has_ended = ::waitpid(pid_, &code, WNOHANG) != 0;
      INFO(output());
      REQUIRE_FALSE(has_ended);
      SystemClock().SleepFor(absl::Milliseconds(2));
    }
  }

  // The code that it ends with; -1 for a signal.
  int Await() {
    int code = 0;
    REQUIRE(::waitpid(pid_, &code, 0) == pid_);
    pid_ = 0;
    return WIFEXITED(code) ? WEXITSTATUS(code) : -1;
  }

  int Kill(int signal) {
    ::kill(pid_, signal);
    return Await();
  }

 private:
  const std::string log_;
  pid_t pid_ = 0;
};

struct Place {
  vfs::ScratchDirectory directory;
  uint16_t port = FreePort();

  std::string file(const std::string& name) const { return directory.path() + "/" + name; }

  std::string address() const { return fmt::format("127.0.0.1:{}", port); }

  std::unique_ptr<Run> Start(std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments = {"pd", "--workdir", file("pd"), "--addr", address()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return std::make_unique<Run>(file("log"), arguments);
  }

  std::unique_ptr<Run> StartReady(std::vector<std::string> more = {}) const {
    auto run = Start(std::move(more));
    run->AwaitReady();
    return run;
  }

  // The exit code of a driver that can't start, and what it said.
  std::string Refusal(const std::vector<std::string>& arguments) const {
    Run run(file("refusal"), arguments);
    REQUIRE(run.Await() == 1);
    return run.output();
  }
};

struct Caller {
  std::unique_ptr<Executor> executor = NewThreadPool(1);
  pd::GrpcPdClient client;

  explicit Caller(const Place& place)
      : client({.address = place.address()}, *executor, SystemClock(), net::Poller::OfCalls()) {}
};

// Timestamps and ids of several callers while the driver is killed under them.
struct Draws {
  std::atomic<uint64_t> newest{0};  // Timestamp that anybody has got.
  std::atomic<bool> is_over{false};
  std::atomic<bool> went_back{false};
  std::atomic<uint64_t> failures{0};
  std::atomic<uint64_t> draws{0};

  void DrawTimestamps(const Place& place) {
    Caller caller(place);
    while (!is_over) {
      const uint64_t before = newest;
      pd::v1::TsoRequest request;
      request.set_count(3);
      const auto response = pd::Await(caller.client, &pd::PdClient::Tso, request);
      if (!response.ok()) {
        ++failures;
        continue;
      }
      ++draws;
      if (response->first_timestamp() <= before) went_back = true;
      const uint64_t last = response->first_timestamp() + 2;
      uint64_t known = newest;
      while (known < last && !newest.compare_exchange_weak(known, last)) {
      }
    }
  }

  void DrawIds(const Place& place, std::vector<uint64_t>& ids) {
    Caller caller(place);
    while (!is_over) {
      const auto response =
          pd::Await(caller.client, &pd::PdClient::AllocId, pd::v1::AllocIdRequest());
      if (response.ok()) ids.push_back(response->first_id());
    }
  }
};

TEST_CASE("timestamps rise for all callers and ids are unique, however often the driver is killed",
          "[pd][process]") {
  const Place place;
  auto run = place.StartReady();
  Draws draws;
  std::vector<std::vector<uint64_t>> ids(2);
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) threads.emplace_back([&] { draws.DrawTimestamps(place); });
  for (auto& mine : ids) threads.emplace_back([&] { draws.DrawIds(place, mine); });
  for (int kill = 0; kill < 5; ++kill) {
    const uint64_t enough = draws.draws + 200;
    while (draws.draws < enough) SystemClock().SleepFor(absl::Milliseconds(1));
    REQUIRE(run->Kill(SIGKILL) == -1);
    run = place.StartReady();
  }
  const uint64_t enough = draws.draws + 200;
  while (draws.draws < enough) SystemClock().SleepFor(absl::Milliseconds(1));
  draws.is_over = true;
  for (std::thread& thread : threads) thread.join();
  REQUIRE_FALSE(draws.went_back.load());
  std::vector<uint64_t> all;
  for (const auto& mine : ids) all.insert(all.end(), mine.begin(), mine.end());
  std::sort(all.begin(), all.end());
  REQUIRE(all.size() > 100);
  REQUIRE(std::adjacent_find(all.begin(), all.end()) == all.end());
  REQUIRE(run->Kill(SIGTERM) == 0);
}

TEST_CASE("a topology's regions are known from the start, and their ids taken", "[pd][process]") {
  const Place place;
  const auto run = place.StartReady({"--config", NOKV_TOPOLOGY});
  Caller caller(place);
  const auto scan =
      pd::Await(caller.client, &pd::PdClient::ScanRegions, pd::v1::ScanRegionsRequest());
  REQUIRE(scan->routes_size() == 4);
  REQUIRE(scan->routes(0).region().peers_size() == 3);
  REQUIRE(pd::Await(caller.client, &pd::PdClient::AllocId, pd::v1::AllocIdRequest())->first_id() >
          304);
  REQUIRE(run->Kill(SIGTERM) == 0);
}

TEST_CASE("a driver is refused what is another's, and leaves it alone", "[pd][process]") {
  const Place place;
  {
    const auto run = place.StartReady({"--cluster-id", "abc"});
    const std::string in_use = place.Refusal(
        {"pd", "--workdir", place.file("pd"), "--addr", fmt::format("127.0.0.1:{}", FreePort())});
    REQUIRE(in_use.find(place.file("pd")) != std::string::npos);
    const std::string taken =
        place.Refusal({"pd", "--workdir", place.file("other"), "--addr", place.address()});
    REQUIRE(taken.find(place.address()) != std::string::npos);
    Caller caller(place);
    REQUIRE(pd::Await(caller.client, &pd::PdClient::Tso, pd::v1::TsoRequest()).ok());
    REQUIRE(run->Kill(SIGTERM) == 0);
  }
  const std::string other_cluster =
      place.Refusal({"pd", "--workdir", place.file("pd"), "--cluster-id", "def"});
  REQUIRE(other_cluster.find("0000000000000abc") != std::string::npos);
  REQUIRE(other_cluster.find("0000000000000def") != std::string::npos);

  Run set(place.file("log"), {"set", "--workdir", place.file("db"), "key", "value"});
  REQUIRE(set.Await() == 0);
  REQUIRE(place.Refusal({"pd", "--workdir", place.file("db")}).find("not a placement driver's") !=
          std::string::npos);
  Run get(place.file("log"), {"get", "--workdir", place.file("db"), "key"});
  REQUIRE(get.Await() == 0);
  REQUIRE(get.output() == "value");

  REQUIRE(::mkdir(place.file("letters").c_str(), 0755) == 0);
  std::ofstream(place.file("letters/letter.txt")) << "dear";
  REQUIRE(place.Refusal({"pd", "--workdir", place.file("letters")}).find("letter") !=
          std::string::npos);
}

TEST_CASE("a command line that makes no sense is a usage error", "[pd][process]") {
  const Place place;
  const std::vector<std::vector<std::string>> wrong = {
      {"pd"},
      {"pd", "--workdir", "w", "--addr", "nowhere"},
      {"pd", "--workdir", "w", "--cluster-id", "xyz"},
      {"pd", "--workdir", "w", "--no-such-flag"},
  };
  for (const auto& arguments : wrong) {
    Run run(place.file("log"), arguments);
    REQUIRE(run.Await() == 2);
    REQUIRE_FALSE(run.output().empty());
  }
}

}  // namespace
}  // namespace nokv::cli
