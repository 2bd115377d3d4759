// Whose database a directory holds. A store's and a placement driver's are changed by the cluster
// only: programs for a user's own database ask here before they open one for writing.
//
// Thread-safety: a pure function of the files.
#pragma once

#include "engine/base/status.h"
#include "engine/options.h"

namespace nokv {

// FailedPrecondition for a database of a cluster's. Looks at the directory that `options` name, and
// changes nothing there; what can't be looked at is left to whoever opens it.
absl::Status CheckIsNoClusters(Options options);

}  // namespace nokv
