// A number on disk that only rises, and below which numbers may be given out.
//
// Saving a ceiling ahead of use makes one write of the disk serve a whole window of numbers: after
// a crash counting goes on at the ceiling, above everything that was ever given. At most one save
// is under way; who needs a higher ceiling meanwhile waits for it.
//
// Thread-safety: safe.
#pragma once

#include "engine/base/mutex.h"
#include "engine/base/status.h"

#include <cstdint>
#include <functional>
#include <utility>

namespace nokv::pd {

class Ceiling {
 public:
  // Returns once `value` is durable. Called by one thread at a time, with rising values.
  using Save = std::function<absl::Status(uint64_t value)>;

  Ceiling(uint64_t saved, Save save) : save_(std::move(save)), saved_(saved) {}

  // The highest value that is known to be durable.
  uint64_t saved() const;

  // Returns once a ceiling of at least `value` is durable, or with the failure of the save.
  absl::Status RaiseTo(uint64_t value);

 private:
  const Save save_;

  mutable Mutex mutex_;
  CondVar changed_;
  uint64_t saved_ ABSL_GUARDED_BY(mutex_);
  bool is_saving_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace nokv::pd
