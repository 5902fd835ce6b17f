// The forward pass: four signs of the input at a time choose a table of sixteen sums, four of the kernel an entry.
#include <immintrin.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "binary_conv.h"
#include "scratch.h"
#include "table.h"

namespace bnn {
namespace {

// Entry i of table p: the sum over four bits k of sign(bit k of p) * sign(bit k of i).
struct SignTables {
  alignas(64) int8_t at[16][kTable];
  SignTables() {
    for (int p = 0; p < 16; ++p)
      for (int i = 0; i < kTable; ++i) at[p][i] = int8_t(4 - 2 * __builtin_popcount(p ^ i));
  }
};
const SignTables kSigns;

// acc [width][kBlock] += one row of `taps` taps. lut: tables [width + taps - 1][groups]; idx: [taps][groups][kBlock].
template <int M>
void sign_row(const uint8_t* lut, int groups, const uint8_t* idx, int taps, int width, int16_t* acc) {
  constexpr int most = 31;  // tables of sums up to 4 that an int8 holds
  const int position = groups * kTable, chunks = (groups + most - 1) / most, chunk = (groups + chunks - 1) / chunks;
  for (int x = 0; x < width; x += M)
    for (int t = 0; t < taps; ++t)
      for (int first = 0; first < groups; first += chunk) {
        const int last = std::min(groups, first + chunk);
        const uint8_t* from = lut + size_t(x + t) * position + first * kTable;
        const uint8_t* signs = idx + (size_t(t) * groups + first) * kBlock;
        __m256i sum[M];
        for (auto& v : sum) v = _mm256_setzero_si256();
        for (int g = first; g < last; ++g, from += kTable, signs += kBlock) {
          const __m256i i = _mm256_load_si256(reinterpret_cast<const __m256i*>(signs));
#pragma GCC unroll 8
          for (int m = 0; m < M; ++m)
            sum[m] = _mm256_add_epi8(sum[m], _mm256_shuffle_epi8(table_at(from + m * position), i));
        }
        for (int m = 0; m < M; ++m) {
          __m256i* to = reinterpret_cast<__m256i*>(acc + (x + m) * kBlock);
          const __m256i low = _mm256_cvtepi8_epi16(_mm256_castsi256_si128(sum[m]));
          const __m256i high = _mm256_cvtepi8_epi16(_mm256_extracti128_si256(sum[m], 1));
          _mm256_store_si256(to, _mm256_add_epi16(_mm256_load_si256(to), low));
          _mm256_store_si256(to + 1, _mm256_add_epi16(_mm256_load_si256(to + 1), high));
        }
      }
}

using SignRow = void (*)(const uint8_t*, int, const uint8_t*, int, int, int16_t*);

SignRow sign_row_for(int width) {
  return width % 8 == 0 ? sign_row<8> : width % 4 == 0 ? sign_row<4> : width % 2 == 0 ? sign_row<2> : sign_row<1>;
}

}  // namespace

size_t signs_size(const Shape& s) { return s.weights() / 4; }

// [out / kBlock][taps][in / 4][kBlock], four input channels to a byte.
void pack_signs(const Shape& s, const float* w, int64_t first, int64_t last, uint8_t* signs) {
  constexpr int kRows = kBlock / 4;
  const int groups = s.in / 4;
  for (int64_t i = kRows * first; i < kRows * last; ++i)
    for (int n = 0; n < s.out; n += kBlock) {
      uint8_t* to = signs + size_t(n) * s.taps * groups + size_t(i) * kBlock;
      const float* from = w + size_t(i) * 4 * s.out + n;
      for (int o = 0; o < kBlock; ++o, ++from)
        to[o] = uint8_t((from[0] >= 0) | (from[s.out] >= 0) << 1 | (from[2 * s.out] >= 0) << 2 |
                        (from[3 * s.out] >= 0) << 3);
    }
}

void convolve(const Shape& s, const float* x, const uint8_t* signs, const float* factor, bool relu, float* y) {
  const int r = s.size / 2, groups = s.in / 4, padded = s.width + 2 * r;
  const size_t row = size_t(padded) * groups * kTable;
  uint8_t* tables = scratch<uint8_t>(0, row * s.size);
  int16_t* acc = scratch<int16_t>(1, size_t(s.width) * kBlock);
  const __m128i least = _mm_set1_epi16(relu ? 0 : std::numeric_limits<int16_t>::min());
  const SignRow run = sign_row_for(s.width);
  auto ones = [](uint8_t* to, size_t count) {
    for (size_t k = 0; k < count; ++k) std::memcpy(to + k * kTable, kSigns.at[15], kTable);
  };
  auto slot = [&](int at) { return tables + row * ((at + r) % s.size); };
  auto fill = [&](int at) {
    uint8_t* to = slot(at);
    if (at < 0 || at >= s.height) return ones(to, size_t(padded) * groups);
    ones(to, size_t(r) * groups);
    to += size_t(r) * groups * kTable;
    const float* from = x + size_t(at) * s.width * s.in;
    for (int j = 0; j < s.width * s.in; j += 8, to += 2 * kTable) {
      const int bits = _mm256_movemask_ps(_mm256_cmp_ps(_mm256_loadu_ps(from + j), _mm256_setzero_ps(), _CMP_GE_OQ));
      std::memcpy(to, kSigns.at[bits & 15], kTable);
      std::memcpy(to + kTable, kSigns.at[bits >> 4], kTable);
    }
    ones(to, size_t(r) * groups);
  };
  for (int at = -r; at < r; ++at) fill(at);
  for (int at = 0; at < s.height; ++at) {
    fill(at + r);
    for (int n = 0; n < s.out; n += kBlock) {
      std::memset(acc, 0, sizeof(int16_t) * s.width * kBlock);
      for (int d = 0; d < s.size; ++d)
        run(slot(at + d - r), groups, signs + size_t(n * s.size + kBlock * d) * s.size * groups, s.size, s.width, acc);
      for (int p = 0; p < s.width; ++p) {
        float* to = y + (size_t(at) * s.width + p) * s.out + n;
        for (int j = 0; j < kBlock; j += 8) {
          const __m128i sum = _mm_load_si128(reinterpret_cast<const __m128i*>(acc + p * kBlock + j));
          const __m256 v = _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(_mm_max_epi16(sum, least)));
          _mm256_storeu_ps(to + j, _mm256_mul_ps(_mm256_loadu_ps(factor + n + j), v));
        }
      }
    }
  }
}

}  // namespace bnn
