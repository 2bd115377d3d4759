#include "benchmark/ycsb/child.h"

#include "benchmark/ycsb/report.h"

#include <nlohmann/json.hpp>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace nokv::bench {
namespace {

constexpr const char* kStarting = "starting";
constexpr const char* kMeasured = "measured";
constexpr const char* kFailed = "failed";
constexpr const char* kOthersProcessors = "others_processors";

void SendLine(int fd, const nlohmann::json& message) {
  const std::string line = message.dump() + "\n";
  std::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t written = write(fd, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) _exit(1);  // The parent is gone, and with it the reason to go on.
    rest.remove_prefix(static_cast<size_t>(written));
  }
}

// Tells the listener what one line says. The child's failure is the result.
absl::Status HandleLine(const std::string& line, const RunListener& listener) {
  const nlohmann::json message = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (message.contains(kStarting)) {
    listener.starting(message[kStarting].get<std::string>());
  } else if (message.contains(kMeasured)) {
    Measurement measurement = MeasurementFromJson(message[kMeasured]);
    measurement.others_processors = message.value(kOthersProcessors, 0.0);
    listener.measured(measurement);
  } else if (message.contains(kFailed)) {
    return InternalError("{}", message[kFailed].get<std::string>());
  } else {
    return InternalError("the measuring process said '{}'", line);
  }
  return absl::OkStatus();
}

// Reads lines until the child closes its end.
absl::Status Listen(int fd, const ChildListener& listener) {
  absl::Status result;
  std::string pending;
  char buffer[4096];
  while (true) {
    pollfd event = {.fd = fd, .events = POLLIN, .revents = 0};
    const int ready = poll(&event, 1, /*timeout=*/1000);
    listener.tick();
    if (ready <= 0) continue;  // A second has passed, or a signal came.
    const ssize_t count = read(fd, buffer, sizeof(buffer));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return result;
    pending.append(buffer, static_cast<size_t>(count));
    for (size_t end; (end = pending.find('\n')) != std::string::npos;) {
      result.Update(HandleLine(pending.substr(0, end), listener.run));
      pending.erase(0, end + 1);
    }
  }
}

std::vector<std::string> ChildArguments(std::vector<std::string> arguments, const ChildTask& task) {
  arguments.insert(arguments.end(),
                   {"--child-engine", task.engine, "--child-run", std::to_string(task.run),
                    "--child-dir", task.directory, "--child-fd", std::to_string(task.result_fd)});
  return arguments;
}

[[noreturn]] void ExecuteSelf(const std::vector<std::string>& arguments) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::vector<char*> pointers;
  for (const std::string& argument : arguments) {
    pointers.push_back(const_cast<char*>(argument.c_str()));
  }
  pointers.push_back(nullptr);
  execv("/proc/self/exe", pointers.data());
  _exit(127);
}

absl::Status WaitFor(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return ErrnoStatus(errno, "wait for", "the measuring process");
  }
  if (WIFSIGNALED(status)) {
    return InternalError("the measuring process died of signal {} ({})", WTERMSIG(status),
                         strsignal(WTERMSIG(status)));
  }
  if (WEXITSTATUS(status) != 0) {
    return InternalError("the measuring process exited with code {}", WEXITSTATUS(status));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status RunInChild(const std::vector<std::string>& arguments, const ChildTask& task,
                        const ChildListener& listener) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return ErrnoStatus(errno, "make", "a pipe");
  ChildTask with_pipe = task;
  with_pipe.result_fd = ends[1];
  const std::vector<std::string> child_arguments = ChildArguments(arguments, with_pipe);
  const pid_t pid = fork();
  if (pid < 0) {
    const int error = errno;
    close(ends[0]);
    close(ends[1]);
    return ErrnoStatus(error, "fork", "the measuring process");
  }
  if (pid == 0) {
    fcntl(ends[1], F_SETFD, 0);  // The one descriptor that the new program inherits.
    ExecuteSelf(child_arguments);
  }
  close(ends[1]);
  absl::Status result = Listen(ends[0], listener);
  close(ends[0]);
  result.Update(WaitFor(pid));
  return result;
}

int ChildMain(const Settings& settings) {
  const int fd = settings.child->result_fd;
  const RunListener listener = {
      .starting =
          [fd](const std::string& workload) {
            SendLine(fd, {{kStarting, workload}});
          },
      .measured =
          [fd](const Measurement& measurement) {
            SendLine(fd, {{kMeasured, ToJson(measurement)},
                          {kOthersProcessors, measurement.others_processors}});
          },
  };
  const absl::Status status = RunEngine(settings, listener);
  if (status.ok()) return 0;
  SendLine(fd, {{kFailed, std::string(StdView(status.message()))}});
  return 1;
}

}  // namespace nokv::bench
