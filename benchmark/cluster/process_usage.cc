#include "benchmark/cluster/process_usage.h"

#include <fstream>
#include <sstream>
#include <string>
#include <unistd.h>

namespace nokv::bench {
namespace {

std::string ContentsOf(const std::string& path) {
  std::ifstream file(path);
  std::stringstream contents;
  contents << file.rdbuf();
  return contents.str();
}

}  // namespace

absl::StatusOr<ProcessUsage> UsageOf(int process_id) {
  const std::string folder = fmt::format("/proc/{}", process_id);
  const std::string stat = ContentsOf(folder + "/stat");
  // Fields follow the name in brackets, which may hold anything: the 12th and 13th behind it are
  // ticks of user and system time, the 22nd resident pages (proc(5)).
  const size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) {
    return NotFoundError("process {} can't be looked at", process_id);
  }
  std::istringstream fields(stat.substr(name_end + 1));
  ProcessUsage usage;
  std::string field;
  for (int i = 1; i <= 22 && fields >> field; ++i) {
    if (i == 12 || i == 13) {
      usage.cpu_seconds += std::stod(field) / static_cast<double>(sysconf(_SC_CLK_TCK));
    }
    if (i == 22) usage.resident_bytes = std::stoull(field) * static_cast<uint64_t>(getpagesize());
  }
  std::istringstream counters(ContentsOf(folder + "/io"));
  while (counters >> field) {
    uint64_t value = 0;
    counters >> value;
    if (field == "write_bytes:") usage.written_bytes = value;
  }
  return usage;
}

}  // namespace nokv::bench
