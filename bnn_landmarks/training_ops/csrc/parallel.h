// How the operations divide their work: by contiguous shares, one a thread, whose results are joined in the shares'
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

// Memory of the calling thread, 64-byte aligned and kept from call to call; one a slot.
template <class T>
T* scratch(int slot, size_t count) {
  thread_local std::vector<char> buffers[8];
  auto& buffer = buffers[slot];
  const size_t bytes = count * sizeof(T) + 64;
  if (buffer.size() < bytes) buffer.resize(bytes);
  return reinterpret_cast<T*>((reinterpret_cast<uintptr_t>(buffer.data()) + 63) & ~uintptr_t(63));
}

}  // namespace bnn
