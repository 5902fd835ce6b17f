// AVX2: bits are counted by table look-up. A byte shuffle takes four input bits against four bits of 32 output
// channels at once: the table holds, for the pixel's four bits, how many differ from each of the 16 possible four
// filter bits, and the filters, a nibble in a byte, are the indices. That is two instructions for 128 products, where
// xor and popcount by shuffles need four.
#include "kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

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
void Pack(const uint32_t* filters, int channels, int words, uint8_t* packed) {
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

inline void FinishPixel(const Finish& f, const uint16_t* count, int channels, const float* residual, float* out,
                        uint8_t* bits) {
  const __m256i low = _mm256_set1_epi32(f.clamp_min), high = _mm256_set1_epi32(f.clamp_max);
  for (int base = 0; base < channels; base += kWord) {
    const int end = base + kWord < channels ? base + kWord : channels;
    uint32_t word = 0;
    int c = base;
    for (; c + 8 <= end; c += 8) {
      const __m256i n = _mm256_cvtepu16_epi32(_mm_load_si128(reinterpret_cast<const __m128i*>(count + c)));
      if (out != nullptr) {
        const __m256i x = _mm256_max_epi32(_mm256_min_epi32(_mm256_add_epi32(n, n), high), low);
        __m256 y = _mm256_mul_ps(_mm256_cvtepi32_ps(x), _mm256_loadu_ps(f.multiplier + c));
        y = _mm256_add_ps(y, _mm256_loadu_ps(f.bias + c));
        if (residual != nullptr) y = _mm256_add_ps(y, _mm256_loadu_ps(residual + c));
        _mm256_storeu_ps(out + c, y);
      }
      if (f.threshold != nullptr) {
        const __m256i limit = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(f.threshold + c));
        const int above = _mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpgt_epi32(n, limit)));
        word |= static_cast<uint32_t>(above) << (c - base);
      }
    }
    for (; c < end; ++c) {
      if (out != nullptr) {
        const float y = FinishOne(f, count[c], c);
        out[c] = residual != nullptr ? y + residual[c] : y;
      }
      if (f.threshold != nullptr) word |= (count[c] > f.threshold[c] ? 1u : 0u) << (c - base);
    }
    if (f.threshold != nullptr) StoreWord(bits + base / kWord * 8, word ^ f.flip[base / kWord], 8);
  }
}

void FinishStrip(const Finish& finish, const void* counts, int pixels, int channels, const Targets& targets) {
  FinishEach<uint16_t>(finish, counts, pixels, channels, targets, FinishPixel);
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

void Maximum(const float* x, float* best, int count) {
  int i = 0;
  // max_ps gives its second operand where the two are equal or one is a NaN: x > best ? x : best.
  for (; i + 8 <= count; i += 8)
    _mm256_storeu_ps(best + i, _mm256_max_ps(_mm256_loadu_ps(x + i), _mm256_loadu_ps(best + i)));
  for (; i < count; ++i) best[i] = x[i] > best[i] ? x[i] : best[i];
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

}  // namespace

const Kernels kAvx2Kernels = {
    "avx2", 8,   2,       65535,    PackedBytes, Pack,    Accumulate, FinishStrip,
    Sign,   Add, Maximum, ClampAll, Multiply,    nullptr, nullptr,
};

}  // namespace bnn
#endif
