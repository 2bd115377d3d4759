// The schema for editors says what the reader says: the same names, needs and bounds.

#include "cmd/config/topology.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <set>
#include <string>

namespace nokv::config {
namespace {

using Json = nlohmann::ordered_json;

Json LoadJson(const std::string& name) {
  const auto text =
      vfs::ReadFile(vfs::PosixFileSystem(), NOKV_DEPLOY_DIR "/" + name, kFileBytesMax);
  REQUIRE(text.ok());
  return Json::parse(*text);
}

// Follows "$ref", also where it stands behind "allOf" so that it can have a description beside it.
const Json& Resolved(const Json& schema, const Json& root) {
  if (schema.contains("allOf")) return Resolved(schema["allOf"][0], root);
  if (!schema.contains("$ref")) return schema;
  const std::string reference = schema["$ref"];
  return root.at(Json::json_pointer(reference.substr(1)));
}

// The one problem, as "pointer: message"; empty if there is none.
std::string OnlyProblem(const Json& document) {
  const auto outcome = Validate(document.dump());
  if (std::holds_alternative<Topology>(outcome)) return "";
  const Problems& problems = std::get<Problems>(outcome);
  INFO(ToText(problems, "document"));
  CHECK(problems.count == 1);
  return problems.listed[0].pointer + ": " + problems.listed[0].message;
}

// The problem at exactly that place; there may be others, which follow from it.
std::string ProblemAt(const Json& document, const std::string& pointer) {
  const auto outcome = Validate(document.dump());
  if (std::holds_alternative<Topology>(outcome)) return "";
  for (const Problem& problem : std::get<Problems>(outcome).listed) {
    if (problem.pointer == pointer) return problem.message;
  }
  return "";
}

std::string ListOfNames(const Json& properties) {
  std::string names;
  for (const auto& [name, schema] : properties.items()) names += (names.empty() ? "" : ", ") + name;
  return names;
}

// The example with everything in it that the schema knows.
Json FullExample() {
  Json example = LoadJson("raft_config.example.json");
  example["tls"] = {{"ca_file", "ca"}, {"cert_file", "cert"}, {"key_file", "key"}};
  for (Json& store : example["stores"]) {
    const std::string id = store["store_id"].dump();
    store["work_dir"] = "host" + id;
    store["docker_work_dir"] = "docker" + id;
  }
  return example;
}

void CheckObject(const Json& schema, const Json::json_pointer& at, const Json& full) {
  CHECK(schema["additionalProperties"] == false);
  Json more = full;
  more[at]["no such key at all"] = 1;
  CHECK(OnlyProblem(more) == fmt::format("{}/no such key at all: unknown key; expected one of {}",
                                         at.to_string(), ListOfNames(schema["properties"])));

  const auto required = schema["required"].get<std::set<std::string>>();
  for (const auto& [name, property] : schema["properties"].items()) {
    CAPTURE(name);
    if (!full[at].contains(name) || name == "start_slot" || name == "end_slot") continue;
    Json less = full;
    less[at].erase(name);
    const std::string message = ProblemAt(less, at.to_string());
    CHECK(message.starts_with("\"" + name + "\" is missing") == required.contains(name));
  }
}

void CheckNumber(const Json& schema, const Json::json_pointer& at, const Json& full) {
  const uint64_t min = schema["minimum"];
  const uint64_t max = schema["maximum"];
  const std::string expected = fmt::format("expected a whole number from {} to {}", min, max);
  const auto message_for = [&](const Json& number) {
    Json changed = full;
    changed[at] = number;
    return ProblemAt(changed, at.to_string());
  };
  CHECK(message_for(max + 1).starts_with(expected));
  CHECK(message_for(static_cast<int64_t>(min) - 1).starts_with(expected));
  CHECK_FALSE(message_for(max).starts_with(expected));
  CHECK_FALSE(message_for(min).starts_with(expected));
}

void CheckArray(const Json& schema, const Json::json_pointer& at, const Json& full) {
  Json empty = full;
  empty[at] = Json::array();
  CHECK(
      ProblemAt(empty, at.to_string())
          .starts_with(fmt::format("expected an array of {} to {} elements",
                                   schema["minItems"].get<int>(), schema["maxItems"].get<int>())));
}

void CheckString(const Json& schema, const Json::json_pointer& at, const Json& full) {
  if (!schema.contains("minLength")) return;  // An address, a key or nothing to check.
  Json changed = full;
  changed[at] = "";
  CHECK(ProblemAt(changed, at.to_string())
            .starts_with(fmt::format("expected a path of {} to {} bytes",
                                     schema["minLength"].get<int>(),
                                     schema["maxLength"].get<int>())));
}

int CheckAll(const Json& schema, const Json::json_pointer& at, const Json& full, const Json& root) {
  CAPTURE(at.to_string());
  const std::string type = schema["type"];
  int checked = 1;
  if (type == "object") {
    CheckObject(schema, at, full);
    for (const auto& [name, property] : schema["properties"].items()) {
      if (!full[at].contains(name)) continue;
      checked += CheckAll(Resolved(property, root), at / name, full, root);
    }
  } else if (type == "array") {
    CheckArray(schema, at, full);
    for (size_t i = 0; i < full[at].size(); ++i) {
      checked += CheckAll(Resolved(schema["items"], root), at / i, full, root);
    }
  } else if (type == "integer") {
    CheckNumber(schema, at, full);
  } else {
    REQUIRE(type == "string");
    CheckString(schema, at, full);
  }
  return checked;
}

TEST_CASE("the schema and the reader know the same names, needs and bounds", "[config]") {
  const Json schema = LoadJson("raft_config.schema.json");
  const Json full = FullExample();
  CHECK(OnlyProblem(full).empty());
  CHECK(CheckAll(schema, Json::json_pointer(""), full, schema) > 100);
}

TEST_CASE("the example names the schema that lies beside it", "[config]") {
  CHECK(LoadJson("raft_config.example.json")["$schema"] == "./raft_config.schema.json");
}

}  // namespace
}  // namespace nokv::config
