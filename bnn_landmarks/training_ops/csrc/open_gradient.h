// The gradient that goes on through ReLU and factor, eight at a time.
#pragma once

#include <immintrin.h>

namespace bnn {

inline __m256 magnitude(__m256 v) { return _mm256_and_ps(v, _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff))); }

// Eight of dy * factor where the unit is open.
inline __m256 open_gradient(const float* y, const float* dy, const float* factor, bool relu) {
  const __m256 g = _mm256_mul_ps(_mm256_loadu_ps(dy), _mm256_loadu_ps(factor));
  if (!relu) return g;
  return _mm256_and_ps(g, _mm256_cmp_ps(_mm256_loadu_ps(y), _mm256_setzero_ps(), _CMP_NEQ_OQ));
}

}  // namespace bnn
