#include "benchmark/ycsb/engines/engines.h"

namespace nokv::bench {
namespace {

class NullSession final : public Session {
 public:
  absl::Status Put(std::string_view, std::string_view) override { return absl::OkStatus(); }

  absl::StatusOr<bool> Get(std::string_view, std::string*) override { return true; }

  absl::StatusOr<uint32_t> Scan(std::string_view, uint32_t rows, std::string*) override {
    return rows;
  }
};

class NullEngine final : public Engine {
 public:
  std::unique_ptr<Session> NewSession() override { return std::make_unique<NullSession>(); }

  bool keeps_data() const override { return false; }
};

}  // namespace

EngineOr OpenNull(const EngineOptions&) { return std::make_unique<NullEngine>(); }

}  // namespace nokv::bench
