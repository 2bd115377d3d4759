// A hunt for a planted mistake, in a process of its own: a mistake may well end in a failed check.
//
// Thread-safety: called while the program has no other threads, as it forks.
#pragma once

#include <functional>
#include <string_view>

namespace nokv::tests {

// True if `hunt` answers true, or its process dies of a signal, which is printed beside `name`.
// What `hunt` changes, such as which mistake is planted, stays in the child.
bool IsFoundInChild(std::string_view name, const std::function<bool()>& hunt);

}  // namespace nokv::tests
