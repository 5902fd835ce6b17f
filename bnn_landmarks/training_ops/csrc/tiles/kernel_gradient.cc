// The gradient by the kernel: the input's signs correlated with the output's gradient, tiles of input by output
// channels, summed over positions.
#include <cmath>

#include "scratch.h"
#include "tiles.h"

namespace bnn {
namespace {

constexpr int kPositions = 256;  // of a strip

// One strip's operands; the memory serves one after another.
struct Operands {
  size_t length;     // of sixteen channels' signs, in positions
  uint16_t* bits;    // [in / 16][length], sixteen channels to a number, from the border above the strip on
  uint8_t* rounded;  // [out / 16][pairs] tiles [16][16][2] bfloat16, two positions of sixteen outputs to a row
  int32_t* places;   // of the strip's positions in the image, -1 in the padding
};

// The signs of the input's rows under the strip and its border.
void gather_bits(const Shape& s, const Strip& strip, const float* x, const Operands& of) {
  std::memset(of.bits, 0xff, sizeof *of.bits * of.length * s.in / 16);
  for (int i = -strip.border; i < strip.rows + strip.border; ++i) {
    if (!strip.inside(s, i)) continue;
    const float* from = x + size_t(strip.top + i) * s.width * s.in;
    uint16_t* to = of.bits + (i + strip.border) * strip.padded + strip.border;
    for (int p = 0; p < s.width; ++p)
      for (int n = 0; n < s.in; n += 16, from += 16) to[n / 16 * of.length + p] = signs_of(from);
  }
}

// Sixteen channels' signs from a position on, position by position in each channel: every second of tiles [16][32].
void spread_bits(const uint16_t* bits, int tiles, uint8_t* to) {
  for (int k = 0; k < tiles; ++k, bits += kPair, to += 2 * kTile) {
    const __m512i at = _mm512_loadu_si512(bits);
#pragma GCC unroll 16
    for (int channel = 0; channel < 16; ++channel) {
      const __mmask32 positive = _mm512_test_epi16_mask(at, _mm512_set1_epi16(short(1 << channel)));
      _mm512_store_si512(to + channel * kRow, _mm512_mask_blend_epi16(positive, _mm512_set1_epi16(short(kMinusOne)),
                                                                      _mm512_set1_epi16(short(kOne))));
    }
  }
}

// The strip's gradient, two positions side by side. dfactor [out] += sums of y * dy.
void pair_gradient(const Shape& s, const Strip& strip, const float* y, const float* dy, const float* factor, bool relu,
                   const Operands& of, double* dfactor) {
  const int pairs = strip.pairs();
  std::fill(of.places, of.places + pairs * kPair, -1);
  for (int q = 0; q < pairs * kPair; q += kPair)
    strip.each_of_pair(s, q, [&](int m, size_t at) { of.places[q + m] = int(at); });
  for (int o = 0; o < s.out; o += 16) {
    __m512 products = _mm512_setzero_ps();
    auto at = [&](int q) {
      if (of.places[q] < 0) return _mm512_setzero_si512();
      const size_t from = size_t(of.places[q]) * s.out + o;
      products = _mm512_fmadd_ps(_mm512_loadu_ps(y + from), _mm512_loadu_ps(dy + from), products);
      return _mm512_cvtepu16_epi32(open_gradient(y + from, dy + from, factor + o, relu));
    };
    size_t to = size_t(o) / 16 * pairs * kTile;
    for (int q = 0; q < pairs * kPair; q += 2, to += kRow) {
      const __m512i even = at(q), odd = at(q + 1);
      _mm512_store_si512(of.rounded + to, _mm512_or_si512(even, _mm512_slli_epi32(odd, 16)));
    }
    float each[16];
    _mm512_storeu_ps(each, products);
    for (int j = 0; j < 16; ++j) dfactor[o + j] += each[j];
  }
}

}  // namespace

void kernel_gradient(const Shape& s, const float* x, const float* y, const float* dy, const float* factor, bool relu,
                     float* own, double* dfactor) {
  Strip strip(s, kPositions);
  const size_t most_pairs = size_t(strip.most * strip.padded + kPair - 1) / kPair;
  Operands of;
  of.length = size_t(strip.reach());
  of.bits = scratch<uint16_t>(0, of.length * s.in / 16);
  of.rounded = scratch<uint8_t>(1, most_pairs * s.out / 16 * kTile);
  of.places = scratch<int32_t>(2, most_pairs * kPair);
  uint8_t* signs = scratch<uint8_t>(3, 2 * most_pairs * kTile);
  const size_t stride = sizeof(float) * s.out;
  const Tiles tiles;
  for (int row = 0; row < s.height; row += strip.most) {
    strip.begin(s, row);
    gather_bits(s, strip, x, of);
    pair_gradient(s, strip, y, dy, factor, relu, of, dfactor);
    const size_t panel = size_t(strip.pairs()) * kTile;
    for (int n = 0; n < s.in; n += kPair)
      for (int t = 0; t < s.taps; ++t) {
        // Not read from one array at the taps' offsets: a tile whose rows cross cache lines takes six times as long.
        for (int half = 0; half < 2; ++half)
          spread_bits(of.bits + (n / 16 + half) * of.length + strip.offset(s, t), strip.pairs(), signs + half * kTile);
        written();
        for (int o = 0; o < s.out; o += kPair) {
          float* sums = own + (size_t(t) * s.in + n) * s.out + o;
          const uint8_t* a = signs;
          const uint8_t* b = of.rounded + o / 16 * panel;
          load_sums(sums, stride);
          for (int k = 0; k < strip.pairs(); ++k, a += 2 * kTile, b += kTile) {
            _tile_loadd(4, a, kRow);
            _tile_loadd(5, a + kTile, kRow);
            _tile_loadd(6, b, kRow);
            _tile_loadd(7, b + panel, kRow);
            add_products();
          }
          store_sums(sums, stride);
        }
      }
  }
}

void sum_kernels(const Shape& s, const float* w, const float* const* owns, size_t count, int64_t first, int64_t last,
                 float* dw) {
  for (int64_t at = first * kBlock * s.out; at < last * kBlock * s.out; at += 16) {
    __m512 sum = _mm512_setzero_ps();
    for (size_t own = 0; own < count; ++own) sum = _mm512_add_ps(sum, _mm512_loadu_ps(owns[own] + at));
    const __mmask16 open = _mm512_cmp_ps_mask(_mm512_abs_ps(_mm512_loadu_ps(w + at)), _mm512_set1_ps(1.f), _CMP_LE_OQ);
    _mm512_storeu_ps(dw + at, _mm512_maskz_mov_ps(open, sum));
  }
}

}  // namespace bnn
