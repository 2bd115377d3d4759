#include "proto/net/log.h"

#include <grpc/support/log.h>

namespace nokv::net {
namespace {

void (*line_sink)(std::string_view line) = nullptr;

}  // namespace

void SendLogTo(void (*sink)(std::string_view line)) {
  line_sink = sink;
  gpr_set_log_function([](gpr_log_func_args* line) { line_sink(line->message); });
}

}  // namespace nokv::net
