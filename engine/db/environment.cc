#include "engine/db/environment.h"

namespace nokv {

Executor& SharedExecutor() {
  static Executor* const executor = NewThreadPool(2).release();
  return *executor;
}

}  // namespace nokv
