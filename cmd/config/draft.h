// A topology as far as its text gives one: every member read and filled in, but nothing compared
// with anything else yet.
//
// What could not be read is noted and left at its zero (ids begin at 1, addresses are not empty),
// so that the checks know to say nothing about it. The stores, regions and peers of the draft stand
// in the order of the document's arrays.
//
// Thread-safety: values.
#pragma once

#include "cmd/config/document.h"
#include "cmd/config/problem_list.h"
#include "cmd/config/topology.h"

namespace nokv::config {

struct Draft {
  Topology topology;
  bool has_all_bounds = true;  // Where every region begins and ends could be read.
};

Draft ReadDraft(const Value& root, ProblemList& problems);

}  // namespace nokv::config
