// AMX's tiles: a tile is 16 rows of 64 bytes, and one instruction adds to 16 x 16 sums the products of 16 rows with 16
// columns, over 64 int8 or 32 bfloat16. Signs are +-1 in both. A gradient is rounded to the nearest bfloat16, whose
// products are added up in float32: an error of some 0.0016 of the gradient, and nothing is random.
//
// An image is taken in strips of rows. Its rows and their padding lie end to end, so that 16 neighbouring positions are
// 16 equidistant rows of a tile, and a tap of the kernel is an offset; what is computed at the padding is dropped.
#pragma once

#include <immintrin.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "binary_conv.h"

namespace bnn {

constexpr int kTile = 1024;        // bytes
constexpr int kRow = 64;           // bytes of a tile's row
constexpr int kPair = 32;          // rows or columns of two tiles side by side
constexpr uint16_t kOne = 0x3f80;  // as bfloat16
constexpr uint16_t kMinusOne = kOne | 0x8000;

// While one lives, the calling thread's eight tiles are whole: 0 to 3 for sums, the others for factors.
class Tiles {
 public:
  Tiles() {
    alignas(64) uint8_t configuration[64] = {1};
    for (int tile = 0; tile < 8; ++tile) {
      configuration[16 + 2 * tile] = kRow;
      configuration[48 + tile] = 16;
    }
    _tile_loadconfig(configuration);
  }
  ~Tiles() { _tile_release(); }
};

// GCC's loads of tiles do not say that they read memory; what was written before this has been written.
inline void written() { asm volatile("" ::: "memory"); }

// The sums are 32 x 32 numbers: tiles 0 and 1 side by side, 2 and 3 below them.
inline void zero_sums() {
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
}

inline void store_sums(void* to, size_t stride) {
  uint8_t* low = static_cast<uint8_t*>(to);
  _tile_stored(0, low, stride);
  _tile_stored(1, low + kRow, stride);
  _tile_stored(2, low + 16 * stride, stride);
  _tile_stored(3, low + 16 * stride + kRow, stride);
}

inline void load_sums(const void* from, size_t stride) {
  const uint8_t* low = static_cast<const uint8_t*>(from);
  _tile_loadd(0, low, stride);
  _tile_loadd(1, low + kRow, stride);
  _tile_loadd(2, low + 16 * stride, stride);
  _tile_loadd(3, low + 16 * stride + kRow, stride);
}

// The sums += 32 rows, tiles 4 and 5, times 32 columns, 6 and 7, of bfloat16.
inline void add_products() {
  _tile_dpbf16ps(0, 4, 6);
  _tile_dpbf16ps(1, 4, 7);
  _tile_dpbf16ps(2, 5, 6);
  _tile_dpbf16ps(3, 5, 7);
}

// A strip of rows of an image, position q at row q / padded and column q % padded.
struct Strip {
  int border, padded, most;  // columns of padding on a side, columns with padding, rows at most
  int top = 0, rows = 0;

  Strip(const Shape& s, int positions)
      : border(s.size / 2), padded(s.width + 2 * border), most(std::min(s.height, (positions + padded - 1) / padded)) {}

  // A strip that begins at a row of the image.
  void begin(const Shape& s, int row) {
    top = row;
    rows = std::min(most, s.height - row);
  }
  int offset(const Shape& s, int tap) const { return tap / s.size * padded + tap % s.size; }
  int positions() const { return rows * padded; }
  int pairs() const { return (positions() + kPair - 1) / kPair; }
  // Positions that tiles read, with the border above and below, at most.
  int reach() const { return (most + 2 * border) * padded + 2 * kPair; }
  bool inside(const Shape& s, int row) const { return top + row >= 0 && top + row < s.height; }

  // done(m, at): for each of the 32 positions from q on that is one of the image's, its number in the image.
  template <class Done>
  void each_of_pair(const Shape& s, int q, Done done) const {
    int row = q / padded, column = q % padded;
    for (int m = 0; m < kPair && row < rows; ++m) {
      if (column < s.width) done(m, (size_t(top) + row) * s.width + column);
      if (++column == padded) column = 0, ++row;
    }
  }
};

inline __mmask16 signs_of(const float* x) {
  return _mm512_cmp_ps_mask(_mm512_loadu_ps(x), _mm512_setzero_ps(), _CMP_GE_OQ);
}

// Sixteen of dy * factor where the unit is open, as bfloat16.
inline __m256i open_gradient(const float* y, const float* dy, const float* factor, bool relu) {
  const __m512 g = _mm512_mul_ps(_mm512_loadu_ps(dy), _mm512_loadu_ps(factor));
  const __mmask16 open =
      relu ? _mm512_cmp_ps_mask(_mm512_loadu_ps(y), _mm512_setzero_ps(), _CMP_NEQ_OQ) : __mmask16(-1);
  return __m256i(_mm512_maskz_cvtneps_pbh(open, g));
}

}  // namespace bnn
