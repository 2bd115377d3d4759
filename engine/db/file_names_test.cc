#include "engine/db/file_names.h"

#include "engine/log/segment.h"
#include "engine/log/value_file.h"
#include "engine/lsm/compaction_job.h"
#include "engine/lsm/manifest.h"

#include <catch2/catch.hpp>

namespace nokv {
namespace {

void RequireIs(std::string_view name, FileKind kind, uint64_t number) {
  INFO(name);
  const std::optional<FileName> parsed = ParseFileName(name);
  REQUIRE(parsed.has_value());
  REQUIRE(parsed->kind == kind);
  REQUIRE(parsed->number == number);
}

}  // namespace

TEST_CASE("the names that the engine gives are known to it", "[files]") {
  for (const uint32_t number : {0u, 7u, 999'999u, 1'000'000u, UINT32_MAX}) {
    RequireIs(log::SegmentFileName(number), FileKind::kSegment, number);
    RequireIs(log::ValueFileName(number), FileKind::kValueFile, number);
    RequireIs(lsm::TableFileName(number), FileKind::kTable, number);
    RequireIs(lsm::ManifestFileName(number), FileKind::kManifest, number);
  }
  RequireIs("000003.spare", FileKind::kSpare, 3);
  RequireIs(lsm::kCurrentFileName, FileKind::kCurrent, 0);
  RequireIs("CURRENT.tmp", FileKind::kTemporary, 0);
  RequireIs(kLockFileName, FileKind::kLock, 0);
  RequireIs(kReserveFileName, FileKind::kReserve, 0);
  REQUIRE(log::SegmentFileName(12) == "000012.log");
  REQUIRE(lsm::ManifestFileName(5) == "MANIFEST-000005");
}

TEST_CASE("other names are nobody's", "[files]") {
  for (const char* name : {"",
                           ".",
                           "..",
                           "log",
                           ".log",
                           "12",
                           "000012",
                           "000012.",
                           "000012.logs",
                           "000012.LOG",
                           "a00012.log",
                           "0000x2.log",
                           "-00012.log",
                           "+12.log",
                           " 12.log",
                           "000012.log ",
                           "12.5.log",
                           "99999999999999999999.log",
                           "MANIFEST",
                           "MANIFEST-",
                           "MANIFEST-x",
                           "MANIFEST-5.tmp",
                           "manifest-000005",
                           "current",
                           "CURRENT.bak",
                           "LOCK.tmp",
                           "lost+found",
                           "README.md"}) {
    INFO('"' << name << '"');
    REQUIRE_FALSE(ParseFileName(name).has_value());
  }
}

}  // namespace nokv
