// Looking signed sums up: three terms, eight sums, by AVX2's byte shuffle. Included by lookup.h, which says what these
// are for.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "table.h"

namespace bnn {

constexpr int kTerms = 3;
constexpr int kStrip = 96;
constexpr int kWide = 1;

using Lookup = __m256i;
struct Block {
  __m256i low, high;
};

inline Lookup load_sums(const uint8_t* table) { return table_at(table); }
inline Block load_indices(const uint16_t* idx) {
  const __m256i* from = reinterpret_cast<const __m256i*>(idx);
  return {_mm256_load_si256(from), _mm256_load_si256(from + 1)};
}
inline Block zeros() { return {_mm256_setzero_si256(), _mm256_setzero_si256()}; }
inline void keep_in_registers(Block& b) { asm("" : "+x"(b.low), "+x"(b.high)); }
inline Block plus_looked_up(Block sum, Lookup table, Block idx) {
  return {_mm256_add_epi16(sum.low, _mm256_shuffle_epi8(table, idx.low)),
          _mm256_add_epi16(sum.high, _mm256_shuffle_epi8(table, idx.high))};
}

inline void add_scaled(Block sum, float factor, float* to) {
  const __m256 f = _mm256_set1_ps(factor);
  for (const __m256i half : {sum.low, sum.high}) {
    const __m256 low = _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(_mm256_castsi256_si128(half)));
    const __m256 high = _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(_mm256_extracti128_si256(half, 1)));
    _mm256_storeu_ps(to, _mm256_fmadd_ps(low, f, _mm256_loadu_ps(to)));
    _mm256_storeu_ps(to + 8, _mm256_fmadd_ps(high, f, _mm256_loadu_ps(to + 8)));
    to += 16;
  }
}

inline void make_sums(const int16_t* in, int step, uint8_t* out) {
  const __m128i sign_a = _mm_setr_epi16(-1, 1, -1, 1, -1, 1, -1, 1);
  const __m128i sign_b = _mm_setr_epi16(-1, -1, 1, 1, -1, -1, 1, 1);
  const __m128i sign_c = _mm_setr_epi16(-1, -1, -1, -1, 1, 1, 1, 1);
  const __m128i a = _mm_sign_epi16(_mm_set1_epi16(in[0]), sign_a);
  const __m128i b = _mm_sign_epi16(_mm_set1_epi16(in[step]), sign_b);
  const __m128i c = _mm_sign_epi16(_mm_set1_epi16(in[2 * step]), sign_c);
  _mm_store_si128(reinterpret_cast<__m128i*>(out), _mm_add_epi16(_mm_add_epi16(a, b), c));
}

}  // namespace bnn
