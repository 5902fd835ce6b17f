// A few terms have so few signed sums that they fill one register, and a byte shuffle with the signs as indices looks
// up many outputs' sums at once, without a multiplication:
//
//     forward         four signs of the input    sixteen sums, int8     32 outputs a shuffle
//     by the input    three of dy                eight sums, int16      16 input channels a shuffle
//     by the kernel   three positions' dy        eight sums, int16      16 input channels a shuffle
//
// With AVX-512 and its byte permutation the gradients take five terms, 32 sums, 32 input channels.
//
// The gradients round dy to int16 at a scale of its own for each position (by the input) or output channel and strip of
// rows (by the kernel) that no sum can overflow, up or down at random so that the expectation is kept; the random
// numbers are drawn from the gradient itself, so that a step repeats. The error is about 0.001 of the gradient.
//
// Here: what the gradients look up, the signed sums of kTerms int16, in an order in which bit k of an entry's number
// says whether term k counts positive.
#pragma once

#include <cstddef>
#include <cstdint>

#include "binary_conv.h"
#ifdef __AVX512VBMI__
#include "lookup_avx512.h"
#else
#include "lookup_avx2.h"
#endif

namespace bnn {

constexpr int kSums = sizeof(int16_t) << kTerms;  // bytes of a table

// `count` tables one after another: term k of the first is in[k * step]; the next table's lie `next` on.
inline void sum_tables(const int16_t* in, int step, int next, int count, uint8_t* out) {
  for (int i = 0; i < count; ++i, in += next, out += kSums) make_sums(in, step, out);
}

inline int groups_of(int terms) { return (terms + kTerms - 1) / kTerms; }

// Outputs that are computed side by side from one reading of the tables.
inline int side_by_side(int outputs) { return outputs % (kWide * kBlock) == 0 ? kWide * kBlock : kBlock; }

// The two bytes that a shuffle needs to fetch the int16 of entry v.
inline uint16_t sum_index(uint32_t v) { return uint16_t(2 * v | (2 * v + 1) << 8); }

// sum[m][N * kBlock] += over `groups`: tables at lut + m * lut_row, looked up by idx.
template <int M, int N>
inline void add_products(const uint8_t* lut, int lut_row, int lut_step, const uint16_t* idx, int idx_step, int groups,
                         Block (&sum)[M][N]) {
  for (int g = 0; g < groups; ++g, lut += lut_step, idx += idx_step) {
    Block at[N];
#pragma GCC unroll 2
    for (int n = 0; n < N; ++n) {
      at[n] = load_indices(idx + n * kBlock);
      keep_in_registers(at[n]);  // not read again for each m
    }
#pragma GCC unroll 4
    for (int m = 0; m < M; ++m) {
      const Lookup table = load_sums(lut + m * lut_row);
#pragma GCC unroll 2
      for (int n = 0; n < N; ++n) sum[m][n] = plus_looked_up(sum[m][n], table, at[n]);
    }
  }
}

}  // namespace bnn
