// How the operations divide their work: by contiguous shares, one per thread, whose results are joined in the shares'
// order, so that a run on as many threads repeats to the bit.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <vector>

#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/util/work_sharder.h"

namespace bnn {

inline int64_t shares_of(tensorflow::OpKernelContext* context, int64_t items) {
  return std::min<int64_t>(items, context->device()->tensorflow_cpu_worker_threads()->num_threads);
}

// work(share, first, last) over `items`, in shares_of(context, items) shares.
inline void share_out(tensorflow::OpKernelContext* context, int64_t items,
                      const std::function<void(int64_t, int64_t, int64_t)>& work) {
  auto* pool = context->device()->tensorflow_cpu_worker_threads();
  const int64_t shares = shares_of(context, items), dear = 1000000000;
  tensorflow::Shard(pool->num_threads, pool->workers, shares, dear, [&](int64_t first, int64_t last) {
    for (int64_t share = first; share < last; ++share)
      work(share, share * items / shares, (share + 1) * items / shares);
  });
}

}  // namespace bnn
