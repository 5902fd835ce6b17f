// AVX-512 with VPOPCNTDQ and VNNI: sixteen output channels a vector, a word of input against a word of each.
#include "kernels.h"

#if defined(__x86_64__)
#if defined(__GNUC__) && !defined(__clang__)
// GCC's own header warns of itself (its bug 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>

#include <utility>

namespace bnn {

namespace {

constexpr int kLanes = 16;

// Filters stand as [group of 32 channels][word][channel].
constexpr int kVectors = kWord / kLanes;

// A convolution whose windows are of one length is counted in chains: of the words under a filter, those of the rows
// one after another in so many columns. With p(k) the parity of the differences in a chain's first k words, bit by bit,
//   differences in words k + 1 and k + 2 = 2 * carry + p(k + 2) - p(k),   carry = p(k + 1) ? ~p(k + 2) : p(k)
// so that two words take two xor, one ternary operation, and one count where there were two of each. A parity is the
// filter's xor the pixel's, each made beforehand.
struct Chain {
  int rows = 0;     // none: word by word
  int columns = 0;  // of a chain
  int chains = 0;
  int length() const { return rows * columns; }
};

constexpr int kLongestChain = 9;
constexpr int kPlaneWords = 8192;  // parities of a strip's pixels

Chain ChainOf(const Window* windows, int window_count) {
  const int words = windows[0].words;
  for (int w = 1; w < window_count; ++w) {
    if (windows[w].words != words) return {};
  }
  for (int columns = words; columns > 0; --columns) {
    const int length = window_count * columns;
    if (words % columns != 0 || length > kLongestChain || (words + kLanes) * length > kPlaneWords) continue;
    if (length < 3) break;
    return {window_count, columns, words / columns};
  }
  return {};
}

size_t PackedBytes(int channels, int words) { return static_cast<size_t>(WordsFor(channels)) * kWord * words * 4; }

void Pack(const uint32_t* filters, int channels, const Window* windows, int window_count, uint8_t* packed) {
  const int words = WordsUnder(windows, window_count);
  const Chain chain = ChainOf(windows, window_count);
  uint32_t* to = reinterpret_cast<uint32_t*>(packed);
  std::memset(packed, 0, PackedBytes(channels, words));
  for (int c = 0; c < channels; ++c, filters += words) {
    const auto place = [&](int word) -> uint32_t& {
      return to[(static_cast<size_t>(c / kWord) * words + word) * kWord + c % kWord];
    };
    if (chain.rows == 0) {
      for (int w = 0; w < words; ++w) place(w) = filters[w];
      continue;
    }
    for (int w = 0; w < words; ++w) {
      const int column = w / chain.rows, row = w % chain.rows;
      const uint32_t before = w % chain.length() == 0 ? 0 : place(w - 1);
      place(w) = before ^ filters[row * windows[0].words + column];
    }
  }
}

// Word by word: `kPixels` pixels by 32 channels over all windows.
template <int kPixels>
[[gnu::noinline]] void Block(const uint32_t* filter, const Window* windows, int window_count,
                             const uint8_t* const* origins, uint32_t* counts) {
  __m512i sums[kPixels][kVectors];
  const auto count = [&](int p, int v, ptrdiff_t offset) {
    int word;
    std::memcpy(&word, origins[p] + offset, 4);
    const __m512i bits = _mm512_load_si512(filter + v * kLanes);
    return _mm512_popcnt_epi32(_mm512_xor_si512(bits, _mm512_set1_epi32(word)));
  };
  for (int p = 0; p < kPixels; ++p) {
    for (int v = 0; v < kVectors; ++v) sums[p][v] = count(p, v, windows[0].offset);
  }
  filter += kWord;
  for (int w = 0; w < window_count; ++w) {
    for (int i = w == 0 ? 1 : 0; i < windows[w].words; ++i, filter += kWord) {
      for (int p = 0; p < kPixels; ++p) {
        for (int v = 0; v < kVectors; ++v)
          sums[p][v] = _mm512_add_epi32(sums[p][v], count(p, v, windows[w].offset + 4 * i));
      }
    }
  }
  for (int p = 0; p < kPixels; ++p) {
    for (int v = 0; v < kVectors; ++v) _mm512_store_si512(counts + p * kTile + v * kLanes, sums[p][v]);
  }
}

// The parities of a strip's pixels: plane k holds p(k + 1) of the chain that begins at each word.
struct Planes {
  alignas(64) uint32_t words[kPlaneWords];
  ptrdiff_t stride;                // words from one plane to the next
  const uint32_t* pixels[kStrip];  // in the first plane
};

// Pixels in a row share most of what lies under their filters. False where the planes have no room for so many pixels.
bool MakePlanes(const Chain& chain, const Window* windows, const uint8_t* const* origins, int pixels, Planes* planes) {
  struct Run {
    const uint8_t* origin;
    ptrdiff_t words, first;  // and where the planes have them
  } runs[kStrip];
  const ptrdiff_t under = windows[0].words, step = pixels > 1 ? origins[1] - origins[0] : 0;
  const bool rows = step > 0 && step % 4 == 0 && step / 4 <= under;
  int count = 0;
  ptrdiff_t total = 0;
  for (int p = 0; p < pixels;) {
    Run& run = runs[count++];
    run = {origins[p], under, total};
    planes->pixels[p++] = planes->words + total;
    for (; rows && p < pixels && origins[p] - origins[p - 1] == step; ++p, run.words += step / 4) {
      planes->pixels[p] = planes->pixels[p - 1] + step / 4;
    }
    total += (run.words + kLanes - 1) / kLanes * kLanes;
  }
  if (total * chain.length() > kPlaneWords) return false;
  planes->stride = total;
  for (int r = 0; r < count; ++r) {
    for (ptrdiff_t w = 0; w + chain.columns <= runs[r].words; w += kLanes) {
      uint32_t* to = planes->words + runs[r].first + w;
      __m512i parity = _mm512_setzero_si512();
      for (int column = 0; column < chain.columns; ++column) {
        const ptrdiff_t left = runs[r].words - w - column;
        const __mmask16 lanes = static_cast<__mmask16>(left >= kLanes ? 0xFFFF : (1 << left) - 1);
        for (int row = 0; row < chain.rows; ++row, to += total) {
          const uint8_t* from = runs[r].origin + windows[row].offset + 4 * (w + column);
          parity = _mm512_xor_si512(parity, _mm512_maskz_loadu_epi32(lanes, from));
          _mm512_store_si512(to, parity);
        }
      }
    }
  }
  return true;
}

// Two more words of a chain.
inline void Pair(__m512i odd, __m512i even, __m512i one, __m512i two, __m512i& parity, __m512i& sum) {
#if defined(__AVX512F__)
  // By hand, because compilers keep part of the parities in memory. between ? ~next : parity
  __m512i carry, next;
  asm("vpxord %[one], %[odd], %[carry]\n"
      "vpxord %[two], %[even], %[next]\n"
      "vpternlogd $0x3a, %[parity], %[next], %[carry]\n"
      "vmovdqa64 %[next], %[parity]\n"
      "vpopcntd %[carry], %[carry]\n"
      "vpaddd %[carry], %[sum], %[sum]\n"
      : [parity] "+v"(parity), [sum] "+v"(sum), [carry] "=&v"(carry), [next] "=&v"(next)
      : [one] "v"(one), [two] "v"(two), [odd] "v"(odd), [even] "v"(even));
#else  // emulated
  const __m512i next = _mm512_xor_si512(even, two);
  const __m512i carry = _mm512_ternarylogic_epi32(_mm512_xor_si512(odd, one), next, parity, 0x3A);
  sum = _mm512_add_epi32(sum, _mm512_popcnt_epi32(carry));
  parity = next;
#endif
}

// Chain by chain: `kPixels` pixels by 32 channels.
template <int kPixels>
[[gnu::noinline]] void ChainBlock(const uint32_t* filter, const Chain& chain, ptrdiff_t stride,
                                  const uint32_t* const* pixels, uint32_t* counts) {
  const int length = chain.length();
  __m512i carries[kPixels][kVectors], parities[kPixels][kVectors];
  for (int p = 0; p < kPixels; ++p) {
    for (int v = 0; v < kVectors; ++v) carries[p][v] = _mm512_setzero_si512();
  }
  for (int c = 0; c < chain.chains; ++c) {
    const uint32_t* input[kPixels];
    for (int p = 0; p < kPixels; ++p) input[p] = pixels[p] + static_cast<ptrdiff_t>(c) * chain.columns;
    ptrdiff_t at = 0;
    if (length % 2 == 0) {  // from two words, else from one
      for (int p = 0; p < kPixels; ++p) {
        const __m512i one = _mm512_set1_epi32(static_cast<int>(input[p][0]));
        const __m512i two = _mm512_set1_epi32(static_cast<int>(input[p][stride]));
        for (int v = 0; v < kVectors; ++v) {
          const __m512i first = _mm512_load_si512(filter + v * kLanes);
          parities[p][v] = _mm512_xor_si512(_mm512_load_si512(filter + kWord + v * kLanes), two);
          const __m512i carry = _mm512_ternarylogic_epi32(first, one, parities[p][v], 0x14);  // (a ^ b) & ~c
          carries[p][v] = _mm512_add_epi32(carries[p][v], _mm512_popcnt_epi32(carry));
        }
      }
      at = 2 * stride;
      filter += 2 * kWord;
    } else {
      for (int p = 0; p < kPixels; ++p) {
        const __m512i one = _mm512_set1_epi32(static_cast<int>(input[p][0]));
        for (int v = 0; v < kVectors; ++v)
          parities[p][v] = _mm512_xor_si512(_mm512_load_si512(filter + v * kLanes), one);
      }
      at = stride;
      filter += kWord;
    }
    for (int pair = (length - 1) / 2; pair > 0; --pair, at += 2 * stride, filter += 2 * kWord) {
      for (int p = 0; p < kPixels; ++p) {
        const __m512i one = _mm512_set1_epi32(static_cast<int>(input[p][at]));
        const __m512i two = _mm512_set1_epi32(static_cast<int>(input[p][at + stride]));
        for (int v = 0; v < kVectors; ++v) {
          const __m512i odd = _mm512_load_si512(filter + v * kLanes),
                        even = _mm512_load_si512(filter + kWord + v * kLanes);
          __m512i parity = parities[p][v], sum = carries[p][v];
          Pair(odd, even, one, two, parity, sum);
          parities[p][v] = parity;
          carries[p][v] = sum;
        }
      }
    }
    for (int p = 0; p < kPixels; ++p) {
      for (int v = 0; v < kVectors; ++v) {
        uint32_t* to = counts + p * kTile + v * kLanes;
        __m512i left = _mm512_popcnt_epi32(parities[p][v]);
        if (c > 0) left = _mm512_add_epi32(left, _mm512_load_si512(to));
        if (c + 1 == chain.chains) left = _mm512_add_epi32(left, _mm512_add_epi32(carries[p][v], carries[p][v]));
        _mm512_store_si512(to, left);
      }
    }
  }
}

void AccumulateChains(const uint8_t* packed, int channels, const Chain& chain, const Window* windows,
                      const uint8_t* const* origins, int pixels, uint32_t* counts) {
  Planes planes;
  if (!MakePlanes(chain, windows, origins, pixels, &planes)) {
    const int half = pixels / 2;
    AccumulateChains(packed, channels, chain, windows, origins, half, counts);
    AccumulateChains(packed, channels, chain, windows, origins + half, pixels - half, counts + half * kTile);
    return;
  }
  const uint32_t* filter = reinterpret_cast<const uint32_t*>(packed);
  const ptrdiff_t group = static_cast<ptrdiff_t>(chain.length()) * chain.chains * kWord;
  for (int c = 0; c < channels; c += kWord, filter += group) {
    // Six pixels by two vectors of counts and of parities, and the filters, fill the 32 registers.
    for (int p = 0, blocks = (pixels + 5) / 6; blocks > 0; --blocks) {
      const int size = (pixels - p + blocks - 1) / blocks;
      const uint32_t* const* of_pixels = planes.pixels + p;
      uint32_t* to = counts + p * kTile + c;
      if (size == 6) ChainBlock<6>(filter, chain, planes.stride, of_pixels, to);
      if (size == 5) ChainBlock<5>(filter, chain, planes.stride, of_pixels, to);
      if (size == 4) ChainBlock<4>(filter, chain, planes.stride, of_pixels, to);
      if (size == 3) ChainBlock<3>(filter, chain, planes.stride, of_pixels, to);
      if (size == 2) ChainBlock<2>(filter, chain, planes.stride, of_pixels, to);
      if (size == 1) ChainBlock<1>(filter, chain, planes.stride, of_pixels, to);
      p += size;
    }
  }
}

void Accumulate(const uint8_t* packed, int channels, const Window* windows, int window_count,
                const uint8_t* const* origins, int pixels, void* counts) {
  uint32_t* out = static_cast<uint32_t*>(counts);
  const Chain chain = ChainOf(windows, window_count);
  if (chain.rows > 0) return AccumulateChains(packed, channels, chain, windows, origins, pixels, out);
  const uint32_t* filter = reinterpret_cast<const uint32_t*>(packed);
  const ptrdiff_t group = static_cast<ptrdiff_t>(WordsUnder(windows, window_count)) * kWord;
  for (int c = 0; c < channels; c += kWord, filter += group) {
    int p = 0;
    for (; p + 12 <= pixels; p += 12) Block<12>(filter, windows, window_count, origins + p, out + p * kTile + c);
    for (; p + 4 <= pixels; p += 4) Block<4>(filter, windows, window_count, origins + p, out + p * kTile + c);
    for (; p < pixels; ++p) Block<1>(filter, windows, window_count, origins + p, out + p * kTile + c);
  }
}

inline __mmask16 Lanes(int count) {
  return static_cast<__mmask16>(count >= kLanes ? 0xFFFF : count > 0 ? (1 << count) - 1 : 0);
}

// Up to 32 channels of a strip of pixels.
template <int kCommon>
void FinishWord(const Finish& f, const uint32_t* counts, int pixels, int channel, int channels, const Targets& t) {
  const int kParts = kCommon < kCommonParts ? kCommon : PartsOf(f, t);
  const bool rare = kCommon == kRare;
  const float* multipliers = rare ? f.multiplier : f.doubled;
  const __m512i most = _mm512_set1_epi32(f.most), low = _mm512_set1_epi32(f.clamp_min),
                high = _mm512_set1_epi32(f.clamp_max);
  const __m512 least = _mm512_set1_ps(f.least);
  const __mmask16 lanes[2] = {Lanes(channels - channel), Lanes(channels - channel - kLanes)};
  __m512 multiplier[2], bias[2], scale[2], shift[2];
  __m512i threshold[2];
  for (int v = 0; v < 2; ++v) {
    const int c = channel + v * kLanes;
    if (kParts & kOut) multiplier[v] = _mm512_loadu_ps(multipliers + c);
    if (kParts & kOut) bias[v] = _mm512_loadu_ps(f.bias + c);
    if (kParts & kBits) threshold[v] = _mm512_loadu_si512(f.threshold + c);
    if (kParts & kSumBits) scale[v] = _mm512_maskz_loadu_ps(lanes[v], f.scale + c);
    if (kParts & kSumBits) shift[v] = _mm512_maskz_loadu_ps(lanes[v], f.shift + c);
  }
  const auto store = [&](uint8_t* to, __mmask16 first, __mmask16 second, uint32_t flip) {
    const uint32_t word = _cvtmask32_u32(_mm512_kunpackw(second, first)) ^ flip;
    std::memcpy(to + channel / kWord * 4, &word, 4);
  };
  for (int p = 0; p < pixels; ++p) {
    __mmask16 above[2], below[2];
    for (int v = 0; v < 2; ++v) {
      const int c = channel + v * kLanes;
      const __m512i n = _mm512_load_si512(counts + p * kTile + c);
      if (kParts & kOut) {
        __m512 y;
        if (rare) {
          const __m512i x = _mm512_max_epi32(_mm512_min_epi32(_mm512_add_epi32(n, n), high), low);
          // A multiplication and an addition, each rounded: not fused.
          y = _mm512_add_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(x), multiplier[v]), bias[v]);
          y = _mm512_max_ps(least, y);  // the second where one is a NaN
        } else {
          y = _mm512_fmadd_ps(_mm512_cvtepi32_ps(_mm512_min_epi32(n, most)), multiplier[v], bias[v]);
        }
        if (kParts & kResidual)
          y = _mm512_add_ps(y, _mm512_maskz_loadu_ps(lanes[v], t.residual + p * t.residual_stride + c));
        if (kParts & kExtra) y = _mm512_add_ps(y, _mm512_maskz_loadu_ps(lanes[v], t.extra[p] + c));
        _mm512_mask_storeu_ps(t.out + p * t.out_stride + c, lanes[v], y);
        if (kParts & kSumBits) {
          const __m512 value = _mm512_add_ps(_mm512_mul_ps(y, scale[v]), shift[v]);
          below[v] = _mm512_mask_cmp_ps_mask(lanes[v], value, _mm512_setzero_ps(), _CMP_LT_OQ);
        }
      }
      if (kParts & kBits) above[v] = _mm512_mask_cmpgt_epi32_mask(lanes[v], n, threshold[v]);
    }
    if (kParts & kBits) store(t.bits[p] + t.bits_offset, above[0], above[1], f.flip[channel / kWord]);
    if (kParts & kSumBits) store(t.sum_bits[p] + t.sum_bits_offset, below[0], below[1], 0);
  }
}

template <int... kCommon>
auto FinishWordOf(int parts, std::integer_sequence<int, kCommon...>) {
  static constexpr decltype(&FinishWord<0>) kAll[] = {FinishWord<kCommon>...};
  return kAll[parts];
}

void FinishStrip(const Finish& finish, const void* counts, int pixels, int channels, const Targets& targets) {
  const int parts = PartsOf(finish, targets);
  if (parts == 0) return;
  const auto finish_word =
      parts < kCommonParts ? FinishWordOf(parts, std::make_integer_sequence<int, kCommonParts>()) : FinishWord<kRare>;
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
    StoreWord(bits + base / kWord * 4, word);
  }
}

void Add(const float* a, const float* b, float* out, int count) {
  for (int i = 0; i < count; i += kLanes) {
    const __mmask16 lanes = Lanes(count - i);
    const __m512 sum = _mm512_add_ps(_mm512_maskz_loadu_ps(lanes, a + i), _mm512_maskz_loadu_ps(lanes, b + i));
    _mm512_mask_storeu_ps(out + i, lanes, sum);
  }
}

void Maximum(const float* const* inputs, int inputs_count, float* out, int count) {
  for (int i = 0; i < count; i += kLanes) {
    const __mmask16 lanes = Lanes(count - i);
    __m512 best = _mm512_maskz_loadu_ps(lanes, inputs[0] + i);
    // max gives its second operand where the two are equal or one is a NaN.
    for (int k = 1; k < inputs_count; ++k) best = _mm512_max_ps(_mm512_maskz_loadu_ps(lanes, inputs[k] + i), best);
    _mm512_mask_storeu_ps(out + i, lanes, best);
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

// `kPixels` pixels by `kGroup` times 16 channels, four products a lane.
template <int kGroup, int kPixels>
inline void DotBlock(const int8_t* packed, const int32_t* start, int width, const Window* windows, int window_count,
                     const uint8_t* const* origins, int32_t* sums) {
  __m512i totals[kPixels][kGroup];
  for (int p = 0; p < kPixels; ++p) {
    for (int v = 0; v < kGroup; ++v) totals[p][v] = _mm512_loadu_si512(start + v * kLanes);
  }
  for (int w = 0; w < window_count; ++w) {
    for (int i = 0; i < windows[w].words; ++i, packed += 4 * static_cast<ptrdiff_t>(width)) {
      __m512i filters[kGroup];
      for (int v = 0; v < kGroup; ++v) filters[v] = _mm512_loadu_si512(packed + v * 64);
      for (int p = 0; p < kPixels; ++p) {
        int word;
        std::memcpy(&word, origins[p] + windows[w].offset + 4 * i, 4);
        const __m512i input = _mm512_set1_epi32(word);
        for (int v = 0; v < kGroup; ++v) totals[p][v] = _mm512_dpbusd_epi32(totals[p][v], input, filters[v]);
      }
    }
  }
  for (int p = 0; p < kPixels; ++p) {
    for (int v = 0; v < kGroup; ++v) _mm512_store_si512(sums + p * kTile + v * kLanes, totals[p][v]);
  }
}

template <int kGroup>
void DotStrip(const int8_t* packed, const int32_t* start, int width, const Window* windows, int window_count,
              const uint8_t* const* origins, int pixels, int32_t* sums) {
  int p = 0;
  for (; p + 6 <= pixels; p += 6) {
    DotBlock<kGroup, 6>(packed, start, width, windows, window_count, origins + p, sums + p * kTile);
  }
  for (; p + 2 <= pixels; p += 2) {
    DotBlock<kGroup, 2>(packed, start, width, windows, window_count, origins + p, sums + p * kTile);
  }
  if (p < pixels) DotBlock<kGroup, 1>(packed, start, width, windows, window_count, origins + p, sums + p * kTile);
}

void Dot(const void* packed, const int32_t* start, int width, const Window* windows, int window_count,
         const uint8_t* const* origins, int pixels, int32_t* sums) {
  const int8_t* filters = static_cast<const int8_t*>(packed);
  int c = 0;
  for (; c + 4 * kLanes <= width; c += 4 * kLanes) {
    DotStrip<4>(filters + 4 * c, start + c, width, windows, window_count, origins, pixels, sums + c);
  }
  if (c < width) DotStrip<2>(filters + 4 * c, start + c, width, windows, window_count, origins, pixels, sums + c);
}

bool ToPixels(const float* x, int count, uint8_t* pixels) {
  const __m512 scale = _mm512_set1_ps(255.0f), rounding = _mm512_set1_ps(kRounding);
  __mmask16 all = 0xFFFF;
  for (int i = 0; i < count; i += kLanes) {
    const __mmask16 lanes = Lanes(count - i);
    const __m512 value = _mm512_mul_ps(_mm512_maskz_loadu_ps(lanes, x + i), scale);
    const __m512 rounded = _mm512_sub_ps(_mm512_add_ps(value, rounding), rounding);
    all &=
        _mm512_cmp_ps_mask(rounded, _mm512_setzero_ps(), _CMP_GE_OQ) & _mm512_cmp_ps_mask(rounded, scale, _CMP_LE_OQ);
    _mm512_mask_cvtusepi32_storeu_epi8(pixels + i, lanes, _mm512_cvttps_epi32(rounded));
  }
  return all == 0xFFFF;
}

}  // namespace

const Kernels kAvx512Kernels = {
    "avx512", 4,        1 << 28,  PackedBytes, Pack, Accumulate, FinishStrip,      Sign,        Add,
    Maximum,  ClampAll, Multiply, Dot,         1,    0,          DotOrder::kWords, FinishStrip, ToPixels,
};

}  // namespace bnn
#endif
