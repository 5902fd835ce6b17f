// Memory of the calling thread that stays from call to call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace bnn {

// 64-byte aligned; one per slot and type.
template <class T>
T* scratch(int slot, size_t count) {
  thread_local std::vector<char> buffers[8];
  auto& buffer = buffers[slot];
  const size_t bytes = count * sizeof(T) + 64;
  if (buffer.size() < bytes) buffer.resize(bytes);
  return reinterpret_cast<T*>((reinterpret_cast<uintptr_t>(buffer.data()) + 63) & ~uintptr_t(63));
}

}  // namespace bnn
