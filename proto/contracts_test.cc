// What is on the wire stays: names of calls, numbers and types of fields. contracts.txt holds them
// as text. Adding is free: run this with NOKV_WRITE_CONTRACTS=1. Changing a line that was released
// is not.
#include "proto/kv.pb.h"
#include "proto/pd.pb.h"
#include "proto/raft.pb.h"

#include <catch2/catch.hpp>
#include <google/protobuf/descriptor.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

namespace nokv {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;

std::string TypeOf(const FieldDescriptor& field) {
  const std::string repeated = field.is_repeated() ? "repeated " : "";
  if (field.message_type() != nullptr) return repeated + field.message_type()->full_name();
  if (field.enum_type() != nullptr) return repeated + field.enum_type()->full_name();
  return repeated + field.type_name();
}

void Describe(const Descriptor& message, std::ostream& out) {
  for (int i = 0; i < message.field_count(); ++i) {
    const FieldDescriptor& field = *message.field(i);
    out << field.full_name() << " = " << field.number() << " " << TypeOf(field);
    if (field.real_containing_oneof() != nullptr) {
      out << " of " << field.real_containing_oneof()->name();
    }
    out << "\n";
  }
}

void Describe(const EnumDescriptor& values, std::ostream& out) {
  for (int i = 0; i < values.value_count(); ++i) {
    out << values.full_name() << "." << values.value(i)->name() << " = "
        << values.value(i)->number() << "\n";
  }
}

void Describe(const ServiceDescriptor& service, std::ostream& out) {
  for (int i = 0; i < service.method_count(); ++i) {
    const MethodDescriptor& method = *service.method(i);
    out << "rpc " << method.full_name() << (method.client_streaming() ? " stream " : " ")
        << method.input_type()->full_name() << (method.server_streaming() ? " stream " : " ")
        << method.output_type()->full_name() << "\n";
  }
}

void Describe(const FileDescriptor& file, std::set<std::string>& done, std::ostream& out) {
  if (!done.insert(file.name()).second) return;
  for (int i = 0; i < file.dependency_count(); ++i) Describe(*file.dependency(i), done, out);
  for (int i = 0; i < file.service_count(); ++i) Describe(*file.service(i), out);
  for (int i = 0; i < file.enum_type_count(); ++i) Describe(*file.enum_type(i), out);
  for (int i = 0; i < file.message_type_count(); ++i) Describe(*file.message_type(i), out);
}

TEST_CASE("the contracts between processes are those that were written down", "[proto]") {
  std::ostringstream now;
  std::set<std::string> done;
  Describe(*kv::v1::Command::descriptor()->file(), done, now);
  Describe(*pd::v1::Route::descriptor()->file(), done, now);
  Describe(*raft::v1::Frame::descriptor()->file(), done, now);
  if (std::getenv("NOKV_WRITE_CONTRACTS") != nullptr) std::ofstream(NOKV_CONTRACTS) << now.str();

  std::ifstream file(NOKV_CONTRACTS);
  std::ostringstream written;
  written << file.rdbuf();
  REQUIRE(now.str() == written.str());
}

TEST_CASE("calls have the names that clients rely on", "[proto]") {
  const FileDescriptor& kv = *kv::v1::Command::descriptor()->file();
  const ServiceDescriptor* const kv_service = kv.FindServiceByName("Kv");
  REQUIRE(kv_service != nullptr);
  REQUIRE(kv_service->full_name() == "nokv.kv.v1.Kv");
  for (const char* name : {"KvGet", "KvBatchGet", "KvScan", "KvPrewrite", "KvCommit",
                           "KvBatchRollback", "KvResolveLock", "KvCheckTxnStatus"}) {
    INFO(name);
    REQUIRE(kv_service->FindMethodByName(name) != nullptr);
  }
  const ServiceDescriptor* const pd = pd::v1::Route::descriptor()->file()->FindServiceByName("Pd");
  REQUIRE(pd != nullptr);
  REQUIRE(pd->full_name() == "nokv.pd.v1.Pd");
  for (const char* name :
       {"StoreHeartbeat", "RegionHeartbeat", "RemoveRegion", "GetRegionByKey", "AllocID", "Tso"}) {
    INFO(name);
    REQUIRE(pd->FindMethodByName(name) != nullptr);
  }
}

}  // namespace
}  // namespace nokv
