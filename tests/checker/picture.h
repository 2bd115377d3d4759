// A picture of why a key's history has no order: one page of HTML with nothing outside of it.
//
// Thread-safety: pure functions.
#pragma once

#include "tests/checker/linearizability.h"

#include <string>

namespace nokv::checker {

// A row a client, a bar an operation from its call to its end, numbers for their places in an order
// that gets as far as any, red for the operation whose end it can't pass. Of very long histories
// the end.
std::string DrawHtml(const BadKey& bad);

}  // namespace nokv::checker
