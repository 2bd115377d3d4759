#include "tests/support/child.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <cstdio>
#include <sys/wait.h>
#include <unistd.h>

namespace nokv::tests {
namespace {

// No sanitizer and no library ends a process with these.
constexpr int kNotFound = 17;
constexpr int kFound = 18;

}  // namespace

bool IsFoundInChild(std::string_view name, const std::function<bool()>& hunt) {
  std::fflush(stdout);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const bool is_found = hunt();
    std::fflush(stdout);
    ::_exit(is_found ? kFound : kNotFound);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  if (WIFSIGNALED(status)) {
    fmt::print("{}: found by a failed check (signal {})\n", name, WTERMSIG(status));
    return true;
  }
  return WEXITSTATUS(status) == kFound;
}

}  // namespace nokv::tests
