// What documents say about tests, as pure functions: a table that names tests is worth something
// only as long as they are there.
//
// A document quotes tests as a link and sentences in italics behind it:
//
//   [name](path/to/some_test.cc): *what it shows*, *what else it shows*
//
// Thread-safety: all functions are pure.
#pragma once

#include "tests/lint/lint.h"

#include <cstddef>
#include <set>
#include <string>
#include <vector>

namespace nokv::lint {

// The names of the tests in a file: of a C++ file what its TEST_CASEs say; of a Python file the
// words behind `def test_`; of any other text, as the scripts of the Raft tests, its comments
// (lines from # on, joined), without the full stop.
std::set<std::string> TestNames(const SourceFile& file);

struct Quote {
  size_t line = 0;   // From 0.
  std::string path;  // Of the test's file, from the project's root.
  std::string name;
};

// The quotes of a Markdown document, in order.
std::vector<Quote> QuotesOf(const SourceFile& document);

// Quotes of tests that no file among `files` has.
Complaints CheckQuotes(const SourceFile& document, const std::vector<SourceFile>& files);

// Rows of the document's tables, their heads left out, that quote no test.
Complaints CheckRowsQuote(const SourceFile& document);

}  // namespace nokv::lint
