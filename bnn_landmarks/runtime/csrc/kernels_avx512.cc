// AVX-512 with VPOPCNTDQ and VNNI: sixteen output channels a vector, a word of input against a word of each.
#include "kernels.h"

#if defined(__x86_64__)
#if defined(__GNUC__) && !defined(__clang__)
// GCC's own header warns of itself (its bug 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>

namespace bnn {

namespace {

constexpr int kLanes = 16;

size_t PackedBytes(int channels, int words) { return static_cast<size_t>(WordsFor(channels)) * kWord * words * 4; }

// [word][channel]
void Pack(const uint32_t* filters, int channels, int words, uint8_t* packed) {
  const int width = WordsFor(channels) * kWord;
  uint32_t* to = reinterpret_cast<uint32_t*>(packed);
  std::memset(packed, 0, PackedBytes(channels, words));
  for (int c = 0; c < channels; ++c) {
    for (int w = 0; w < words; ++w)
      to[static_cast<size_t>(w) * width + c] = filters[static_cast<size_t>(c) * words + w];
  }
}

// `kPixels` pixels by `kVectors` times 16 channels over all windows.
template <int kVectors, int kPixels>
inline void Block(const uint8_t* packed, int width, const Window* windows, int window_count,
                  const uint8_t* const* origins, uint32_t* counts) {
  __m512i sums[kPixels][kVectors];
  for (int p = 0; p < kPixels; ++p) {
    for (int v = 0; v < kVectors; ++v) sums[p][v] = _mm512_setzero_si512();
  }
  const uint32_t* filter = reinterpret_cast<const uint32_t*>(packed);
  for (int w = 0; w < window_count; ++w) {
    for (int i = 0; i < windows[w].words; ++i) {
      for (int p = 0; p < kPixels; ++p) {
        int word;
        std::memcpy(&word, origins[p] + windows[w].offset + 4 * i, 4);
        const __m512i input = _mm512_set1_epi32(word);
        for (int v = 0; v < kVectors; ++v) {
          const __m512i bits = _mm512_load_si512(filter + v * kLanes);
          sums[p][v] = _mm512_add_epi32(sums[p][v], _mm512_popcnt_epi32(_mm512_xor_si512(bits, input)));
        }
      }
      filter += width;
    }
  }
  for (int p = 0; p < kPixels; ++p) {
    for (int v = 0; v < kVectors; ++v) _mm512_store_si512(counts + p * kTile + v * kLanes, sums[p][v]);
  }
}

template <int kVectors>
void Strip(const uint8_t* packed, int width, const Window* windows, int window_count, const uint8_t* const* origins,
           int pixels, uint32_t* counts) {
  // Six pixels by four vectors of sums, and the filters, fill most of the 32 registers.
  int p = 0;
  for (; p + 6 <= pixels; p += 6) {
    Block<kVectors, 6>(packed, width, windows, window_count, origins + p, counts + p * kTile);
  }
  for (; p + 2 <= pixels; p += 2) {
    Block<kVectors, 2>(packed, width, windows, window_count, origins + p, counts + p * kTile);
  }
  if (p < pixels) Block<kVectors, 1>(packed, width, windows, window_count, origins + p, counts + p * kTile);
}

void Accumulate(const uint8_t* packed, int channels, const Window* windows, int window_count,
                const uint8_t* const* origins, int pixels, void* counts) {
  uint32_t* out = static_cast<uint32_t*>(counts);
  const int width = WordsFor(channels) * kWord;
  // Four vectors of filters at a time stay in the first-level cache for the whole strip.
  int c = 0;
  for (; c + 4 * kLanes <= width; c += 4 * kLanes) {
    Strip<4>(packed + c * 4, width, windows, window_count, origins, pixels, out + c);
  }
  if (c < width) Strip<2>(packed + c * 4, width, windows, window_count, origins, pixels, out + c);
}

inline __mmask16 Lanes(int count) {
  return static_cast<__mmask16>(count >= kLanes ? 0xFFFF : count > 0 ? (1 << count) - 1 : 0);
}

// Up to 32 channels of a strip of pixels; what is not wanted is left out when compiled.
template <bool kOut, bool kResidual, bool kBits>
void FinishWord(const Finish& f, const uint32_t* counts, int pixels, int channel, int channels, const Targets& t) {
  const __m512i low = _mm512_set1_epi32(f.clamp_min), high = _mm512_set1_epi32(f.clamp_max);
  const __mmask16 lanes[2] = {Lanes(channels - channel), Lanes(channels - channel - kLanes)};
  __m512 multiplier[2], bias[2];
  __m512i threshold[2];
  for (int v = 0; v < 2; ++v) {
    if (kOut) multiplier[v] = _mm512_loadu_ps(f.multiplier + channel + v * kLanes);
    if (kOut) bias[v] = _mm512_loadu_ps(f.bias + channel + v * kLanes);
    if (kBits) threshold[v] = _mm512_loadu_si512(f.threshold + channel + v * kLanes);
  }
  for (int p = 0; p < pixels; ++p) {
    uint32_t word = kBits ? f.flip[channel / kWord] : 0;
    for (int v = 0; v < 2; ++v) {
      const int c = channel + v * kLanes;
      const __m512i n = _mm512_load_si512(counts + p * kTile + c);
      if (kOut) {
        const __m512i x = _mm512_max_epi32(_mm512_min_epi32(_mm512_add_epi32(n, n), high), low);
        // A multiplication and an addition, each rounded: not fused.
        __m512 y = _mm512_add_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(x), multiplier[v]), bias[v]);
        if (kResidual) y = _mm512_add_ps(y, _mm512_maskz_loadu_ps(lanes[v], t.residual + p * t.residual_stride + c));
        _mm512_mask_storeu_ps(t.out + p * t.out_stride + c, lanes[v], y);
      }
      if (kBits) word ^= static_cast<uint32_t>(_mm512_mask_cmpgt_epi32_mask(lanes[v], n, threshold[v])) << (v * kLanes);
    }
    if (kBits) StoreWord(t.bits[p] + t.bits_offset + channel / kWord * 4, word, 4);
  }
}

void FinishStrip(const Finish& finish, const void* counts, int pixels, int channels, const Targets& targets) {
  const bool out = targets.out != nullptr, residual = targets.residual != nullptr, bits = finish.threshold != nullptr;
  auto* const finish_word = !out   ? FinishWord<false, false, true>
                            : bits ? (residual ? FinishWord<true, true, true> : FinishWord<true, false, true>)
                                   : (residual ? FinishWord<true, true, false> : FinishWord<true, false, false>);
  if (!out && !bits) return;
  for (int channel = 0; channel < channels; channel += kWord) {
    finish_word(finish, static_cast<const uint32_t*>(counts), pixels, channel, channels, targets);
  }
}

void Sign(const float* x, const float* scale, const float* shift, int channels, uint8_t* bits) {
  const __m512 zero = _mm512_setzero_ps();
  for (int base = 0; base < channels; base += kWord) {
    uint32_t word = 0;
    for (int c = base; c < base + kWord && c < channels; c += kLanes) {
      const __mmask16 lanes = Lanes(channels - c);
      __m512 value = _mm512_maskz_loadu_ps(lanes, x + c);
      if (scale != nullptr) {
        value = _mm512_mul_ps(value, _mm512_maskz_loadu_ps(lanes, scale + c));
        value = _mm512_add_ps(value, _mm512_maskz_loadu_ps(lanes, shift + c));
      }
      word |= static_cast<uint32_t>(_mm512_mask_cmp_ps_mask(lanes, value, zero, _CMP_LT_OQ)) << (c - base);
    }
    StoreWord(bits + base / kWord * 4, word, 4);
  }
}

void Add(const float* a, const float* b, float* out, int count) {
  for (int i = 0; i < count; i += kLanes) {
    const __mmask16 lanes = Lanes(count - i);
    const __m512 sum = _mm512_add_ps(_mm512_maskz_loadu_ps(lanes, a + i), _mm512_maskz_loadu_ps(lanes, b + i));
    _mm512_mask_storeu_ps(out + i, lanes, sum);
  }
}

void Maximum(const float* x, float* best, int count) {
  for (int i = 0; i < count; i += kLanes) {
    const __mmask16 lanes = Lanes(count - i);
    // Gives its second operand where the two are equal or one is a NaN: x > best ? x : best.
    const __m512 most = _mm512_max_ps(_mm512_maskz_loadu_ps(lanes, x + i), _mm512_maskz_loadu_ps(lanes, best + i));
    _mm512_mask_storeu_ps(best + i, lanes, most);
  }
}

// `kPixels` pixels by `kPanels` panels, a vector each.
template <int kPanels, int kPixels>
inline void MultiplyBlock(const FloatTile& t, int first, int pixel) {
  __m512 sums[kPixels][kPanels];
  for (int p = 0; p < kPixels; ++p) {
    for (int v = 0; v < kPanels; ++v) sums[p][v] = _mm512_loadu_ps(t.bias + first + v * kPanel);
  }
  const float* panels = t.packed + static_cast<size_t>(first) * t.depth;
  const float* rows = t.rows + pixel * t.row_stride;
  const ptrdiff_t next = static_cast<ptrdiff_t>(t.depth) * kPanel;
  for (int k = 0; k < t.depth; ++k, panels += kPanel) {
    __m512 filters[kPanels];
    for (int v = 0; v < kPanels; ++v) filters[v] = _mm512_loadu_ps(panels + v * next);
    for (int p = 0; p < kPixels; ++p) {
      const __m512 x = _mm512_set1_ps(rows[p * t.row_stride + k]);
      for (int v = 0; v < kPanels; ++v) sums[p][v] = _mm512_fmadd_ps(x, filters[v], sums[p][v]);
    }
  }
  const __m512 least = _mm512_set1_ps(t.low), most = _mm512_set1_ps(t.high);
  for (int v = 0; v < kPanels; ++v) {
    const __mmask16 lanes = Lanes(t.channels - first - v * kPanel);
    for (int p = 0; p < kPixels; ++p) {
      // The second operand where one is a NaN.
      const __m512 y = _mm512_min_ps(most, _mm512_max_ps(least, sums[p][v]));
      _mm512_mask_storeu_ps(t.out + (pixel + p) * t.out_stride + first + v * kPanel, lanes, y);
    }
  }
}

template <int kPanels>
void MultiplyPanels(const FloatTile& t, int first) {
  int p = 0;
  for (; p + 6 <= t.pixels; p += 6) MultiplyBlock<kPanels, 6>(t, first, p);
  for (; p + 2 <= t.pixels; p += 2) MultiplyBlock<kPanels, 2>(t, first, p);
  if (p < t.pixels) MultiplyBlock<kPanels, 1>(t, first, p);
}

void Multiply(const FloatTile& t) {
  int first = 0;
  for (; first + 4 * kPanel <= t.channels; first += 4 * kPanel) MultiplyPanels<4>(t, first);
  for (; first + kPanel < t.channels; first += 2 * kPanel) MultiplyPanels<2>(t, first);
  if (first < t.channels) MultiplyPanels<1>(t, first);
}

// `kPixels` pixels by `kVectors` times 16 channels, four products a lane.
template <int kVectors, int kPixels>
inline void DotBlock(const int8_t* packed, int width, const Window* windows, int window_count,
                     const uint8_t* const* origins, uint32_t* sums) {
  __m512i totals[kPixels][kVectors];
  for (int p = 0; p < kPixels; ++p) {
    for (int v = 0; v < kVectors; ++v) totals[p][v] = _mm512_setzero_si512();
  }
  for (int w = 0; w < window_count; ++w) {
    for (int i = 0; i < windows[w].words; ++i, packed += 4 * static_cast<ptrdiff_t>(width)) {
      __m512i filters[kVectors];
      for (int v = 0; v < kVectors; ++v) filters[v] = _mm512_loadu_si512(packed + v * 64);
      for (int p = 0; p < kPixels; ++p) {
        int word;
        std::memcpy(&word, origins[p] + windows[w].offset + 4 * i, 4);
        const __m512i input = _mm512_set1_epi32(word);
        for (int v = 0; v < kVectors; ++v) totals[p][v] = _mm512_dpbusd_epi32(totals[p][v], input, filters[v]);
      }
    }
  }
  for (int p = 0; p < kPixels; ++p) {
    for (int v = 0; v < kVectors; ++v) _mm512_store_si512(sums + p * kTile + v * kLanes, totals[p][v]);
  }
}

template <int kVectors>
void DotStrip(const int8_t* packed, int width, const Window* windows, int window_count, const uint8_t* const* origins,
              int pixels, uint32_t* sums) {
  int p = 0;
  for (; p + 6 <= pixels; p += 6)
    DotBlock<kVectors, 6>(packed, width, windows, window_count, origins + p, sums + p * kTile);
  for (; p + 2 <= pixels; p += 2)
    DotBlock<kVectors, 2>(packed, width, windows, window_count, origins + p, sums + p * kTile);
  if (p < pixels) DotBlock<kVectors, 1>(packed, width, windows, window_count, origins + p, sums + p * kTile);
}

void Dot(const int8_t* packed, int width, const Window* windows, int window_count, const uint8_t* const* origins,
         int pixels, void* sums) {
  uint32_t* out = static_cast<uint32_t*>(sums);
  int c = 0;
  for (; c + 4 * kLanes <= width; c += 4 * kLanes) {
    DotStrip<4>(packed + 4 * c, width, windows, window_count, origins, pixels, out + c);
  }
  if (c < width) DotStrip<2>(packed + 4 * c, width, windows, window_count, origins, pixels, out + c);
}

}  // namespace

const Kernels kAvx512Kernels = {
    "avx512", 4,   4,       1 << 28,  PackedBytes, Pack, Accumulate,  FinishStrip,
    Sign,     Add, Maximum, ClampAll, Multiply,    Dot,  FinishStrip,
};

}  // namespace bnn
#endif
