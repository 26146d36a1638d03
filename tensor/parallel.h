// parallel_for: the only source of parallelism in Roux.
//
// [begin, end) is cut into chunks of `grain` whose limits depend on the range and the grain alone, never on
// the number of threads: kernels that reduce within a chunk give the same bits for any thread count. fn must
// not throw Error from several chunks at once with different texts; the first chunk's error (lowest index) is
// rethrown. A nested call runs inline. How threads wait between two calls: thread_team.h. The thread width is
// thread-local: set_num_threads(1) makes this thread serial.
#ifndef ROUX_TENSOR_PARALLEL_H_
#define ROUX_TENSOR_PARALLEL_H_

#include <cstdint>

#include "absl/functional/function_ref.h"

namespace roux {

// Calls fn(chunk_begin, chunk_end) for all chunks; grain >= 1 is the chunk length in items.
void parallel_for(int64_t begin, int64_t end, int64_t grain, absl::FunctionRef<void(int64_t, int64_t)> fn);

// Width of parallel_for on this thread; starts as OMP_NUM_THREADS, else the cores this process may use.
int num_threads();
void set_num_threads(int count);  // for this thread; count >= 1
int max_threads();                // upper bound of thread_index() + 1
int thread_index();  // in [0, max_threads()) inside parallel_for, for per-thread scratch; 0 outside

}  // namespace roux

#endif  // ROUX_TENSOR_PARALLEL_H_
