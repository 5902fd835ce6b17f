// NEON (aarch64): four output channels a vector, a word of input against a word of each.
//
// Bits are counted along a chain of words. Where p(k) is the parity, bit by bit, of a chain's first k differences, two
// more words differ in 2 c + p(k + 2) - p(k) bits with c = p(k + 1) ? ~p(k + 2) : p(k). The parity of differences is
// that of the filter's words xor that of the input's, so both are made beforehand: filters are packed as parities,
// those of a strip's inputs serve all channels. Of every second pair ~c is counted, because then one of the filter's
// parities of four, stored as its complement, is all that the selections need.
#include "kernels.h"

#if defined(__aarch64__)
#include <arm_neon.h>

#include <utility>

namespace bnn {

namespace {

constexpr int kBlock = 8;   // channels at a time: two vectors
constexpr int kPixels = 4;  // and as many pixels
constexpr int kChain = 60;  // words: of 30 pairs a signed byte counts -120 to 120

size_t PackedBytes(int channels, int words) { return static_cast<size_t>(WordsFor(channels)) * kWord * words * 4; }

int ChainLength(int words, int from) { return words - from < kChain ? words - from : kChain; }

// Whether a chain's parity of its first `k + 1` words is kept as its complement. A chain begins with the words by which
// it is longer than a multiple of four.
bool IsComplement(int length, int k) {
  const int before = length % 4;
  return k < before ? before == 3 && k == 0 : (k - before) % 4 == 1;
}

// Parities along the chains, [block of 8 channels][word][channel].
void Pack(const uint32_t* filters, int channels, const Window* windows, int window_count, uint8_t* packed) {
  const int words = WordsUnder(windows, window_count), padded = WordsFor(channels) * kWord;
  uint32_t* to = reinterpret_cast<uint32_t*>(packed);
  for (int c = 0; c < padded; ++c) {
    uint32_t parity = 0;
    for (int w = 0; w < words; ++w) {
      if (w % kChain == 0) parity = 0;
      if (c < channels) parity ^= filters[static_cast<size_t>(c) * words + w];
      const bool complement = IsComplement(ChainLength(words, w / kChain * kChain), w % kChain);
      to[(static_cast<size_t>(c / kBlock) * words + w) * kBlock + c % kBlock] = complement ? ~parity : parity;
    }
  }
}

// Part of a window: so many words, from so many bytes after a pixel's origin.
struct Segment {
  ptrdiff_t offset;
  int words;
};

// A chain's parities of four pixels: for its first words, then for each four, pixel by pixel.
void MakeParities(const Segment* segments, int segment_count, int length, const uint8_t* const* origins,
                  uint32_t* parities) {
  uint32x4_t made[kChain], parity = vdupq_n_u32(0);  // a pixel a lane
  uint32x4_t* to = made;
  const auto put = [&](uint32x4_t words) {
    parity = veorq_u32(parity, words);
    *to++ = parity;
  };
  ptrdiff_t step = origins[1] - origins[0];  // from pixel to pixel, where that is the same
  if (origins[2] - origins[1] != step || origins[3] - origins[2] != step) step = 0;
  for (const Segment* s = segments; s != segments + segment_count; ++s) {
    const uint32_t* from[kPixels];
    for (int p = 0; p < kPixels; ++p) from[p] = reinterpret_cast<const uint32_t*>(origins[p] + s->offset);
    int w = 0;
    for (; step == 4 && w < s->words; ++w) put(vld1q_u32(from[0] + w));
    for (; step == 8 && w + 2 <= s->words; w += 2) {
      const uint32x4x2_t words = vld2q_u32(from[0] + w);
      put(words.val[0]);
      put(words.val[1]);
    }
    for (; step == 16 && w + 4 <= s->words; w += 4) {
      const uint32x4x4_t words = vld4q_u32(from[0] + w);
      for (int i = 0; i < 4; ++i) put(words.val[i]);
    }
    for (; w + 4 <= s->words; w += 4) {
      const uint32x4_t a = vld1q_u32(from[0] + w), b = vld1q_u32(from[1] + w), c = vld1q_u32(from[2] + w),
                       d = vld1q_u32(from[3] + w);
      const uint32x4_t ac[] = {vzip1q_u32(a, c), vzip2q_u32(a, c)}, bd[] = {vzip1q_u32(b, d), vzip2q_u32(b, d)};
      for (int i = 0; i < 2; ++i) {
        put(vzip1q_u32(ac[i], bd[i]));
        put(vzip2q_u32(ac[i], bd[i]));
      }
    }
    for (; w < s->words; ++w) put(uint32x4_t{from[0][w], from[1][w], from[2][w], from[3][w]});
  }
  const int before = length % 4;
  if (before == 1) vst1q_u32(parities, made[0]);
  if (before == 2) vst2q_u32(parities, {{made[0], made[1]}});
  if (before == 3) vst3q_u32(parities, {{made[0], made[1], made[2]}});
  parities += kPixels * before;
  for (int k = before; k < length; k += 4, parities += 4 * kPixels) {
    vst4q_u32(parities, {{made[k], made[k + 1], made[k + 2], made[k + 3]}});
  }
}

// Of four pixels and eight channels, two vectors each: in each signed byte the bits counted of c less those of ~c, and
// the parities at the chain's end. By hand, because compilers keep some of it in memory: v16-v23 are the filters,
// v24-v27 a pixel's inputs.
#define ONE_WORD(sum, parity, f0) "movi %[" sum "].16b, #0\neor %[" parity "].16b, " f0 ".16b, v24.16b\n"
#define TWO_WORDS(sum, parity, f0, f1) \
  "eor v29.16b, " f0                   \
  ".16b, v24.16b\n"                    \
  "eor %[" parity "].16b, " f1         \
  ".16b, v25.16b\n"                    \
  "bic v29.16b, v29.16b, %[" parity    \
  "].16b\n"                            \
  "cnt %[" sum "].16b, v29.16b\n"
#define THREE_WORDS(sum, parity, f0, f1, f2) \
  "eor v28.16b, " f0                         \
  ".16b, v24.16b\n"                          \
  "eor v29.16b, " f1                         \
  ".16b, v25.16b\n"                          \
  "eor %[" parity "].16b, " f2               \
  ".16b, v26.16b\n"                          \
  "bsl v29.16b, %[" parity                   \
  "].16b, v28.16b\n"                         \
  "cnt v29.16b, v29.16b\n"                   \
  "neg %[" sum "].16b, v29.16b\n"
#define FIRST_FOUR_WORDS(sum, parity, f0, f1, f2, f3) \
  "eor v29.16b, " f0                                  \
  ".16b, v24.16b\n"                                   \
  "eor v28.16b, " f1                                  \
  ".16b, v25.16b\n"                                   \
  "eor v30.16b, " f2                                  \
  ".16b, v26.16b\n"                                   \
  "and v29.16b, v29.16b, v28.16b\n"                   \
  "eor %[" parity "].16b, " f3                        \
  ".16b, v27.16b\n"                                   \
  "bsl v30.16b, %[" parity                            \
  "].16b, v28.16b\n"                                  \
  "cnt %[" sum                                        \
  "].16b, v29.16b\n"                                  \
  "cnt v30.16b, v30.16b\n"                            \
  "sub %[" sum "].16b, %[" sum "].16b, v30.16b\n"
#define FOUR_WORDS(sum, parity, f0, f1, f2, f3) \
  "eor v29.16b, " f0                            \
  ".16b, v24.16b\n"                             \
  "eor v28.16b, " f1                            \
  ".16b, v25.16b\n"                             \
  "eor v30.16b, " f2                            \
  ".16b, v26.16b\n"                             \
  "bsl v29.16b, v28.16b, %[" parity             \
  "].16b\n"                                     \
  "eor %[" parity "].16b, " f3                  \
  ".16b, v27.16b\n"                             \
  "cnt v29.16b, v29.16b\n"                      \
  "bsl v30.16b, %[" parity                      \
  "].16b, v28.16b\n"                            \
  "add %[" sum "].16b, %[" sum                  \
  "].16b, v29.16b\n"                            \
  "cnt v30.16b, v30.16b\n"                      \
  "sub %[" sum "].16b, %[" sum "].16b, v30.16b\n"
#define ONE(s0, p0, s1, p1) "ld1r {v24.4s}, [%[in]], #4\n" ONE_WORD(s0, p0, "v16") ONE_WORD(s1, p1, "v17")
#define TWO(s0, p0, s1, p1) \
  "ld2r {v24.4s, v25.4s}, [%[in]], #8\n" TWO_WORDS(s0, p0, "v16", "v18") TWO_WORDS(s1, p1, "v17", "v19")
#define THREE(s0, p0, s1, p1)                                                              \
  "ld3r {v24.4s, v25.4s, v26.4s}, [%[in]], #12\n" THREE_WORDS(s0, p0, "v16", "v18", "v20") \
      THREE_WORDS(s1, p1, "v17", "v19", "v21")
#define FOUR(s0, p0, s1, p1)                                                                             \
  "ld4r {v24.4s, v25.4s, v26.4s, v27.4s}, [%[in]], #16\n" FOUR_WORDS(s0, p0, "v16", "v18", "v20", "v22") \
      FOUR_WORDS(s1, p1, "v17", "v19", "v21", "v23")
#define FIRST_FOUR(s0, p0, s1, p1)                                                                             \
  "ld4r {v24.4s, v25.4s, v26.4s, v27.4s}, [%[in]], #16\n" FIRST_FOUR_WORDS(s0, p0, "v16", "v18", "v20", "v22") \
      FIRST_FOUR_WORDS(s1, p1, "v17", "v19", "v21", "v23")
#define PIXELS(what) \
  what("s0", "p0", "s1", "p1") what("s2", "p2", "s3", "p3") what("s4", "p4", "s5", "p5") what("s6", "p6", "s7", "p7")
#define FILTERS_0 "ldp q16, q17, [%[filter]], #32\n"
#define FILTERS_1 "ldp q18, q19, [%[filter]], #32\n"
#define FILTERS_2 "ldp q20, q21, [%[filter]], #32\n"
#define FILTERS_3 "ldp q22, q23, [%[filter]], #32\n"

inline void CountChain(const uint8_t* filter, const uint32_t* inputs, int length, uint8x16_t sums[2 * kPixels],
                       uint8x16_t ends[2 * kPixels]) {
  const int64_t before = length % 4;
  int64_t fours = length / 4;
  uint8x16_t s0, s1, s2, s3, s4, s5, s6, s7, p0, p1, p2, p3, p4, p5, p6, p7;
  asm volatile(
      "cmp %[before], #2\n"
      "b.eq 2f\n"
      "b.hi 3f\n"
      "cbnz %[before], 1f\n"
      FILTERS_0 FILTERS_1 FILTERS_2 FILTERS_3
      PIXELS(FIRST_FOUR)
      "subs %[fours], %[fours], #1\n"
      "b.eq 6f\n"
      "b 5f\n"
      "1:\n"
      FILTERS_0
      PIXELS(ONE)
      "cbz %[fours], 6f\n"
      "b 5f\n"
      "2:\n"
      FILTERS_0 FILTERS_1
      PIXELS(TWO)
      "cbz %[fours], 6f\n"
      "b 5f\n"
      "3:\n"
      FILTERS_0 FILTERS_1 FILTERS_2
      PIXELS(THREE)
      "cbz %[fours], 6f\n"
      "5:\n"
      FILTERS_0 FILTERS_1 FILTERS_2 FILTERS_3
      "subs %[fours], %[fours], #1\n"
      PIXELS(FOUR)
      "b.ne 5b\n"
      "6:\n"
      : [s0] "=&w"(s0), [s1] "=&w"(s1), [s2] "=&w"(s2), [s3] "=&w"(s3), [s4] "=&w"(s4), [s5] "=&w"(s5),
        [s6] "=&w"(s6), [s7] "=&w"(s7), [p0] "=&w"(p0), [p1] "=&w"(p1), [p2] "=&w"(p2), [p3] "=&w"(p3),
        [p4] "=&w"(p4), [p5] "=&w"(p5), [p6] "=&w"(p6), [p7] "=&w"(p7), [filter] "+r"(filter), [in] "+r"(inputs),
        [fours] "+r"(fours)
      : [before] "r"(before)
      : "memory", "cc", "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28",
        "v29", "v30");
  const uint8x16_t all[] = {s0, s1, s2, s3, s4, s5, s6, s7, p0, p1, p2, p3, p4, p5, p6, p7};
  for (int i = 0; i < 2 * kPixels; ++i) {
    sums[i] = all[i];
    ends[i] = all[2 * kPixels + i];
  }
}
#undef ONE_WORD
#undef TWO_WORDS
#undef THREE_WORDS
#undef FOUR_WORDS
#undef ONE
#undef TWO
#undef THREE
#undef FOUR
#undef PIXELS
#undef FIRST_FOUR
#undef FIRST_FOUR_WORDS
#undef FILTERS_0
#undef FILTERS_1
#undef FILTERS_2
#undef FILTERS_3

// A pixel's eight counts, put down or added.
inline void Flush(const uint8x16_t* sums, const uint8x16_t* ends, uint16x8_t start, bool first, uint16_t* counts) {
  const int16x8_t pairs =
      vpaddq_s16(vpaddlq_s8(vreinterpretq_s8_u8(sums[0])), vpaddlq_s8(vreinterpretq_s8_u8(sums[1])));
  uint16x8_t total = vaddq_u16(vshlq_n_u16(vreinterpretq_u16_s16(pairs), 1), start);
  total = vpadalq_u8(total, vpaddq_u8(vcntq_u8(ends[0]), vcntq_u8(ends[1])));
  if (!first) total = vaddq_u16(total, vld1q_u16(counts));
  vst1q_u16(counts, total);
}

void Accumulate(const uint8_t* packed, int channels, const Window* windows, int window_count,
                const uint8_t* const* origins, int pixels, void* counts) {
  uint16_t* out = static_cast<uint16_t*>(counts);
  const int words = WordsUnder(windows, window_count), blocks = (pixels + kPixels - 1) / kPixels;
  uint32_t parities[kStrip * kChain];
  for (int start = 0, w = 0, from = 0; start < words; start += kChain) {
    const int length = ChainLength(words, start), complements = length / 4 + (length % 4 == 3 ? 1 : 0);
    const uint16x8_t at_first = vdupq_n_u16(static_cast<uint16_t>(2 * kWord * complements));
    Segment segments[kChain];
    int segment_count = 0;
    for (int left = length; left > 0;) {
      const int taken = windows[w].words - from < left ? windows[w].words - from : left;
      if (taken > 0) segments[segment_count++] = {windows[w].offset + 4 * static_cast<ptrdiff_t>(from), taken};
      left -= taken;
      from += taken;
      if (from == windows[w].words) {
        ++w;
        from = 0;
      }
    }
    for (int b = 0; b < blocks; ++b) {
      const uint8_t* of_block[kPixels];
      for (int p = 0; p < kPixels; ++p) {
        of_block[p] = origins[b * kPixels + p < pixels ? b * kPixels + p : pixels - 1];
      }
      MakeParities(segments, segment_count, length, of_block, parities + b * kPixels * length);
    }
    for (int c = 0; c < channels; c += kBlock) {
      const uint8_t* filter = packed + (static_cast<size_t>(c) * words + static_cast<size_t>(start) * kBlock) * 4;
      for (int b = 0; b < blocks; ++b) {
        const uint32_t* inputs = parities + b * kPixels * length;
        uint8x16_t sums[2 * kPixels], ends[2 * kPixels];
        CountChain(filter, inputs, length, sums, ends);
        uint16_t* to = out + b * kPixels * kTile + c;
        const int here = pixels - b * kPixels;
        if (here >= kPixels) {
          for (int p = 0; p < kPixels; ++p) Flush(sums + 2 * p, ends + 2 * p, at_first, start == 0, to + p * kTile);
        } else {
          for (int p = 0; p < here; ++p) Flush(sums + 2 * p, ends + 2 * p, at_first, start == 0, to + p * kTile);
        }
      }
    }
  }
}

// One bit for each of 32 channels whose lanes are all ones or all zeros.
inline uint32_t PackMasks(const uint16x8_t masks[4]) {
  const uint8x16_t place = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
  const uint8x16_t low = vandq_u8(vuzp1q_u8(vreinterpretq_u8_u16(masks[0]), vreinterpretq_u8_u16(masks[1])), place);
  const uint8x16_t high = vandq_u8(vuzp1q_u8(vreinterpretq_u8_u16(masks[2]), vreinterpretq_u8_u16(masks[3])), place);
  uint8x16_t sums = vpaddq_u8(low, high);
  sums = vpaddq_u8(sums, sums);
  sums = vpaddq_u8(sums, sums);
  return vgetq_lane_u32(vreinterpretq_u32_u8(sums), 0);
}

// Four floats of min(count, most).
inline float32x4_t LowFloats(uint16x8_t n) { return vcvtq_f32_u32(vmovl_u16(vget_low_u16(n))); }
inline float32x4_t HighFloats(uint16x8_t n) { return vcvtq_f32_u32(vmovl_high_u16(n)); }

// The bits of 16 channels: `yes` where a lane is all ones, `no` where it is zero.
struct Bits {
  uint8x16_t yes, no;
  explicit Bits(uint32_t flip) {
    const uint8x16_t place = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    no =
        vandq_u8(place, vcombine_u8(vdup_n_u8(static_cast<uint8_t>(flip)), vdup_n_u8(static_cast<uint8_t>(flip >> 8))));
    yes = veorq_u8(place, no);
  }
  void Store(uint16x8_t first, uint16x8_t second, uint8_t* to) const {
    uint8x16_t sums = vbslq_u8(vuzp1q_u8(vreinterpretq_u8_u16(first), vreinterpretq_u8_u16(second)), yes, no);
    for (int i = 0; i < 3; ++i) sums = vpaddq_u8(sums, sums);
    vst1q_lane_u16(reinterpret_cast<uint16_t*>(to), vreinterpretq_u16_u8(sums), 0);
  }
};

// 16 channels of a strip of pixels: what belongs to the channels stays in registers.
template <int kCommon>
void FinishHalfWord(const Finish& f, const uint16_t* counts, int pixels, int channel, const Targets& t) {
  const int kParts = kCommon < kCommonParts ? kCommon : PartsOf(f, t);
  const int32x4_t low = vdupq_n_s32(f.clamp_min), high = vdupq_n_s32(f.clamp_max);
  const float32x4_t least = vdupq_n_f32(f.least);
  const uint16x8_t most = vdupq_n_u16(static_cast<uint16_t>(f.most < 65535 ? f.most : 65535));
  const float* multipliers = kCommon == kRare ? f.multiplier : f.doubled;
  float32x4_t multiplier[4], bias[4], scale[4], limit[4];
  uint16x8_t threshold[2];
  for (int v = 0; v < 4; ++v) {
    const int c = channel + 4 * v;
    if (kParts & kOut) multiplier[v] = vld1q_f32(multipliers + c);
    if (kParts & kOut) bias[v] = vld1q_f32(f.bias + c);
    if (kParts & kSumBits) scale[v] = vld1q_f32(f.scale + c);
    if (kParts & kSumBits) limit[v] = vnegq_f32(vld1q_f32(f.shift + c));
  }
  for (int v = 0; v < 2 && (kParts & kBits); ++v) {  // count > threshold as count >= threshold + 1, in 16 bits
    const int32_t* from = f.threshold + channel + 8 * v;
    const int32x4_t one = vdupq_n_s32(1);
    threshold[v] =
        vcombine_u16(vqmovun_s32(vqaddq_s32(vld1q_s32(from), one)), vqmovun_s32(vqaddq_s32(vld1q_s32(from + 4), one)));
  }
  const Bits bits(kParts & kBits ? f.flip[channel / kWord] >> channel % kWord : 0), sum_bits(0);
  // Copies, which no store of bits can change.
  uint8_t* const* bits_to = t.bits;
  uint8_t* const* sum_bits_to = t.sum_bits;
  const ptrdiff_t bits_at = t.bits_offset + channel / 8, sum_bits_at = t.sum_bits_offset + channel / 8;
  const ptrdiff_t out_stride = t.out_stride, residual_stride = t.residual_stride;
  const float* const* extra = t.extra;
  float* out = t.out + channel;
  const float* residual = t.residual + channel;
  counts += channel;
  for (int p = 0; p < pixels; ++p, counts += kTile) {
    uint16x8_t n[] = {vld1q_u16(counts), vld1q_u16(counts + 8)};
    if (kParts & kBits) bits.Store(vcgeq_u16(n[0], threshold[0]), vcgeq_u16(n[1], threshold[1]), bits_to[p] + bits_at);
    if (!(kParts & kOut)) continue;
    float32x4_t y[4];
#pragma GCC unroll 2
    for (int v = 0; v < 2; ++v) {
      if (kCommon == kRare) {
        const uint32x4_t doubled[] = {vshll_n_u16(vget_low_u16(n[v]), 1), vshll_high_n_u16(n[v], 1)};
        for (int half = 0; half < 2; ++half) {
          const int32x4_t x = vmaxq_s32(vminq_s32(vreinterpretq_s32_u32(doubled[half]), high), low);
          // A multiplication and an addition, each rounded: not fused.
          const float32x4_t sum = vaddq_f32(vmulq_f32(vcvtq_f32_s32(x), multiplier[2 * v + half]), bias[2 * v + half]);
          y[2 * v + half] = vbslq_f32(vcltq_f32(sum, least), least, sum);
        }
      } else {  // products that need no rounding
        const uint16x8_t limited = vminq_u16(n[v], most);
        y[2 * v] = vaddq_f32(vmulq_f32(LowFloats(limited), multiplier[2 * v]), bias[2 * v]);
        y[2 * v + 1] = vaddq_f32(vmulq_f32(HighFloats(limited), multiplier[2 * v + 1]), bias[2 * v + 1]);
      }
    }
    uint32x4_t below[4];
#pragma GCC unroll 4
    for (int v = 0; v < 4; ++v) {
      if (kParts & kResidual) y[v] = vaddq_f32(y[v], vld1q_f32(residual + 4 * v));
      if (kParts & kExtra) y[v] = vaddq_f32(y[v], vld1q_f32(extra[p] + channel + 4 * v));
      vst1q_f32(out + 4 * v, y[v]);
      // y * scale + shift < 0 is y * scale < -shift: the sign of a sum is never wrong, and false of a NaN either way.
      if (kParts & kSumBits) below[v] = vcltq_f32(vmulq_f32(y[v], scale[v]), limit[v]);
    }
    if (kParts & kSumBits) {
      sum_bits.Store(vuzp1q_u16(vreinterpretq_u16_u32(below[0]), vreinterpretq_u16_u32(below[1])),
                     vuzp1q_u16(vreinterpretq_u16_u32(below[2]), vreinterpretq_u16_u32(below[3])),
                     sum_bits_to[p] + sum_bits_at);
    }
    out += out_stride;
    if (kParts & kResidual) residual += residual_stride;
  }
}

template <int... kCommon>
auto FinishHalfWordOf(int parts, std::integer_sequence<int, kCommon...>) {
  static constexpr decltype(&FinishHalfWord<0>) kAll[] = {FinishHalfWord<kCommon>...};
  return kAll[parts];
}

void FinishStrip(const Finish& finish, const void* counts, int pixels, int channels, const Targets& targets) {
  const uint16_t* from = static_cast<const uint16_t*>(counts);
  const int parts = PartsOf(finish, targets), whole = channels / kWord * kWord;
  if (parts == 0) return;
  const auto finish_channels = parts < kCommonParts
                                   ? FinishHalfWordOf(parts, std::make_integer_sequence<int, kCommonParts>())
                                   : FinishHalfWord<kRare>;
  for (int channel = 0; channel < whole; channel += 16) finish_channels(finish, from, pixels, channel, targets);
  if (whole < channels) FinishTail(finish, from, pixels, whole, channels, targets);
}

// The bits of sums of 32 bits; no floats are ever made of them.
void FinishSums(const Finish& f, const void* sums, int pixels, int channels, const Targets& t) {
  const int whole = channels / kWord * kWord;
  for (int channel = 0; channel < whole; channel += kWord) {
    for (int p = 0; p < pixels; ++p) {
      const int32_t* sum = static_cast<const int32_t*>(sums) + p * kTile + channel;
      uint16x8_t above[4];
      for (int v = 0; v < 4; ++v) {
        const int32_t* limit = f.threshold + channel + 8 * v;
        above[v] = vuzp1q_u16(vreinterpretq_u16_u32(vcgtq_s32(vld1q_s32(sum + 8 * v), vld1q_s32(limit))),
                              vreinterpretq_u16_u32(vcgtq_s32(vld1q_s32(sum + 8 * v + 4), vld1q_s32(limit + 4))));
      }
      StoreWord(t.bits[p] + t.bits_offset + channel / kWord * 4, PackMasks(above) ^ f.flip[channel / kWord]);
    }
  }
  if (whole < channels) FinishTail(f, static_cast<const int32_t*>(sums), pixels, whole, channels, t);
}

void Sign(const float* x, const float* scale, const float* shift, int channels, uint8_t* bits) {
  int base = 0;
  for (; base + kWord <= channels; base += kWord) {
    uint16x8_t masks[4];
    for (int v = 0; v < 4; ++v) {
      uint32x4_t halves[2];
      for (int half = 0; half < 2; ++half) {
        const int c = base + 8 * v + 4 * half;
        float32x4_t value = vld1q_f32(x + c);
        if (scale != nullptr) value = vaddq_f32(vmulq_f32(value, vld1q_f32(scale + c)), vld1q_f32(shift + c));
        halves[half] = vcltzq_f32(value);  // false for -0.0 and for a NaN, as on x86
      }
      masks[v] = vuzp1q_u16(vreinterpretq_u16_u32(halves[0]), vreinterpretq_u16_u32(halves[1]));
    }
    StoreWord(bits + base / kWord * 4, PackMasks(masks));
  }
  if (base == channels) return;
  uint32_t word = 0;
  for (int c = base; c < channels; ++c) word |= SignOne(x, scale, shift, c) << (c - base);
  StoreWord(bits + base / kWord * 4, word);
}

void Add(const float* a, const float* b, float* out, int count) {
  int i = 0;
  for (; i + 4 <= count; i += 4) vst1q_f32(out + i, vaddq_f32(vld1q_f32(a + i), vld1q_f32(b + i)));
  for (; i < count; ++i) out[i] = a[i] + b[i];
}

void Maximum(const float* const* inputs, int inputs_count, float* out, int count) {
  int i = 0;
  for (; i + 4 <= count; i += 4) {
    float32x4_t best = vld1q_f32(inputs[0] + i);
    for (int k = 1; k < inputs_count; ++k) {
      const float32x4_t x = vld1q_f32(inputs[k] + i);
      best = vbslq_f32(vcgtq_f32(x, best), x, best);
    }
    vst1q_f32(out + i, best);
  }
  for (; i < count; ++i) {
    float best = inputs[0][i];
    for (int k = 1; k < inputs_count; ++k) best = inputs[k][i] > best ? inputs[k][i] : best;
    out[i] = best;
  }
}

// `kPixelsAtOnce` pixels by one panel.
template <int kPixelsAtOnce>
inline void MultiplyBlock(const FloatTile& t, int first, int pixel) {
  float32x4_t sums[kPixelsAtOnce][4], x[kPixelsAtOnce];
  for (int p = 0; p < kPixelsAtOnce; ++p) {
    for (int v = 0; v < 4; ++v) sums[p][v] = vld1q_f32(t.bias + first + 4 * v);
  }
  const float* panel = t.packed + static_cast<size_t>(first) * t.depth;
  const float* rows = t.rows + pixel * t.row_stride;
  int k = 0;
  for (; k + 4 <= t.depth; k += 4, panel += 4 * kPanel) {
    for (int p = 0; p < kPixelsAtOnce; ++p) x[p] = vld1q_f32(rows + p * t.row_stride + k);
    for (int v = 0; v < 4; ++v) {
      const float* filters = panel + 4 * v;
      const float32x4_t f0 = vld1q_f32(filters), f1 = vld1q_f32(filters + kPanel), f2 = vld1q_f32(filters + 2 * kPanel),
                        f3 = vld1q_f32(filters + 3 * kPanel);
      for (int p = 0; p < kPixelsAtOnce; ++p) {
        float32x4_t sum = vfmaq_laneq_f32(sums[p][v], f0, x[p], 0);
        sum = vfmaq_laneq_f32(sum, f1, x[p], 1);
        sum = vfmaq_laneq_f32(sum, f2, x[p], 2);
        sums[p][v] = vfmaq_laneq_f32(sum, f3, x[p], 3);
      }
    }
  }
  for (; k < t.depth; ++k, panel += kPanel) {
    for (int v = 0; v < 4; ++v) {
      const float32x4_t filters = vld1q_f32(panel + 4 * v);
      for (int p = 0; p < kPixelsAtOnce; ++p) {
        sums[p][v] = vfmaq_n_f32(sums[p][v], filters, rows[p * t.row_stride + k]);
      }
    }
  }
  const float32x4_t least = vdupq_n_f32(t.low), most = vdupq_n_f32(t.high);
  const int channels = t.channels - first;
  for (int p = 0; p < kPixelsAtOnce; ++p) {
    float tail[kPanel];
    float* out = t.out + (pixel + p) * t.out_stride + first;
    float* to = channels < kPanel ? tail : out;
    for (int v = 0; v < 4; ++v) vst1q_f32(to + 4 * v, vminq_f32(vmaxq_f32(sums[p][v], least), most));
    if (channels < kPanel) std::memcpy(out, tail, sizeof(float) * channels);
  }
}

void Multiply(const FloatTile& t) {
  for (int first = 0; first < t.channels; first += kPanel) {
    int p = 0;
    for (; p + 4 <= t.pixels; p += 4) MultiplyBlock<4>(t, first, p);
    for (; p < t.pixels; ++p) MultiplyBlock<1>(t, first, p);
  }
}

// `kPixelsAtOnce` pixels by 16 channels. Pixels less 128 times filters are at most 128 * 127, so that 16 bits hold the
// sum of two products; pairs of them are added to 32 bits.
template <int kPixelsAtOnce>
inline void DotBlock(const int8_t* packed, const int32_t* start, int width, const Window* windows, int window_count,
                     const uint8_t* const* origins, int32_t* sums) {
  int32x4_t totals[kPixelsAtOnce][4];
  for (int p = 0; p < kPixelsAtOnce; ++p) {
    for (int v = 0; v < 4; ++v) totals[p][v] = vld1q_s32(start + 4 * v);
  }
  for (int w = 0; w < window_count; ++w) {
    const uint8_t* inputs[kPixelsAtOnce];
    for (int p = 0; p < kPixelsAtOnce; ++p) inputs[p] = origins[p] + windows[w].offset;
    for (int i = 0; i < windows[w].words; ++i, packed += 4 * static_cast<ptrdiff_t>(width)) {
      const int8x16_t low[] = {vld1q_s8(packed), vld1q_s8(packed + 16)};
      const int8x16_t high[] = {vld1q_s8(packed + 2 * width), vld1q_s8(packed + 2 * width + 16)};
      for (int p = 0; p < kPixelsAtOnce; ++p) {
        const int16x8x2_t pairs = vld2q_dup_s16(reinterpret_cast<const int16_t*>(inputs[p]));
        inputs[p] += 4;
        const int8x16_t one = vreinterpretq_s8_s16(pairs.val[0]), two = vreinterpretq_s8_s16(pairs.val[1]);
        for (int v = 0; v < 2; ++v) {
          const int16x8_t first =
              vmlal_s8(vmull_s8(vget_low_s8(low[v]), vget_low_s8(one)), vget_low_s8(high[v]), vget_low_s8(two));
          const int16x8_t second = vmlal_high_s8(vmull_high_s8(low[v], one), high[v], two);
          totals[p][2 * v] = vpadalq_s16(totals[p][2 * v], first);
          totals[p][2 * v + 1] = vpadalq_s16(totals[p][2 * v + 1], second);
        }
      }
    }
  }
  for (int p = 0; p < kPixelsAtOnce; ++p) {
    for (int v = 0; v < 4; ++v) vst1q_s32(sums + p * kTile + 4 * v, totals[p][v]);
  }
}

// By the dot product of Armv8.2, four products a lane: two words of inputs, or one, at a time.
template <int kPixelsAtOnce>
inline void DotProductBlock(const int8_t* packed, const int32_t* start, int width, const Window* windows,
                            int window_count, const uint8_t* const* origins, int32_t* sums) {
  int32x4_t totals[kPixelsAtOnce][4];
  for (int p = 0; p < kPixelsAtOnce; ++p) {
    for (int v = 0; v < 4; ++v) totals[p][v] = vld1q_s32(start + 4 * v);
  }
  const ptrdiff_t word_bytes = 4 * static_cast<ptrdiff_t>(width);
  for (int w = 0; w < window_count; ++w) {
    const int32_t* inputs[kPixelsAtOnce];
    for (int p = 0; p < kPixelsAtOnce; ++p) {
      inputs[p] = reinterpret_cast<const int32_t*>(origins[p] + windows[w].offset);
    }
    int8x16_t first[4], second[4];
    for (int left = windows[w].words; left > 1; left -= 2, packed += 2 * word_bytes) {
      for (int v = 0; v < 4; ++v) {
        first[v] = vld1q_s8(packed + 16 * v);
        second[v] = vld1q_s8(packed + word_bytes + 16 * v);
      }
      for (int p = 0; p < kPixelsAtOnce; ++p, inputs[p - 1] += 2) {
        const int32x2_t x = vld1_s32(inputs[p]);
        for (int v = 0; v < 4; ++v) {
          asm(".arch armv8.2-a+dotprod\n\tsdot %0.4s, %1.16b, %3.4b[0]\n\tsdot %0.4s, %2.16b, %3.4b[1]"
              : "+w"(totals[p][v])
              : "w"(first[v]), "w"(second[v]), "w"(x));
        }
      }
    }
    if (windows[w].words % 2 == 0) continue;
    for (int v = 0; v < 4; ++v) first[v] = vld1q_s8(packed + 16 * v);
    packed += word_bytes;
    for (int p = 0; p < kPixelsAtOnce; ++p) {
      const int32x2_t x = vld1_dup_s32(inputs[p]);
      for (int v = 0; v < 4; ++v) {
        asm(".arch armv8.2-a+dotprod\n\tsdot %0.4s, %1.16b, %2.4b[0]" : "+w"(totals[p][v]) : "w"(first[v]), "w"(x));
      }
    }
  }
  for (int p = 0; p < kPixelsAtOnce; ++p) {
    for (int v = 0; v < 4; ++v) vst1q_s32(sums + p * kTile + 4 * v, totals[p][v]);
  }
}

// Blocks of four pixels, and of one, by 16 channels. kBytes: of a packed channel up to the next.
template <int kBytes, auto kFour, auto kOne>
void Dot(const void* packed, const int32_t* start, int width, const Window* windows, int window_count,
         const uint8_t* const* origins, int pixels, int32_t* sums) {
  for (int c = 0; c < width; c += 16) {
    const int8_t* filters = static_cast<const int8_t*>(packed) + kBytes * c;
    int p = 0;
    for (; p + 4 <= pixels; p += 4)
      kFour(filters, start + c, width, windows, window_count, origins + p, sums + p * kTile + c);
    for (; p < pixels; ++p) kOne(filters, start + c, width, windows, window_count, origins + p, sums + p * kTile + c);
  }
}

bool ToPixels(const float* x, int count, uint8_t* pixels) {
  const float32x4_t scale = vdupq_n_f32(255.0f), rounding = vdupq_n_f32(kRounding);
  uint32x4_t all = vdupq_n_u32(~0u);
  int i = 0;
  for (; i + 8 <= count; i += 8) {
    uint16x4_t halves[2];
    for (int half = 0; half < 2; ++half) {
      const float32x4_t value = vmulq_f32(vld1q_f32(x + i + 4 * half), scale);
      const float32x4_t rounded = vsubq_f32(vaddq_f32(value, rounding), rounding);
      all = vandq_u32(all, vandq_u32(vcgezq_f32(rounded), vcleq_f32(rounded, scale)));
      halves[half] = vmovn_u32(vcvtq_u32_f32(rounded));
    }
    vst1_u8(pixels + i, vmovn_u16(vcombine_u16(halves[0], halves[1])));
  }
  bool fits = vminvq_u32(all) != 0;
  for (; i < count; ++i) fits = ToPixel(x[i], pixels + i) && fits;
  return fits;
}

}  // namespace

const Kernels kNeonKernels = {
    "neon",
    2,
    65534,
    PackedBytes,
    Pack,
    Accumulate,
    FinishStrip,
    Sign,
    Add,
    Maximum,
    ClampAll,
    Multiply,
    Dot<2, DotBlock<4>, DotBlock<1>>,
    1,
    0x80,
    DotOrder::kPairs,
    FinishSums,
    ToPixels,
};

// For processors that have the dot product.
const Kernels kDotprodKernels = {
    "dotprod",
    2,
    65534,
    PackedBytes,
    Pack,
    Accumulate,
    FinishStrip,
    Sign,
    Add,
    Maximum,
    ClampAll,
    Multiply,
    Dot<4, DotProductBlock<4>, DotProductBlock<1>>,
    1,
    0x80,
    DotOrder::kWords,
    FinishSums,
    ToPixels,
};

}  // namespace bnn
#endif
