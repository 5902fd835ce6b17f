// The gradient by the input: the correlation of the output's with the turned kernel's signs. Each position's gradient
// is rounded at a scale of its own.
#include <immintrin.h>

#include <algorithm>
#include <cstring>

#include "binary_conv.h"
#include "lookup.h"
#include "open_gradient.h"
#include "rounding.h"
#include "scratch.h"

namespace bnn {
namespace {

// acc [width][N * kBlock] += one row of taps. lut: tables [width + taps - 1][groups], each position with its own
// scale; idx: [taps][groups][N * kBlock].
template <int M, int N>
void gradient_row(const uint8_t* lut, const float* back, int groups, const uint16_t* idx, int taps, int width,
                  float* acc) {
  const int position = groups * kSums, block = N * kBlock;
  for (int x = 0; x < width; x += M)
    for (int t = 0; t < taps; ++t) {
      Block sum[M][N];
      for (auto& each : sum)
        for (auto& v : each) v = zeros();
      add_products<M, N>(lut + (x + t) * position, position, kSums, idx + size_t(t) * groups * block, block, groups,
                         sum);
      for (int m = 0; m < M; ++m)
        for (int n = 0; n < N; ++n) add_scaled(sum[m][n], back[x + m + t], acc + (x + m) * block + n * kBlock);
    }
}

using GradientRow = void (*)(const uint8_t*, const float*, int, const uint16_t*, int, int, float*);

template <int N>
GradientRow gradient_row_for(int width) {
  return width % 4 == 0 ? gradient_row<4, N> : width % 2 == 0 ? gradient_row<2, N> : gradient_row<1, N>;
}

}  // namespace

size_t turned_signs_size(const Shape& s) { return sizeof(uint16_t) * s.taps * groups_of(s.out) * s.in; }

// [in / block][taps][groups][block] indices.
void pack_turned_signs(const Shape& s, const float* w, int64_t first, int64_t last, uint8_t* signs) {
  const int groups = groups_of(s.out), block = side_by_side(s.in);
  uint16_t* idx = reinterpret_cast<uint16_t*>(signs);
  for (int64_t i = kBlock * first; i < kBlock * last; ++i) {
    const int t = int(i) / s.in, n = int(i) % s.in;
    const float* from = w + (size_t(s.taps - 1 - t) * s.in + n) * s.out;
    uint16_t* to = idx + size_t(n / block * s.taps + t) * groups * block + n % block;
    for (int o = 0; o < s.out; o += kTerms, to += block) {
      uint32_t bits = 0;
      for (int k = 0; k < kTerms && o + k < s.out; ++k) bits |= uint32_t(from[o + k] >= 0) << k;
      *to = sum_index(bits);
    }
  }
}

void input_gradient(const Shape& s, const float* x, const float* y, const float* dy, const float* factor, bool relu,
                    const uint8_t* signs, float* dx) {
  const uint16_t* idx = reinterpret_cast<const uint16_t*>(signs);
  Uniform uniform(seed(dy, s.outputs()));
  const int r = s.size / 2, padded = s.width + 2 * r, groups = groups_of(s.out), block = side_by_side(s.in);
  const size_t row = size_t(padded) * groups * kSums;
  uint8_t* tables = scratch<uint8_t>(0, row * s.size);
  float* back = scratch<float>(1, size_t(padded) * s.size);
  int16_t* rounded = scratch<int16_t>(2, size_t(groups) * kTerms);
  float* g = scratch<float>(3, s.out);
  float* acc = scratch<float>(4, size_t(s.width) * block);
  std::fill(rounded + s.out, rounded + groups * kTerms, int16_t(0));
  const GradientRow run = block == kBlock ? gradient_row_for<1>(s.width) : gradient_row_for<kWide>(s.width);
  auto slot = [&](int at) { return (at + r) % s.size; };
  auto fill = [&](int at) {
    uint8_t* table = tables + row * slot(at);
    float* factors = back + size_t(padded) * slot(at);
    std::fill(factors, factors + padded, 0.f);  // what is looked up where there is no gradient counts nothing
    if (at < 0 || at >= s.height) return;
    for (int p = 0; p < s.width; ++p) {
      const size_t from = (size_t(at) * s.width + p) * s.out;
      __m256 total = _mm256_setzero_ps();
      for (int j = 0; j < s.out; j += 8) {
        const __m256 v = open_gradient(y + from + j, dy + from + j, factor + j, relu);
        total = _mm256_add_ps(total, magnitude(v));
        _mm256_storeu_ps(g + j, v);
      }
      float each[8], magnitudes = 0;
      _mm256_storeu_ps(each, total);
      for (float e : each) magnitudes += e;
      const Scale scale = scale_for(magnitudes, s.out);
      factors[p + r] = scale.back;
      if (scale.to == 0) continue;
      quantize(g, s.out, [&](int) { return _mm256_set1_ps(scale.to); }, rounded, uniform);
      sum_tables(rounded, 1, kTerms, groups, table + size_t(p + r) * groups * kSums);
    }
  };
  for (int at = -r; at < r; ++at) fill(at);
  for (int at = 0; at < s.height; ++at) {
    fill(at + r);
    for (int n = 0; n < s.in; n += block) {
      std::memset(acc, 0, sizeof(float) * s.width * block);
      for (int d = 0; d < s.size; ++d) {
        const int k = slot(at + d - r);
        run(tables + row * k, back + size_t(padded) * k, groups, idx + size_t(n * s.size + block * d) * s.size * groups,
            s.size, s.width, acc);
      }
      for (int p = 0; p < s.width; ++p) {
        const size_t to = (size_t(at) * s.width + p) * s.in + n;
        for (int j = 0; j < block; j += 8) {
          const __m256 open = _mm256_cmp_ps(magnitude(_mm256_loadu_ps(x + to + j)), _mm256_set1_ps(1.f), _CMP_LE_OQ);
          _mm256_storeu_ps(dx + to + j, _mm256_and_ps(_mm256_load_ps(acc + p * block + j), open));
        }
      }
    }
  }
}

}  // namespace bnn
