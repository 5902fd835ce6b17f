// The forward pass: signs as int8, tiles of positions by output channels.
#include "scratch.h"
#include "tiles.h"

namespace bnn {
namespace {

constexpr int kPositions = 512;  // of a strip

int depth_of(const Shape& s) { return (s.in + kRow - 1) / kRow; }  // tiles

}  // namespace

size_t signs_size(const Shape& s) { return size_t(s.out) / 16 * s.taps * depth_of(s) * kTile; }

// [out / 16][taps][depth] tiles [16][16][4], four input channels of sixteen outputs to a row. Where a tile has no
// channels left it is zero.
void pack_signs(const Shape& s, const float* w, int64_t first, int64_t last, uint8_t* signs) {
  const int depth = depth_of(s), blocks = s.in / kBlock;
  for (int64_t i = first; i < last; ++i) {
    const int t = int(i) / blocks, n = int(i) % blocks * kBlock;
    for (int o = 0; o < s.out; o += 16) {
      uint8_t* tile = signs + (size_t(o / 16 * s.taps + t) * depth + n / kRow) * kTile;
      uint8_t* to = tile + n % kRow / 4 * kRow;
      const float* from = w + (size_t(t) * s.in + n) * s.out + o;
      for (int k = 0; k < kBlock; k += 4, to += kRow) {
        __m512i four = _mm512_set1_epi32(-1);
        for (int each = 0; each < 4; ++each, from += s.out)
          four = _mm512_mask_xor_epi32(four, signs_of(from), four, _mm512_set1_epi32(int(0xfeu << 8 * each)));
        _mm512_storeu_si512(to, four);
      }
      if (n + kBlock == s.in && n % kRow == 0) std::memset(to, 0, kTile / 2);
    }
  }
}

void convolve(const Shape& s, const float* x, const uint8_t* signs, const float* factor, bool relu, float* y) {
  Strip strip(s, kPositions);
  const int depth = depth_of(s), bytes = depth * kRow;
  const size_t panel = size_t(s.taps) * depth * kTile;
  int8_t* a = scratch<int8_t>(0, size_t(strip.reach()) * bytes);
  int32_t* sums = scratch<int32_t>(1, kPair * kPair);
  const __m512i least = _mm512_set1_epi32(relu ? 0 : INT32_MIN);
  const Tiles tiles;
  for (int row = 0; row < s.height; row += strip.most) {
    strip.begin(s, row);
    std::memset(a, 1, size_t(strip.reach()) * bytes);
    for (int i = -strip.border; i < strip.rows + strip.border; ++i) {
      if (!strip.inside(s, i)) continue;
      const float* from = x + size_t(row + i) * s.width * s.in;
      int8_t* to = a + (size_t(i + strip.border) * strip.padded + strip.border) * bytes;
      for (int p = 0; p < s.width; ++p, to += bytes)
        for (int n = 0; n < s.in; n += 16, from += 16)
          _mm_storeu_si128(reinterpret_cast<__m128i*>(to + n),
                           _mm_mask_blend_epi8(signs_of(from), _mm_set1_epi8(-1), _mm_set1_epi8(1)));
    }
    written();
    for (int o = 0; o < s.out; o += kPair)
      for (int q = 0; q < strip.positions(); q += kPair) {
        const uint8_t* b = signs + o / 16 * panel;
        zero_sums();
        for (int t = 0; t < s.taps; ++t) {
          const int8_t* from = a + size_t(q + strip.offset(s, t)) * bytes;
          for (int k = 0; k < depth; ++k, from += kRow, b += kTile) {
            _tile_loadd(4, from, bytes);
            _tile_loadd(5, from + 16 * bytes, bytes);
            _tile_loadd(6, b, kRow);
            _tile_loadd(7, b + panel, kRow);
            _tile_dpbssd(0, 4, 6);
            _tile_dpbssd(1, 4, 7);
            _tile_dpbssd(2, 5, 6);
            _tile_dpbssd(3, 5, 7);
          }
        }
        store_sums(sums, kPair * sizeof *sums);
        strip.each_of_pair(s, q, [&](int m, size_t at) {
          for (int j = 0; j < kPair; j += 16) {
            const __m512i sum = _mm512_max_epi32(_mm512_load_si512(sums + m * kPair + j), least);
            _mm512_storeu_ps(y + at * s.out + o + j,
                             _mm512_mul_ps(_mm512_loadu_ps(factor + o + j), _mm512_cvtepi32_ps(sum)));
          }
        });
      }
  }
}

}  // namespace bnn
