// The gradient by the input: the correlation of the output's with the turned kernel's signs, tiles of positions by
// input channels.
#include "scratch.h"
#include "tiles.h"

namespace bnn {
namespace {

constexpr int kPositions = 256;  // of a strip

// The strip's gradient with its border, [positions][out] bfloat16.
void round_gradient(const Shape& s, const Strip& strip, const float* y, const float* dy, const float* factor, bool relu,
                    uint16_t* rounded) {
  std::memset(rounded, 0, sizeof *rounded * size_t(strip.reach()) * s.out);
  for (int i = -strip.border; i < strip.rows + strip.border; ++i) {
    if (!strip.inside(s, i)) continue;
    size_t from = size_t(strip.top + i) * s.width * s.out;
    size_t to = (size_t(i + strip.border) * strip.padded + strip.border) * s.out;
    for (int p = 0; p < s.width; ++p)
      for (int o = 0; o < s.out; o += 16, from += 16, to += 16)
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(rounded + to),
                            open_gradient(y + from, dy + from, factor + o, relu));
  }
}

}  // namespace

size_t turned_signs_size(const Shape& s) { return s.weights() * sizeof(uint16_t); }

// [in / 16][taps][out / 32] tiles [16][16][2] bfloat16, two output channels of sixteen inputs to a row.
void pack_turned_signs(const Shape& s, const float* w, int64_t first, int64_t last, uint8_t* signs) {
  const int blocks = s.in / kBlock, depth = s.out / kBlock;
  const __m512i across =
      _mm512_mullo_epi32(_mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0), _mm512_set1_epi32(16));
  for (int64_t i = 2 * first; i < 2 * last; ++i) {
    const int t = int(i) / (2 * blocks), n = int(i) % (2 * blocks) * 16;
    const float* from = w + (size_t(s.taps - 1 - t) * s.in + n) * s.out;
    uint8_t* to = signs + size_t(n / 16 * s.taps + t) * depth * kTile;
    for (int o = 0; o < s.out; o += kBlock, to += kTile) {
      alignas(64) uint32_t pairs[16][16];
      for (int j = 0; j < 16; ++j) {
        const float* at = from + size_t(j) * s.out + o;
        const __mmask32 positive = __mmask32(signs_of(at)) | __mmask32(signs_of(at + 16)) << 16;
        _mm512_store_si512(pairs[j], _mm512_mask_blend_epi16(positive, _mm512_set1_epi16(short(kMinusOne)),
                                                             _mm512_set1_epi16(short(kOne))));
      }
      for (int k = 0; k < 16; ++k)
        _mm512_storeu_si512(to + k * kRow, _mm512_i32gather_epi32(across, &pairs[0][k], sizeof(uint32_t)));
    }
  }
}

void input_gradient(const Shape& s, const float* x, const float* y, const float* dy, const float* factor, bool relu,
                    const uint8_t* signs, float* dx) {
  Strip strip(s, kPositions);
  const int depth = s.out / kBlock;
  const size_t bytes = sizeof(uint16_t) * s.out, panel = size_t(s.taps) * depth * kTile;
  uint16_t* rounded = scratch<uint16_t>(0, size_t(strip.reach()) * s.out);
  float* sums = scratch<float>(1, kPair * kPair);
  const Tiles tiles;
  for (int row = 0; row < s.height; row += strip.most) {
    strip.begin(s, row);
    round_gradient(s, strip, y, dy, factor, relu, rounded);
    written();
    for (int n = 0; n < s.in; n += kPair)
      for (int q = 0; q < strip.positions(); q += kPair) {
        const uint8_t* b = signs + n / 16 * panel;
        zero_sums();
        for (int t = 0; t < s.taps; ++t) {
          const uint16_t* from = rounded + size_t(q + strip.offset(s, t)) * s.out;
          for (int k = 0; k < depth; ++k, from += kBlock, b += kTile) {
            _tile_loadd(4, from, bytes);
            _tile_loadd(5, from + 16 * s.out, bytes);
            _tile_loadd(6, b, kRow);
            _tile_loadd(7, b + panel, kRow);
            add_products();
          }
        }
        store_sums(sums, kPair * sizeof *sums);
        strip.each_of_pair(s, q, [&](int m, size_t at) {
          for (int j = 0; j < kPair; j += 16) {
            const size_t to = at * s.in + n + j;
            const __mmask16 open =
                _mm512_cmp_ps_mask(_mm512_abs_ps(_mm512_loadu_ps(x + to)), _mm512_set1_ps(1.f), _CMP_LE_OQ);
            _mm512_storeu_ps(dx + to, _mm512_maskz_mov_ps(open, _mm512_load_ps(sums + m * kPair + j)));
          }
        });
      }
  }
}

}  // namespace bnn
