#include "tests/lint/lint.h"

#include "tests/lint/test_names.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <set>

namespace nokv::lint {
namespace {

const std::vector<SourceFile>& Tree() {
  static const std::vector<SourceFile> kTree = LoadSources(NOKV_SOURCE_DIR);
  return kTree;
}

const std::string& TextOf(const std::string& path) {
  const auto found = std::find_if(Tree().begin(), Tree().end(),
                                  [&path](const SourceFile& file) { return file.path == path; });
  INFO(path);
  REQUIRE(found != Tree().end());
  return found->text;
}

void AddTo(Complaints& all, const Complaints& some) {
  all.insert(all.end(), some.begin(), some.end());
}

void RequireNone(const Complaints& complaints) {
  for (const std::string& complaint : complaints) UNSCOPED_INFO(complaint);
  REQUIRE(complaints.empty());
}

Layers OurLayers() {
  Complaints complaints;
  Layers layers = ParseLayers(TextOf("tests/lint/layers.txt"), complaints);
  RequireNone(complaints);
  return layers;
}

// --- The tree keeps the rules.

TEST_CASE("modules include only what their layer may", "[lint]") {
  const Layers layers = OurLayers();
  Complaints complaints;
  for (const SourceFile& file : Tree()) {
    const bool is_outside = file.path.starts_with("tests/consumer/");  // A project of its own.
    if (IsCpp(file.path) && !is_outside) AddTo(complaints, CheckLayers(file, layers));
  }
  RequireNone(complaints);
}

TEST_CASE("the layers have one direction", "[lint]") {
  const Layers layers = OurLayers();
  std::set<std::string> settled;  // Modules all of whose dependencies are settled.
  for (size_t round = 0; round < layers.size(); ++round) {
    for (const auto& [name, module] : layers) {
      const bool is_ready = std::all_of(module.may_include.begin(), module.may_include.end(),
                                        [&](const std::string& m) { return settled.contains(m); });
      if (is_ready) settled.insert(name);
    }
  }
  for (const auto& [name, module] : layers) {
    INFO(name << " includes itself in a circle");
    REQUIRE(settled.contains(name));
  }
}

TEST_CASE("banned words stand only where they may", "[lint]") {
  const std::vector<Row> rules = ParseTable(TextOf("tests/lint/rules.txt"));
  REQUIRE(rules.size() > 20);
  Complaints complaints;
  for (const SourceFile& file : Tree()) {
    if (IsCpp(file.path)) AddTo(complaints, CheckWords(file, rules));
  }
  RequireNone(complaints);
}

TEST_CASE("libraries are included only where they may be", "[lint]") {
  const std::vector<Row> rules = ParseTable(TextOf("tests/lint/includes.txt"));
  REQUIRE(rules.size() > 10);
  Complaints complaints;
  for (const SourceFile& file : Tree()) {
    if (IsCpp(file.path)) AddTo(complaints, CheckLibraries(file, rules));
  }
  RequireNone(complaints);
}

TEST_CASE("headers open with what they are and how threads may use them", "[lint]") {
  Complaints complaints;
  for (const SourceFile& file : Tree()) {
    if (IsHeader(file.path)) AddTo(complaints, CheckHeader(file));
  }
  RequireNone(complaints);
}

TEST_CASE("files are short, or excepted with a reason", "[lint]") {
  const std::vector<Row> exceptions = ParseTable(TextOf("tests/lint/exceptions.txt"));
  Complaints complaints;
  for (const SourceFile& file : Tree()) {
    if (IsCpp(file.path)) AddTo(complaints, CheckLength(file, exceptions));
  }
  for (const Row& row : exceptions)
    TextOf(row.front());  // An exception names a file that is there.
  RequireNone(complaints);
}

TEST_CASE("texts are clean and name nobody's machine", "[lint]") {
  Complaints complaints;
  for (const SourceFile& file : Tree()) AddTo(complaints, CheckText(file));
  RequireNone(complaints);
}

TEST_CASE("every component has a README", "[lint]") {
  std::set<std::string> paths;
  for (const SourceFile& file : Tree()) paths.insert(file.path);
  Complaints complaints;
  for (const auto& [name, module] : OurLayers()) {
    const std::string folder = module.folder + "/";
    const bool has_code = std::any_of(paths.begin(), paths.end(), [&folder](const auto& path) {
      return IsCpp(path) && path.starts_with(folder);
    });
    // What only tests use is described where the tests are.
    const bool is_described = name == "support" || paths.contains(folder + "README.md");
    if (has_code && !is_described) complaints.push_back(folder + "README.md is missing");
  }
  RequireNone(complaints);
}

TEST_CASE("links in documents lead somewhere", "[lint]") {
  std::set<std::string> paths;
  for (const SourceFile& file : Tree()) paths.insert(file.path);
  Complaints complaints;
  for (const SourceFile& file : Tree()) AddTo(complaints, CheckLinks(file, paths));
  RequireNone(complaints);
}

TEST_CASE("tests that documents quote are there", "[lint]") {
  Complaints complaints;
  for (const SourceFile& file : Tree()) AddTo(complaints, CheckQuotes(file, Tree()));
  RequireNone(complaints);
}

TEST_CASE("each fault that is known elsewhere has a test", "[lint]") {
  const auto faults = std::find_if(Tree().begin(), Tree().end(), [](const SourceFile& file) {
    return file.path == "docs/faults.md";
  });
  REQUIRE(faults != Tree().end());
  REQUIRE(QuotesOf(*faults).size() > 40);
  RequireNone(CheckRowsQuote(*faults));
}

// --- The rules find what they are for.

SourceFile File(std::string path, std::string text) {
  return {.path = std::move(path), .text = std::move(text)};
}

TEST_CASE("an include against the layers is found", "[lint]") {
  Complaints complaints;
  const Layers layers =
      ParseLayers("base lib/base :\nlog lib/log : base # why\ntop lib : base\n", complaints);
  REQUIRE(complaints.empty());
  REQUIRE(CheckLayers(File("lib/log/a.cc", "#include \"lib/base/b.h\"\n"), layers).empty());
  REQUIRE(CheckLayers(File("lib/log/a.cc", "#include \"lib/log/b.h\"\n"), layers).empty());
  REQUIRE(CheckLayers(File("lib/base/a.cc", "\n#include \"lib/log/b.h\"\n"), layers) ==
          Complaints{"lib/base/a.cc:2: base may not include log (\"lib/log/b.h\"); see "
                     "tests/lint/layers.txt"});
  REQUIRE(CheckLayers(File("lib/a.cc", "#  include \"lib/log/b.h\"\n"), layers).size() == 1);
  REQUIRE(CheckLayers(File("lib/log/a.cc", "#include \"b.h\"\n"), layers).size() == 1);
  REQUIRE(CheckLayers(File("elsewhere/a.cc", "\n"), layers).size() == 1);
}

TEST_CASE("a mistake in the layers is found", "[lint]") {
  Complaints complaints;
  ParseLayers("base lib/base\nlog lib/log : bass\n", complaints);
  REQUIRE(complaints.size() == 2);
}

TEST_CASE("a banned word is found in code and nowhere else", "[lint]") {
  const std::vector<Row> rules = ParseTable("throw | may/*.cc | return a status\n");
  const auto count = [&rules](std::string text) {
    return CheckWords(File("a.cc", std::move(text)), rules).size();
  };
  REQUIRE(count("int a; throw a;\n") == 1);
  REQUIRE(count("throw 1; // throw\nthrow 2;\n") == 2);
  REQUIRE(count("// throw\n/* throw\n throw */ rethrow(); throw_(); \n") == 0);
  REQUIRE(count("f(\"throw \\\" throw\"); g('\"'); h(\"\");\n") == 0);
  REQUIRE(count("f('\"'); throw 1; g('\"');\n") == 1);
  REQUIRE(count("f(R\"x(throw \" )\" throw)x\");\n") == 0);
  REQUIRE(count("f(1'000'000); throw 1; g(2'0);\n") == 1);
  REQUIRE(CheckWords(File("may/b.cc", "throw;\n"), rules).empty());
}

TEST_CASE("a library in the wrong place is found", "[lint]") {
  const std::vector<Row> rules = ParseTable("big/ | top/*.cc | slow\nfcntl.h | | files\n");
  REQUIRE(CheckLibraries(File("top/a.h", "#include <big/x.h>\n"), rules).size() == 1);
  REQUIRE(CheckLibraries(File("top/a.cc", "#include <big/x.h>\n"), rules).empty());
  REQUIRE(CheckLibraries(File("top/a.cc", "#include <fcntl.h>\n"), rules).size() == 1);
  REQUIRE(CheckLibraries(File("top/a.cc", "#include <sys/fcntl.h>\n"), rules).empty());
}

TEST_CASE("a header that does not introduce itself is found", "[lint]") {
  REQUIRE(
      CheckHeader(File("a.h", "// A thing.\n//\n// Thread-safety: none.\n#pragma once\n")).empty());
  REQUIRE(CheckHeader(File("a.h", "// A thing.\n#pragma once\n")).size() == 1);
  REQUIRE(CheckHeader(File("a.h", "// Thread-safety: none.\n\n#include <a>\n")).size() == 1);
  REQUIRE(CheckHeader(File("a.h", "#pragma once\n")).size() == 2);
}

TEST_CASE("a file that is too long is found, and so is an exception that outlived its need",
          "[lint]") {
  const auto file = [](size_t lines) { return File("a.cc", std::string(lines, '\n')); };
  const std::vector<Row> exceptions = ParseTable("a.cc | 600 | one table\n");
  REQUIRE(CheckLength(file(500), {}).empty());
  REQUIRE(CheckLength(file(501), {}).size() == 1);
  REQUIRE(CheckLength(file(600), exceptions).empty());
  REQUIRE(CheckLength(file(601), exceptions).size() == 1);
  REQUIRE(CheckLength(file(599), exceptions).size() == 1);
  REQUIRE(CheckLength(file(100), exceptions).size() == 1);
}

TEST_CASE("untidy text is found", "[lint]") {
  REQUIRE(CheckText(File("a.md", "Good.\n")).empty());
  REQUIRE(CheckText(File("a.md", "Bad. \n")).size() == 1);
  REQUIRE(CheckText(File("a.md", "Bad.")).size() == 1);
  REQUIRE(CheckText(File("a.cc", "\tBad\n")).size() == 1);
  REQUIRE(CheckText(File("a.cc", "// TODO(#12): good\n")).empty());
  REQUIRE(CheckText(File("a.cc", "// TODO: bad\n")).size() == 1);
  REQUIRE(CheckText(File("a.sh", "cd /home/somebody\n")).size() == 1);
}

TEST_CASE("a link to nowhere is found", "[lint]") {
  const std::set<std::string> paths = {"README.md", "docs/a.md", "engine/db.h"};
  const auto count = [&paths](std::string text) {
    return CheckLinks(File("docs/a.md", std::move(text)), paths).size();
  };
  REQUIRE(count("[a](a.md) [r](../README.md#start) [e](../engine/db.h) [f](../engine/)\n") == 0);
  REQUIRE(count("[w](https://example.org/a.md) [s](#here)\n") == 0);
  REQUIRE(count("[b](b.md) and [c](../c.md)\n") == 2);
  REQUIRE(CheckLinks(File("a.cc", "[b](b.md)\n"), paths).empty());
}

TEST_CASE("a quote of a test that is not there is found", "[lint]") {
  const std::vector<SourceFile> files = {
      File("a/b_test.cc",
           "TEST_CASE(\"one thing\", \"[x]\") {\nTEST_CASE(\"a long \"\n \"name\") {\n"),
      File("c_test.py", "  def test_three_things(self):\n"),
      File("a/s.txt", "# Four things,\n# and more.\n\ncluster\n")};
  const auto count = [&files](std::string text) {
    return CheckQuotes(File("docs/d.md", std::move(text)), files).size();
  };
  REQUIRE(count("| x | [b](../a/b_test.cc): *one thing*, *a long name* |\n") == 0);
  REQUIRE(count("[c](../c_test.py): *three things*; [s](../a/s.txt): *Four things, and more*\n") ==
          0);
  REQUIRE(count("[b](../a/b_test.cc) is: *no quote*, and [w](https://example.org) none\n") == 0);
  REQUIRE(count("[b](../a/b_test.cc): *one thin*\n") == 1);
  REQUIRE(count("[b](../a/b_test.cc): *one thing*, *x*\n") == 1);
  REQUIRE(count("[x](../a/c_test.cc): *one thing*\n") == 1);
  REQUIRE(count("see [b](../a/b_test.cc) and [c](../c_test.py): *one thing*\n") == 1);
}

TEST_CASE("a row of a table without a test is found", "[lint]") {
  const std::string head = "| fault | test |\n|---|---|\n";
  REQUIRE(CheckRowsQuote(File("d.md", head + "| a | [b](b_test.cc): *c* |\n")).empty());
  REQUIRE(CheckRowsQuote(File("d.md", head + "| a | [b](b_test.cc) |\n")).size() == 1);
}

TEST_CASE("code without comments and strings keeps its lines", "[lint]") {
  REQUIRE(CodeOnly("a // b\nc /* d\ne */ f \"g\" 'h'\n") == "a     \nc     \n     f \" \" ' '\n");
}

}  // namespace
}  // namespace nokv::lint
