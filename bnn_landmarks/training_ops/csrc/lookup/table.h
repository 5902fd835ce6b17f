// The 16-byte tables that AVX2's byte shuffle looks up in.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace bnn {

constexpr int kTable = 16;  // bytes

// A table in both halves of a register.
inline __m256i table_at(const uint8_t* table) {
  return _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(table)));
}

}  // namespace bnn
