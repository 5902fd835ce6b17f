// AVX2: bits are counted by table look-up. A byte shuffle takes four input bits against four bits of 32 output
// channels at once: the table holds, for the pixel's four bits, how many differ from each of the 16 possible four
// filter bits, and the filters, a nibble in a byte, are the indices. That is two instructions for 128 products, where
// xor and popcount by shuffles need four.
#include "kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <utility>

namespace bnn {

namespace {

// Row x: the number of bits in which x differs from 0, 1, ... 15.
struct Table {
  alignas(64) uint8_t rows[16][16];
  constexpr Table() : rows() {
    for (int x = 0; x < 16; ++x) {
      for (int w = 0; w < 16; ++w) {
        const int d = x ^ w;
        rows[x][w] = static_cast<uint8_t>((d & 1) + (d >> 1 & 1) + (d >> 2 & 1) + (d >> 3 & 1));
      }
    }
  }
};
constexpr Table kTable;

constexpr int kSteps = 63;  // nibbles until a byte could overflow: 63 * 4 = 252

size_t PackedBytes(int channels, int words) { return static_cast<size_t>(WordsFor(channels)) * words * 8 * kWord; }

// [nibble][channel], a byte each.
void Pack(const uint32_t* filters, int channels, const Window* windows, int window_count, uint8_t* packed) {
  const int words = WordsUnder(windows, window_count);
  const int width = WordsFor(channels) * kWord;
  std::memset(packed, 0, PackedBytes(channels, words));
  for (int c = 0; c < channels; ++c) {
    for (int w = 0; w < words; ++w) {
      const uint32_t word = filters[static_cast<size_t>(c) * words + w];
      for (int n = 0; n < 8; ++n) packed[static_cast<size_t>(w * 8 + n) * width + c] = word >> (4 * n) & 15;
    }
  }
}

inline void Flush(__m256i bytes, bool first, uint16_t* counts) {
  __m256i low = _mm256_cvtepu8_epi16(_mm256_castsi256_si128(bytes));
  __m256i high = _mm256_cvtepu8_epi16(_mm256_extracti128_si256(bytes, 1));
  __m256i* to = reinterpret_cast<__m256i*>(counts);
  if (!first) {
    low = _mm256_add_epi16(low, _mm256_load_si256(to));
    high = _mm256_add_epi16(high, _mm256_load_si256(to + 1));
  }
  _mm256_store_si256(to, low);
  _mm256_store_si256(to + 1, high);
}

// `kPixels` pixels by `kGroups` times 32 channels, all counts in registers.
template <int kGroups, int kPixels>
inline void Block(const uint8_t* filter, const uint8_t* const* origins, ptrdiff_t offset, int steps, bool first,
                  uint16_t* counts) {
  __m256i sums[kPixels][kGroups];
  const uint8_t* inputs[kPixels];
  for (int p = 0; p < kPixels; ++p) {
    inputs[p] = origins[p] + offset;
    for (int g = 0; g < kGroups; ++g) sums[p][g] = _mm256_setzero_si256();
  }
  const uint8_t* table = &kTable.rows[0][0];
#pragma GCC unroll 4
  for (int k = 0; k < steps; ++k) {
    __m256i rows[kPixels];
    for (int p = 0; p < kPixels; ++p) {
      rows[p] = _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(table + inputs[p][k])));
    }
    for (int g = 0; g < kGroups; ++g) {
      const __m256i indices = _mm256_load_si256(reinterpret_cast<const __m256i*>(filter) + g);
      for (int p = 0; p < kPixels; ++p) {
        sums[p][g] = _mm256_add_epi8(sums[p][g], _mm256_shuffle_epi8(rows[p], indices));
      }
    }
    filter += kGroups * kWord;
  }
  for (int p = 0; p < kPixels; ++p) {
    for (int g = 0; g < kGroups; ++g) Flush(sums[p][g], first, counts + p * kTile + g * kWord);
  }
}

template <int kGroups, int kPixels>
void Strip(const uint8_t* packed, const Window* windows, int window_count, const uint8_t* const* origins, int pixels,
           uint16_t* counts) {
  bool first = true;
  for (int w = 0; w < window_count; ++w) {
    const int nibbles = windows[w].words * 8;
    const int chunks = (nibbles + kSteps - 1) / kSteps;
    for (int chunk = 0, from = 0; chunk < chunks; ++chunk) {
      const int to = static_cast<int>(static_cast<int64_t>(nibbles) * (chunk + 1) / chunks);
      const ptrdiff_t offset = windows[w].offset + from;
      int p = 0;
      for (; p + kPixels <= pixels; p += kPixels) {
        Block<kGroups, kPixels>(packed, origins + p, offset, to - from, first, counts + p * kTile);
      }
      for (; p < pixels; ++p) Block<kGroups, 1>(packed, origins + p, offset, to - from, first, counts + p * kTile);
      packed += static_cast<size_t>(to - from) * kGroups * kWord;
      from = to;
      first = false;
    }
  }
}

void Accumulate(const uint8_t* packed, int channels, const Window* windows, int window_count,
                const uint8_t* const* origins, int pixels, void* counts) {
  uint16_t* out = static_cast<uint16_t*>(counts);
  switch (WordsFor(channels)) {
    case 1:
      return Strip<1, 4>(packed, windows, window_count, origins, pixels, out);
    case 2:
      return Strip<2, 4>(packed, windows, window_count, origins, pixels, out);
    case 3:
      return Strip<3, 2>(packed, windows, window_count, origins, pixels, out);
    default:
      return Strip<4, 2>(packed, windows, window_count, origins, pixels, out);
  }
}

// Eight counts, of 16 or of 32 bits.
inline __m256i LoadCounts(const uint16_t* counts) {
  return _mm256_cvtepu16_epi32(_mm_load_si128(reinterpret_cast<const __m128i*>(counts)));
}
inline __m256i LoadCounts(const int32_t* counts) { return _mm256_load_si256(reinterpret_cast<const __m256i*>(counts)); }

// 32 channels of a strip of pixels.
template <int kCommon, typename Count>
void FinishWord(const Finish& f, const Count* counts, int pixels, int channel, const Targets& t) {
  const int kParts = kCommon < kCommonParts ? kCommon : PartsOf(f, t);
  const __m256i most = _mm256_set1_epi32(f.most), low = _mm256_set1_epi32(f.clamp_min),
                high = _mm256_set1_epi32(f.clamp_max);
  const __m256 least = _mm256_set1_ps(f.least);
  for (int p = 0; p < pixels; ++p) {
    uint32_t word = kParts & kBits ? f.flip[channel / kWord] : 0, sum_word = 0;
#pragma GCC unroll 4
    for (int v = 0; v < kWord; v += 8) {
      const int c = channel + v;
      const __m256i n = LoadCounts(counts + p * kTile + c);
      if (kParts & kOut) {
        __m256 y;
        if (kCommon == kRare) {
          const __m256i x = _mm256_max_epi32(_mm256_min_epi32(_mm256_add_epi32(n, n), high), low);
          // A multiplication and an addition, each rounded: not fused.
          y = _mm256_mul_ps(_mm256_cvtepi32_ps(x), _mm256_loadu_ps(f.multiplier + c));
          y = _mm256_max_ps(least, _mm256_add_ps(y, _mm256_loadu_ps(f.bias + c)));  // the second where one is a NaN
        } else {
          const __m256 x = _mm256_cvtepi32_ps(_mm256_min_epi32(n, most));
          y = _mm256_fmadd_ps(x, _mm256_loadu_ps(f.doubled + c), _mm256_loadu_ps(f.bias + c));
        }
        if (kParts & kResidual) y = _mm256_add_ps(y, _mm256_loadu_ps(t.residual + p * t.residual_stride + c));
        if (kParts & kExtra) y = _mm256_add_ps(y, _mm256_loadu_ps(t.extra[p] + c));
        _mm256_storeu_ps(t.out + p * t.out_stride + c, y);
        if (kParts & kSumBits) {
          const __m256 value =
              _mm256_add_ps(_mm256_mul_ps(y, _mm256_loadu_ps(f.scale + c)), _mm256_loadu_ps(f.shift + c));
          const int below = _mm256_movemask_ps(_mm256_cmp_ps(value, _mm256_setzero_ps(), _CMP_LT_OQ));
          sum_word |= static_cast<uint32_t>(below) << v;
        }
      }
      if (kParts & kBits) {
        const __m256i limit = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(f.threshold + c));
        word ^= static_cast<uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpgt_epi32(n, limit)))) << v;
      }
    }
    const ptrdiff_t at = channel / kWord * 8;
    if (kParts & kBits) StoreWord(t.bits[p] + t.bits_offset + at, word, 8);
    if (kParts & kSumBits) StoreWord(t.sum_bits[p] + t.sum_bits_offset + at, sum_word, 8);
  }
}

template <typename Count, int... kCommon>
auto FinishWordOf(int parts, std::integer_sequence<int, kCommon...>) {
  static constexpr decltype(&FinishWord<0, Count>) kAll[] = {FinishWord<kCommon, Count>...};
  return kAll[parts];
}

template <typename Count>
void FinishStrip(const Finish& finish, const void* counts, int pixels, int channels, const Targets& targets) {
  const int parts = PartsOf(finish, targets), whole = channels / kWord * kWord;
  if (parts == 0) return;
  const Count* from = static_cast<const Count*>(counts);
  const auto finish_word = parts < kCommonParts
                               ? FinishWordOf<Count>(parts, std::make_integer_sequence<int, kCommonParts>())
                               : FinishWord<kRare, Count>;
  for (int channel = 0; channel < whole; channel += kWord) finish_word(finish, from, pixels, channel, targets);
  if (whole < channels) FinishTail(finish, from, pixels, whole, channels, targets, 8);
}

void Sign(const float* x, const float* scale, const float* shift, int channels, uint8_t* bits) {
  const __m256 zero = _mm256_setzero_ps();
  for (int base = 0; base < channels; base += kWord) {
    const int end = base + kWord < channels ? base + kWord : channels;
    uint32_t word = 0;
    int c = base;
    for (; c + 8 <= end; c += 8) {
      __m256 value = _mm256_loadu_ps(x + c);
      if (scale != nullptr) {
        value = _mm256_add_ps(_mm256_mul_ps(value, _mm256_loadu_ps(scale + c)), _mm256_loadu_ps(shift + c));
      }
      word |= static_cast<uint32_t>(_mm256_movemask_ps(_mm256_cmp_ps(value, zero, _CMP_LT_OQ))) << (c - base);
    }
    for (; c < end; ++c) word |= SignOne(x, scale, shift, c) << (c - base);
    StoreWord(bits + base / kWord * 8, word, 8);
  }
}

void Add(const float* a, const float* b, float* out, int count) {
  int i = 0;
  for (; i + 8 <= count; i += 8)
    _mm256_storeu_ps(out + i, _mm256_add_ps(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i)));
  for (; i < count; ++i) out[i] = a[i] + b[i];
}

void Maximum(const float* const* inputs, int inputs_count, float* out, int count) {
  int i = 0;
  for (; i + 8 <= count; i += 8) {
    __m256 best = _mm256_loadu_ps(inputs[0] + i);
    // max gives its second operand where the two are equal or one is a NaN.
    for (int k = 1; k < inputs_count; ++k) best = _mm256_max_ps(_mm256_loadu_ps(inputs[k] + i), best);
    _mm256_storeu_ps(out + i, best);
  }
  for (; i < count; ++i) {
    float best = inputs[0][i];
    for (int k = 1; k < inputs_count; ++k) best = inputs[k][i] > best ? inputs[k][i] : best;
    out[i] = best;
  }
}

// `kPixels` pixels by one panel.
template <int kPixels>
inline void MultiplyBlock(const FloatTile& t, int first, int pixel) {
  __m256 sums[kPixels][2];
#pragma GCC unroll 6
  for (int p = 0; p < kPixels; ++p) {
    for (int v = 0; v < 2; ++v) sums[p][v] = _mm256_loadu_ps(t.bias + first + v * 8);
  }
  const float* panel = t.packed + static_cast<size_t>(first) * t.depth;
  const float* rows = t.rows + pixel * t.row_stride;
  const int depth = t.depth;
  for (int k = 0; k < depth; ++k, panel += kPanel) {
    const __m256 low = _mm256_loadu_ps(panel), high = _mm256_loadu_ps(panel + 8);
#pragma GCC unroll 6
    for (int p = 0; p < kPixels; ++p) {
      const __m256 x = _mm256_broadcast_ss(rows + p * t.row_stride + k);
      sums[p][0] = _mm256_fmadd_ps(x, low, sums[p][0]);
      sums[p][1] = _mm256_fmadd_ps(x, high, sums[p][1]);
    }
  }
  const __m256 least = _mm256_set1_ps(t.low), most = _mm256_set1_ps(t.high);
  const int channels = t.channels - first;
#pragma GCC unroll 6
  for (int p = 0; p < kPixels; ++p) {
    alignas(32) float tail[kPanel];
    float* out = t.out + (pixel + p) * t.out_stride + first;
    float* to = channels < kPanel ? tail : out;
    for (int v = 0; v < 2; ++v) {
      // The second operand where one is a NaN.
      _mm256_storeu_ps(to + v * 8, _mm256_min_ps(most, _mm256_max_ps(least, sums[p][v])));
    }
    if (channels < kPanel) std::memcpy(out, tail, sizeof(float) * channels);
  }
}

void Multiply(const FloatTile& t) {
  for (int first = 0; first < t.channels; first += kPanel) {
    int p = 0;
    for (; p + 6 <= t.pixels; p += 6) MultiplyBlock<6>(t, first, p);
    for (; p + 2 <= t.pixels; p += 2) MultiplyBlock<2>(t, first, p);
    if (p < t.pixels) MultiplyBlock<1>(t, first, p);
  }
}

// `kPixels` pixels by 16 channels: two products of 16 bits a lane, pixels and filters both kept so.
template <int kPixels>
inline void DotBlock(const int16_t* packed, const int32_t* start, int width, const Window* windows, int window_count,
                     const uint8_t* const* origins, int32_t* sums) {
  __m256i totals[kPixels][2];
  for (int p = 0; p < kPixels; ++p) {
    for (int v = 0; v < 2; ++v) totals[p][v] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(start + 8 * v));
  }
  for (int w = 0; w < window_count; ++w) {
    for (int i = 0; i < 2 * windows[w].words; ++i, packed += 2 * static_cast<ptrdiff_t>(width)) {
      const __m256i* filter = reinterpret_cast<const __m256i*>(packed);
      const __m256i low = _mm256_loadu_si256(filter), high = _mm256_loadu_si256(filter + 1);
      for (int p = 0; p < kPixels; ++p) {
        int pair;
        std::memcpy(&pair, origins[p] + windows[w].offset + 4 * i, 4);
        const __m256i input = _mm256_set1_epi32(pair);
        totals[p][0] = _mm256_add_epi32(totals[p][0], _mm256_madd_epi16(input, low));
        totals[p][1] = _mm256_add_epi32(totals[p][1], _mm256_madd_epi16(input, high));
      }
    }
  }
  for (int p = 0; p < kPixels; ++p) {
    for (int v = 0; v < 2; ++v) _mm256_storeu_si256(reinterpret_cast<__m256i*>(sums + p * kTile + 8 * v), totals[p][v]);
  }
}

void Dot(const void* packed, const int32_t* start, int width, const Window* windows, int window_count,
         const uint8_t* const* origins, int pixels, int32_t* sums) {
  for (int c = 0; c < width; c += 16) {
    const int16_t* filters = static_cast<const int16_t*>(packed) + 2 * c;
    int p = 0;
    for (; p + 4 <= pixels; p += 4) {
      DotBlock<4>(filters, start + c, width, windows, window_count, origins + p, sums + p * kTile + c);
    }
    for (; p < pixels; ++p)
      DotBlock<1>(filters, start + c, width, windows, window_count, origins + p, sums + p * kTile + c);
  }
}

bool ToPixels(const float* x, int count, uint8_t* pixels) {
  int wrong = 0;
  for (int i = 0; i < count; ++i) wrong |= !ToPixel(x[i], pixels + i);
  return wrong == 0;
}

}  // namespace

const Kernels kAvx2Kernels = {
    "avx2",  8,        2,        65535, PackedBytes, Pack, Accumulate,       FinishStrip<uint16_t>, Sign,     Add,
    Maximum, ClampAll, Multiply, Dot,   2,           0,    DotOrder::kPairs, FinishStrip<int32_t>,  ToPixels,
};

}  // namespace bnn
#endif
