// Collects the problems of one text while it is read: the first ones, and how many there are.
//
// Thread-safety: none.
#pragma once

#include "cmd/config/topology.h"

#include <string>
#include <string_view>
#include <vector>

namespace nokv::config {

// A place in a text, as far as a reader of it needs to know.
struct Place {
  size_t offset = 0;
  std::string pointer;
};

class ProblemList {
 public:
  void Add(Place place, std::string message);

  bool empty() const { return count_ == 0; }

  // In the order of `text`, with lines and columns in it.
  Problems Locate(std::string_view text) const;

 private:
  struct Noted {
    Place place;
    std::string message;
  };

  std::vector<Noted> noted_;  // At most kProblemsListedMax.
  size_t count_ = 0;
};

// What of a text fits into a message: whole characters (UTF-8) of at most `bytes_max` bytes, and
// dots if there are more.
std::string Shortened(std::string_view text, size_t bytes_max);

}  // namespace nokv::config
