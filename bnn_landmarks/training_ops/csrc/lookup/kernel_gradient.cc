// The gradient by the kernel: the output's correlated with the input's signs, strip of rows by strip. Each output
// channel's gradient is rounded at a scale of its own in each strip.
#include <immintrin.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "binary_conv.h"
#include "lookup.h"
#include "open_gradient.h"
#include "rounding.h"
#include "scratch.h"

namespace bnn {
namespace {

// What is looked up for `rows` rows of an image from `top` on, and by what; the memory serves one strip after another.
struct Strip {
  int border;     // rows and columns of padding
  int groups;     // of kTerms positions in a row
  int starts;     // of such groups in a padded row: from every position
  int block;      // input channels side by side
  int most;       // rows of a strip
  int positions;  // in a row, with those that fill its last group
  int top = 0, rows = 0;

  uint8_t* tables;    // [out / 4][row][group][4]
  uint16_t* idx;      // [in / block][row][start][block]
  int16_t* rounded;   // a row's gradient [positions][out]
  uint8_t* bits;      // a padded row's signs [starts + kTerms - 1][in]
  float* g;           // the gradient that goes on [rows][width][out]
  float *sums, *dot;  // by output channel: of |g|, of y * dy
  float *to_integer, *back;

  explicit Strip(const Shape& s)
      : border(s.size / 2),
        groups(groups_of(s.width)),
        starts(kTerms * groups + 2 * border),
        block(side_by_side(s.in)),
        most(std::max(1, std::min(s.height, kStrip / groups))),
        positions(kTerms * groups),
        tables(scratch<uint8_t>(0, size_t(most) * groups * s.out * kSums)),
        idx(scratch<uint16_t>(1, size_t(most + 2 * border) * starts * s.in)),
        rounded(scratch<int16_t>(2, size_t(positions) * s.out)),
        bits(scratch<uint8_t>(3, size_t(starts + kTerms - 1) * s.in)),
        g(scratch<float>(4, size_t(most) * s.width * s.out)),
        sums(scratch<float>(5, size_t(s.out) * 4)),
        dot(sums + s.out),
        to_integer(dot + s.out),
        back(to_integer + s.out) {}

  uint8_t* tables_at(int o, int row) const { return tables + (size_t(o) / 4 * most + row) * groups * 4 * kSums; }
  uint16_t* idx_at(int n, int row) const {
    return idx + size_t(n / block * (most + 2 * border) + row) * starts * block;
  }
};

// The strip's gradient and its channels' scales. dfactor [out] += sums of y * dy.
void open_strip(const Shape& s, Strip& strip, const float* y, const float* dy, const float* factor, bool relu,
                double* dfactor) {
  float *g = strip.g, *sums = strip.sums, *dot = strip.dot;
  std::fill(sums, sums + 2 * s.out, 0.f);
  for (int p = 0; p < strip.rows * s.width; ++p) {
    const size_t from = (size_t(strip.top) * s.width + p) * s.out;
    for (int j = 0; j < s.out; j += 8) {
      const __m256 v = open_gradient(y + from + j, dy + from + j, factor + j, relu);
      const __m256 product = _mm256_mul_ps(_mm256_loadu_ps(y + from + j), _mm256_loadu_ps(dy + from + j));
      _mm256_storeu_ps(g + size_t(p) * s.out + j, v);
      _mm256_storeu_ps(sums + j, _mm256_add_ps(_mm256_loadu_ps(sums + j), magnitude(v)));
      _mm256_storeu_ps(dot + j, _mm256_add_ps(_mm256_loadu_ps(dot + j), product));
    }
  }
  for (int j = 0; j < s.out; ++j) {
    const Scale scale = scale_for(sums[j], strip.rows * s.width);
    strip.to_integer[j] = scale.to;
    strip.back[j] = scale.back;
    dfactor[j] += dot[j];
  }
}

// The gradient rounded, and its tables.
void tabulate(const Shape& s, Strip& strip, Uniform& uniform) {
  for (int i = 0; i < strip.rows; ++i) {
    for (int p = 0; p < s.width; ++p)
      quantize(
          strip.g + (size_t(i) * s.width + p) * s.out, s.out,
          [&](int j) { return _mm256_loadu_ps(strip.to_integer + j); }, strip.rounded + size_t(p) * s.out, uniform);
    std::fill(strip.rounded + size_t(s.width) * s.out, strip.rounded + size_t(strip.positions) * s.out, int16_t(0));
    for (int t = 0; t < strip.groups; ++t)
      for (int o = 0; o < s.out; o += 4)
        sum_tables(strip.rounded + size_t(kTerms * t) * s.out + o, s.out, 1, 4, strip.tables_at(o, i) + t * 4 * kSums);
  }
}

// The signs of the input's rows under the strip and its padding, kTerms positions to an index.
void index_input_signs(const Shape& s, Strip& strip, const float* x) {
  const int r = strip.border;
  for (int i = -r; i < strip.rows + r; ++i) {
    std::memset(strip.bits, 1, size_t(strip.starts + kTerms - 1) * s.in);
    const int at = strip.top + i;
    if (at >= 0 && at < s.height) {
      const float* from = x + size_t(at) * s.width * s.in;
      uint8_t* to = strip.bits + size_t(r) * s.in;
      for (int j = 0; j < s.width * s.in; j += 8) {
        const int eight = _mm256_movemask_ps(_mm256_cmp_ps(_mm256_loadu_ps(from + j), _mm256_setzero_ps(), _CMP_GE_OQ));
        const uint64_t spread = _pdep_u64(uint64_t(eight), 0x0101010101010101ull);
        std::memcpy(to + j, &spread, sizeof spread);
      }
    }
    for (int n = 0; n < s.in; n += kBlock) {
      uint16_t* to = strip.idx_at(n, i + r) + n % strip.block;
      const uint8_t* from = strip.bits + n;
      for (int k = 0; k < strip.starts; ++k, from += s.in, to += strip.block) {
        __m256i v = _mm256_setzero_si256();
        for (int p = kTerms - 1; p >= 0; --p) {
          const __m256i sign = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + p * s.in));
          v = _mm256_add_epi8(_mm256_add_epi8(v, v), sign);
        }
        v = _mm256_permute4x64_epi64(_mm256_add_epi8(v, v), 0xd8);
        const __m256i next = _mm256_add_epi8(v, _mm256_set1_epi8(1));
        _mm256_store_si256(reinterpret_cast<__m256i*>(to), _mm256_unpacklo_epi8(v, next));
        _mm256_store_si256(reinterpret_cast<__m256i*>(to + 16), _mm256_unpackhi_epi8(v, next));
      }
    }
  }
}

// own [taps][out][in] += the strip's products for N blocks of input channels from n on.
template <int N>
void multiply(const Shape& s, const Strip& strip, int n, float* own) {
  for (int t = 0; t < s.taps; ++t) {
    const int down = t / s.size, right = t % s.size;
    for (int o = 0; o < s.out; o += 4) {
      Block sum[4][N];
      for (auto& each : sum)
        for (auto& v : each) v = zeros();
      for (int i = 0; i < strip.rows; ++i)
        add_products<4, N>(strip.tables_at(o, i), kSums, 4 * kSums,
                           strip.idx_at(n, i + down) + size_t(right) * strip.block, kTerms * strip.block, strip.groups,
                           sum);
      for (int m = 0; m < 4; ++m)
        for (int k = 0; k < N; ++k)
          add_scaled(sum[m][k], strip.back[o + m], own + (size_t(t) * s.out + o + m) * s.in + n + k * kBlock);
    }
  }
}

}  // namespace

void kernel_gradient(const Shape& s, const float* x, const float* y, const float* dy, const float* factor, bool relu,
                     float* own, double* dfactor) {
  Strip strip(s);
  Uniform uniform(~seed(dy, s.outputs()));
  for (strip.top = 0; strip.top < s.height; strip.top += strip.most) {
    strip.rows = std::min(strip.most, s.height - strip.top);
    open_strip(s, strip, y, dy, factor, relu, dfactor);
    tabulate(s, strip, uniform);
    index_input_signs(s, strip, x);
    for (int n = 0; n < s.in; n += strip.block)
      strip.block == kBlock ? multiply<1>(s, strip, n, own) : multiply<kWide>(s, strip, n, own);
  }
}

void sum_kernels(const Shape& s, const float* w, const float* const* owns, size_t count, int64_t first, int64_t last,
                 float* dw) {
  for (int64_t i = 2 * first; i < 2 * last; ++i) {
    const int t = int(16 * i) / s.in, n = int(16 * i) % s.in;
    for (int o = 0; o < s.out; o += 16) {
      float sum[16][16] = {};
      for (size_t own = 0; own < count; ++own)
        for (int k = 0; k < 16; ++k) {
          const float* from = owns[own] + (size_t(t) * s.out + o + k) * s.in + n;
          for (int j = 0; j < 16; ++j) sum[k][j] += from[j];
        }
      for (int j = 0; j < 16; ++j) {
        const size_t at = (size_t(t) * s.in + n + j) * s.out + o;
        for (int k = 0; k < 16; ++k) dw[at + k] = std::abs(w[at + k]) <= 1.f ? sum[k][j] : 0.f;
      }
    }
  }
}

}  // namespace bnn
