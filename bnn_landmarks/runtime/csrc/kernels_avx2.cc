// AVX2: bits are counted by the look-ups of nibble_pairs.h.
#include "kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <utility>

#include "nibble_pairs.h"

namespace bnn {

namespace {

// The places of two pixels' rows: eight of each of `kWords` words, of which the vectors hold the first.
template <int kWords>
inline void Places(__m128i x, __m128i y, uint16_t* rows) {
  const __m128i mask = _mm_set1_epi8(15);
  const __m128i even = _mm_or_si128(_mm_and_si128(x, mask), _mm_andnot_si128(mask, _mm_slli_epi16(y, 4)));
  const __m128i odd = _mm_or_si128(_mm_and_si128(_mm_srli_epi16(x, 4), mask), _mm_andnot_si128(mask, y));
  const auto wide = [](__m128i bytes) { return _mm256_slli_epi16(_mm256_cvtepu8_epi16(bytes), 4); };
  const __m256i low = wide(_mm_unpacklo_epi8(even, odd));
  if (kWords == 1) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(rows), _mm256_castsi256_si128(low));
  } else {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(rows), low);
  }
  if (kWords == 4) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(rows + 16), wide(_mm_unpackhi_epi8(even, odd)));
  }
}

inline void Put(__m256i count, bool first, uint16_t* to) {
  __m256i* place = reinterpret_cast<__m256i*>(to);
  _mm256_store_si256(place, first ? count : _mm256_add_epi16(count, _mm256_load_si256(place)));
}

struct Vectors {
  static constexpr int kLanes = 32;

  static inline void Rows(const uint8_t* a, const uint8_t* b, int words, uint16_t* rows) {
    const auto at = [](const uint8_t* from) { return reinterpret_cast<const __m128i*>(from); };
    for (; words >= 4; words -= 4, a += 16, b += 16, rows += 32) {
      Places<4>(_mm_loadu_si128(at(a)), _mm_loadu_si128(at(b)), rows);
    }
    if (words >= 2) {
      Places<2>(_mm_loadl_epi64(at(a)), _mm_loadl_epi64(at(b)), rows);
      words -= 2, a += 8, b += 8, rows += 16;
    }
    if (words == 1) {
      int x, y;
      std::memcpy(&x, a, 4);
      std::memcpy(&y, b, 4);
      Places<1>(_mm_cvtsi32_si128(x), _mm_cvtsi32_si128(y), rows);
    }
  }

  template <int kVectors>
  static inline void CountPair(const uint8_t* filter, const uint16_t* rows, int groups, bool first, uint16_t* counts,
                               ptrdiff_t apart) {
    constexpr int kStep = kVectors * kLanes;
    __m256i lower[kVectors], upper[kVectors];
    for (int v = 0; v < kVectors; ++v) lower[v] = upper[v] = _mm256_setzero_si256();
    const uint8_t* table = &kPairTable.rows[0][0];
    const __m256i mask = _mm256_set1_epi8(15), even = _mm256_set1_epi16(255);
    for (; groups > 0; --groups, filter += kGroup * kStep, rows += kGroup) {
      const auto row = [&](int k) {
        return _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(table + rows[k])));
      };
      const __m256i row0 = row(0), row1 = row(1), row2 = row(2);
      for (int v = 0; v < kVectors; ++v) {
        const auto look_up = [&](__m256i row, int k) {
          const uint8_t* indices = filter + k * kStep + v * kLanes;
          return _mm256_shuffle_epi8(row, _mm256_load_si256(reinterpret_cast<const __m256i*>(indices)));
        };
        const __m256i both = _mm256_add_epi8(_mm256_add_epi8(look_up(row0, 0), look_up(row1, 1)), look_up(row2, 2));
        lower[v] = _mm256_add_epi8(lower[v], _mm256_and_si256(both, mask));
        upper[v] = _mm256_add_epi16(upper[v], _mm256_srli_epi16(both, 4));
      }
    }
    for (int v = 0; v < kVectors; ++v, counts += kLanes) {
      const __m256i odd = _mm256_srli_epi16(lower[v], 8);
      // A lane's two upper halves, and 16 times its second lower one.
      const __m256i halves = _mm256_sub_epi16(upper[v], _mm256_slli_epi16(odd, 4));
      Put(_mm256_and_si256(lower[v], even), first, counts);
      Put(odd, first, counts + kLanes / 2);
      Put(_mm256_and_si256(halves, even), first, counts + apart);
      Put(_mm256_srli_epi16(halves, 8), first, counts + apart + kLanes / 2);
    }
  }
};

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
    const ptrdiff_t at = channel / kWord * 4;
    if (kParts & kBits) StoreWord(t.bits[p] + t.bits_offset + at, word);
    if (kParts & kSumBits) StoreWord(t.sum_bits[p] + t.sum_bits_offset + at, sum_word);
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
  if (whole < channels) FinishTail(finish, from, pixels, whole, channels, targets);
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
    StoreWord(bits + base / kWord * 4, word);
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
    "avx2",
    2,
    65535,
    PackedPairBytes,
    PackPairs<Vectors>,
    AccumulatePairs<Vectors>,
    FinishStrip<uint16_t>,
    Sign,
    Add,
    Maximum,
    ClampAll,
    Multiply,
    Dot,
    2,
    0,
    DotOrder::kPairs,
    FinishStrip<int32_t>,
    ToPixels,
};

}  // namespace bnn
#endif
