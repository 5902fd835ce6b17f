// Looking signed sums up: five terms, 32 sums, by AVX-512's byte permutation. Included by lookup.h, which says what
// these are for.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace bnn {

constexpr int kTerms = 5;
constexpr int kStrip = 32;  // most groups of kTerms positions between two additions to the kernel's gradient
constexpr int kWide = 2;    // most blocks that a table is held in a register for

using Lookup = __m512i;  // a table
using Block = __m512i;   // of each of kBlock outputs the index or the sum

inline Lookup load_sums(const uint8_t* table) { return _mm512_load_si512(table); }
inline Block load_indices(const uint16_t* idx) { return _mm512_load_si512(idx); }
inline Block zeros() { return _mm512_setzero_si512(); }
inline void keep_in_registers(Block&) {}  // the compiler reads the tables from memory instead
inline Block plus_looked_up(Block sum, Lookup table, Block idx) {
  return _mm512_add_epi16(sum, _mm512_permutexvar_epi8(idx, table));
}

// to[kBlock] += factor * sum.
inline void add_scaled(Block sum, float factor, float* to) {
  const __m512 f = _mm512_set1_ps(factor);
  const __m512 low = _mm512_cvtepi32_ps(_mm512_cvtepi16_epi32(_mm512_castsi512_si256(sum)));
  const __m512 high = _mm512_cvtepi32_ps(_mm512_cvtepi16_epi32(_mm512_extracti64x4_epi64(sum, 1)));
  _mm512_storeu_ps(to, _mm512_fmadd_ps(low, f, _mm512_loadu_ps(to)));
  _mm512_storeu_ps(to + 16, _mm512_fmadd_ps(high, f, _mm512_loadu_ps(to + 16)));
}

// Twice the sum of the terms that count positive, less the sum of all.
inline void make_sums(const int16_t* in, int step, uint8_t* out) {
  constexpr __mmask32 positive[kTerms] = {0xaaaaaaaa, 0xcccccccc, 0xf0f0f0f0, 0xff00ff00, 0xffff0000};
  __m512i sum = _mm512_setzero_si512();
  int all = 0;
  for (int k = 0; k < kTerms; ++k) {
    sum = _mm512_add_epi16(sum, _mm512_maskz_set1_epi16(positive[k], in[k * step]));
    all += in[k * step];
  }
  _mm512_store_si512(out, _mm512_sub_epi16(_mm512_add_epi16(sum, sum), _mm512_set1_epi16(short(all))));
}

}  // namespace bnn
