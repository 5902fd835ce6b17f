// NEON (aarch64): four output channels a vector, a word of input against a word of each; cnt counts the bits of each
// byte, and bytes are summed until they could overflow.
#include "kernels.h"

#if defined(__aarch64__)
#include <arm_neon.h>

#include <utility>

namespace bnn {

namespace {

constexpr int kLanes = 4;
constexpr int kVectors = 4;  // filters held at a time: 16 channels
constexpr int kBlock = kLanes * kVectors;
constexpr int kPixels = 4;  // and as many pixels
constexpr int kSteps = 30;  // words until a byte could overflow: at most 31 * 8 = 248, and an even number

// Part of a window: so many words, from so many bytes after a pixel's origin.
struct Segment {
  int64_t offset;
  int64_t steps;
};

size_t PackedBytes(int channels, int words) { return static_cast<size_t>(WordsFor(channels)) * kWord * words * 4; }

// [block of 16 channels][word][channel]
void Pack(const uint32_t* filters, int channels, const Window* windows, int window_count, uint8_t* packed) {
  const int words = WordsUnder(windows, window_count);
  uint32_t* to = reinterpret_cast<uint32_t*>(packed);
  std::memset(packed, 0, PackedBytes(channels, words));
  for (int c = 0; c < channels; ++c) {
    for (int w = 0; w < words; ++w) {
      to[(static_cast<size_t>(c / kBlock) * words + w) * kBlock + c % kBlock] =
          filters[static_cast<size_t>(c) * words + w];
    }
  }
}

// How many bits of a pixel's words differ from 16 filters': the sums of the segments' bytes, four for each channel.
inline void CountOne(const uint8_t* filter, const Segment* segments, int segment_count, const uint8_t* origin,
                     uint8x16_t sums[kVectors]) {
  for (int v = 0; v < kVectors; ++v) sums[v] = vdupq_n_u8(0);
  for (const Segment* s = segments; s != segments + segment_count; ++s) {
    for (int64_t k = 0; k < s->steps; ++k, filter += 4 * kBlock) {
      const uint32_t* word = reinterpret_cast<const uint32_t*>(origin + s->offset) + k;
      const uint8x16_t input = vreinterpretq_u8_u32(vld1q_dup_u32(word));
      for (int v = 0; v < kVectors; ++v) {
        sums[v] = vaddq_u8(sums[v], vcntq_u8(veorq_u8(vld1q_u8(filter + 16 * v), input)));
      }
    }
  }
}

// The same for four pixels. By hand, because compilers keep some of the sixteen sums in memory: v16-v19 are the
// filters, v20-v27 two words of each pixel, v28-v31 what a step counts; x9 and x10 the segment, x11-x14 the pixels'
// words.
#define FIRST(input, a, b, c, d)      \
  "eor %[" a "].16b, v16.16b, " input \
  ".16b\n"                            \
  "eor %[" b "].16b, v17.16b, " input \
  ".16b\n"                            \
  "eor %[" c "].16b, v18.16b, " input \
  ".16b\n"                            \
  "eor %[" d "].16b, v19.16b, " input \
  ".16b\n"                            \
  "cnt %[" a "].16b, %[" a            \
  "].16b\n"                           \
  "cnt %[" b "].16b, %[" b            \
  "].16b\n"                           \
  "cnt %[" c "].16b, %[" c            \
  "].16b\n"                           \
  "cnt %[" d "].16b, %[" d "].16b\n"
#define NEXT(input, a, b, c, d)  \
  "eor v28.16b, v16.16b, " input \
  ".16b\n"                       \
  "eor v29.16b, v17.16b, " input \
  ".16b\n"                       \
  "eor v30.16b, v18.16b, " input \
  ".16b\n"                       \
  "eor v31.16b, v19.16b, " input \
  ".16b\n"                       \
  "cnt v28.16b, v28.16b\n"       \
  "cnt v29.16b, v29.16b\n"       \
  "cnt v30.16b, v30.16b\n"       \
  "cnt v31.16b, v31.16b\n"       \
  "add %[" a "].16b, %[" a       \
  "].16b, v28.16b\n"             \
  "add %[" b "].16b, %[" b       \
  "].16b, v29.16b\n"             \
  "add %[" c "].16b, %[" c       \
  "].16b, v30.16b\n"             \
  "add %[" d "].16b, %[" d "].16b, v31.16b\n"
#define PIXELS(what, p0, p1, p2, p3)                                                                   \
  what(p0, "s0", "s1", "s2", "s3") what(p1, "s4", "s5", "s6", "s7") what(p2, "s8", "s9", "s10", "s11") \
      what(p3, "s12", "s13", "s14", "s15")
#define FILTERS                      \
  "ldp q16, q17, [%[filter]], #32\n" \
  "ldp q18, q19, [%[filter]], #32\n"
#define ONE_WORD               \
  "ld1r {v20.4s}, [x11], #4\n" \
  "ld1r {v22.4s}, [x12], #4\n" \
  "ld1r {v24.4s}, [x13], #4\n" \
  "ld1r {v26.4s}, [x14], #4\n"
#define TWO_WORDS                      \
  "ld2r {v20.4s, v21.4s}, [x11], #8\n" \
  "ld2r {v22.4s, v23.4s}, [x12], #8\n" \
  "ld2r {v24.4s, v25.4s}, [x13], #8\n" \
  "ld2r {v26.4s, v27.4s}, [x14], #8\n"
#define SEGMENT                      \
  "ldp x9, x10, [%[segment]], #16\n" \
  "add x11, %[o0], x9\n"             \
  "add x12, %[o1], x9\n"             \
  "add x13, %[o2], x9\n"             \
  "add x14, %[o3], x9\n"

inline void CountFour(const uint8_t* filter, const Segment* segments, int segment_count, const uint8_t* const* origins,
                      uint8x16_t sums[kPixels * kVectors]) {
  const Segment* segment = segments;
  int64_t left = segment_count;
  uint8x16_t s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15;
  asm volatile(
      SEGMENT
      "tbnz x10, #0, 1f\n"
      // The first words make the sums: two,
      FILTERS TWO_WORDS
      PIXELS(FIRST, "v20", "v22", "v24", "v26")
      FILTERS
      PIXELS(NEXT, "v21", "v23", "v25", "v27")
      "subs x10, x10, #2\n"
      "b.ne 3f\n"
      "b 4f\n"
      // or one.
      "1:\n"
      FILTERS ONE_WORD
      PIXELS(FIRST, "v20", "v22", "v24", "v26")
      "subs x10, x10, #1\n"
      "b.ne 3f\n"
      "b 4f\n"
      // An odd segment's first.
      "2:\n"
      FILTERS ONE_WORD
      PIXELS(NEXT, "v20", "v22", "v24", "v26")
      "subs x10, x10, #1\n"
      "b.eq 4f\n"
      "3:\n"
      FILTERS TWO_WORDS
      PIXELS(NEXT, "v20", "v22", "v24", "v26")
      FILTERS
      "subs x10, x10, #2\n"
      PIXELS(NEXT, "v21", "v23", "v25", "v27")
      "b.ne 3b\n"
      "4:\n"
      "subs %[left], %[left], #1\n"
      "b.eq 5f\n"
      SEGMENT
      "tbnz x10, #0, 2b\n"
      "b 3b\n"
      "5:\n"
      : [s0] "=&w"(s0), [s1] "=&w"(s1), [s2] "=&w"(s2), [s3] "=&w"(s3), [s4] "=&w"(s4), [s5] "=&w"(s5),
        [s6] "=&w"(s6), [s7] "=&w"(s7), [s8] "=&w"(s8), [s9] "=&w"(s9), [s10] "=&w"(s10), [s11] "=&w"(s11),
        [s12] "=&w"(s12), [s13] "=&w"(s13), [s14] "=&w"(s14), [s15] "=&w"(s15), [filter] "+r"(filter),
        [segment] "+r"(segment), [left] "+r"(left)
      : [o0] "r"(origins[0]), [o1] "r"(origins[1]), [o2] "r"(origins[2]), [o3] "r"(origins[3])
      : "memory", "cc", "x9", "x10", "x11", "x12", "x13", "x14", "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23",
        "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31");
  const uint8x16_t all[] = {s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15};
  for (int i = 0; i < kPixels * kVectors; ++i) sums[i] = all[i];
}
#undef FIRST
#undef NEXT
#undef PIXELS
#undef FILTERS
#undef ONE_WORD
#undef TWO_WORDS
#undef SEGMENT

// A pixel's 16 counts of the bytes' sums, put down or added.
inline void Flush(const uint8x16_t* sums, bool first, uint16_t* counts) {
  for (int v = 0; v < kVectors; v += 2) {
    uint16x8_t total = vpaddq_u16(vpaddlq_u8(sums[v]), vpaddlq_u8(sums[v + 1]));
    uint16_t* to = counts + v * kLanes;
    if (!first) total = vaddq_u16(total, vld1q_u16(to));
    vst1q_u16(to, total);
  }
}

void Accumulate(const uint8_t* packed, int channels, const Window* windows, int window_count,
                const uint8_t* const* origins, int pixels, void* counts) {
  uint16_t* out = static_cast<uint16_t*>(counts);
  const int words = WordsUnder(windows, window_count);
  // Group by group of as many segments as fit under `kSteps`; a window is cut only where it is longer than that.
  for (int w = 0, from = 0, done = 0; w < window_count;) {
    Segment segments[kSteps];
    int segment_count = 0, steps = 0;
    while (w < window_count) {
      const int left = windows[w].words - from, room = kSteps - steps;
      if (left > room && steps > 0) break;
      const int taken = left < room ? left : room;
      segments[segment_count++] = {windows[w].offset + 4 * static_cast<ptrdiff_t>(from), taken};
      steps += taken;
      from += taken;
      if (from == windows[w].words) {
        ++w;
        from = 0;
      }
    }
    for (int c = 0; c < channels; c += kBlock) {
      const uint8_t* filter = packed + (static_cast<size_t>(c) * words + static_cast<size_t>(done) * kBlock) * 4;
      uint8x16_t sums[kPixels * kVectors];
      int p = 0;
      for (; p + kPixels <= pixels; p += kPixels) {
        CountFour(filter, segments, segment_count, origins + p, sums);
        for (int i = 0; i < kPixels; ++i) Flush(sums + i * kVectors, done == 0, out + (p + i) * kTile + c);
      }
      for (; p < pixels; ++p) {
        CountOne(filter, segments, segment_count, origins[p], sums);
        Flush(sums, done == 0, out + p * kTile + c);
      }
    }
    done += steps;
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

// 32 channels of a strip of pixels.
template <int kCommon>
void FinishWord(const Finish& f, const uint16_t* counts, int pixels, int channel, const Targets& t) {
  const int kParts = kCommon < kCommonParts ? kCommon : PartsOf(f, t);
  const int32x4_t low = vdupq_n_s32(f.clamp_min), high = vdupq_n_s32(f.clamp_max);
  const float32x4_t least = vdupq_n_f32(f.least);
  const uint16x8_t most = vdupq_n_u16(static_cast<uint16_t>(f.most < 65535 ? f.most : 65535));
  const float* multipliers = kCommon == kRare ? f.multiplier : f.doubled;
  float32x4_t multiplier[8], bias[8];
  uint16x8_t limits[4];  // count > threshold as count >= threshold + 1, in 16 bits
  for (int v = 0; v < 8; ++v) {
    if (!(kParts & kOut)) break;
    multiplier[v] = vld1q_f32(multipliers + channel + 4 * v);
    bias[v] = vld1q_f32(f.bias + channel + 4 * v);
  }
  for (int v = 0; v < 4; ++v) {
    if (!(kParts & kBits)) break;
    const int32_t* threshold = f.threshold + channel + 8 * v;
    const int32x4_t one = vdupq_n_s32(1);
    limits[v] = vcombine_u16(vqmovun_s32(vqaddq_s32(vld1q_s32(threshold), one)),
                             vqmovun_s32(vqaddq_s32(vld1q_s32(threshold + 4), one)));
  }
  for (int p = 0; p < pixels; ++p) {
    const uint16_t* count = counts + p * kTile + channel;
    uint16x8_t above[4] = {}, below[4] = {};
#pragma GCC unroll 4
    for (int v = 0; v < 4; ++v) {
      const uint16x8_t n = vld1q_u16(count + 8 * v);
      if (kParts & kBits) above[v] = vcgeq_u16(n, limits[v]);
      if (!(kParts & kOut)) continue;
      const uint16x8_t limited = vminq_u16(n, most);
      uint32x4_t signs[2] = {};
#pragma GCC unroll 2
      for (int half = 0; half < 2; ++half) {
        const int c = channel + 8 * v + 4 * half;
        float32x4_t y;
        if (kCommon == kRare) {
          const uint32x4_t doubled = half == 0 ? vshll_n_u16(vget_low_u16(n), 1) : vshll_high_n_u16(n, 1);
          const int32x4_t x = vmaxq_s32(vminq_s32(vreinterpretq_s32_u32(doubled), high), low);
          // A multiplication and an addition, each rounded: not fused.
          y = vaddq_f32(vmulq_f32(vcvtq_f32_s32(x), multiplier[2 * v + half]), bias[2 * v + half]);
          y = vbslq_f32(vcltq_f32(y, least), least, y);
        } else {
          y = vfmaq_f32(bias[2 * v + half], half == 0 ? LowFloats(limited) : HighFloats(limited),
                        multiplier[2 * v + half]);
        }
        if (kParts & kResidual) y = vaddq_f32(y, vld1q_f32(t.residual + p * t.residual_stride + c));
        if (kParts & kExtra) y = vaddq_f32(y, vld1q_f32(t.extra[p] + c));
        vst1q_f32(t.out + p * t.out_stride + c, y);
        if (kParts & kSumBits) {
          const float32x4_t value = vaddq_f32(vmulq_f32(y, vld1q_f32(f.scale + c)), vld1q_f32(f.shift + c));
          signs[half] = vcltzq_f32(value);  // false for -0.0 and for a NaN, as on x86
        }
      }
      if (kParts & kSumBits) below[v] = vuzp1q_u16(vreinterpretq_u16_u32(signs[0]), vreinterpretq_u16_u32(signs[1]));
    }
    const ptrdiff_t at = channel / kWord * 4;
    if (kParts & kBits) StoreWord(t.bits[p] + t.bits_offset + at, PackMasks(above) ^ f.flip[channel / kWord], 4);
    if (kParts & kSumBits) StoreWord(t.sum_bits[p] + t.sum_bits_offset + at, PackMasks(below), 4);
  }
}

template <int... kCommon>
auto FinishWordOf(int parts, std::integer_sequence<int, kCommon...>) {
  static constexpr decltype(&FinishWord<0>) kAll[] = {FinishWord<kCommon>...};
  return kAll[parts];
}

void FinishStrip(const Finish& finish, const void* counts, int pixels, int channels, const Targets& targets) {
  const uint16_t* from = static_cast<const uint16_t*>(counts);
  const int parts = PartsOf(finish, targets), whole = channels / kWord * kWord;
  if (parts == 0) return;
  const auto finish_word =
      parts < kCommonParts ? FinishWordOf(parts, std::make_integer_sequence<int, kCommonParts>()) : FinishWord<kRare>;
  for (int channel = 0; channel < whole; channel += kWord) finish_word(finish, from, pixels, channel, targets);
  if (whole < channels) FinishTail(finish, from, pixels, whole, channels, targets, 4);
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
      StoreWord(t.bits[p] + t.bits_offset + channel / kWord * 4, PackMasks(above) ^ f.flip[channel / kWord], 4);
    }
  }
  if (whole < channels) FinishTail(f, static_cast<const int32_t*>(sums), pixels, whole, channels, t, 4);
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
    StoreWord(bits + base / kWord * 4, PackMasks(masks), 4);
  }
  if (base == channels) return;
  uint32_t word = 0;
  for (int c = base; c < channels; ++c) word |= SignOne(x, scale, shift, c) << (c - base);
  StoreWord(bits + base / kWord * 4, word, 4);
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
  float32x4_t sums[kPixelsAtOnce][4];
  for (int p = 0; p < kPixelsAtOnce; ++p) {
    for (int v = 0; v < 4; ++v) sums[p][v] = vld1q_f32(t.bias + first + 4 * v);
  }
  const float* panel = t.packed + static_cast<size_t>(first) * t.depth;
  const float* rows = t.rows + pixel * t.row_stride;
  for (int k = 0; k < t.depth; ++k, panel += kPanel) {
    float32x4_t filters[4];
    for (int v = 0; v < 4; ++v) filters[v] = vld1q_f32(panel + 4 * v);
    for (int p = 0; p < kPixelsAtOnce; ++p) {
      const float x = rows[p * t.row_stride + k];
      for (int v = 0; v < 4; ++v) sums[p][v] = vfmaq_n_f32(sums[p][v], filters[v], x);
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

void Dot(const void* packed, const int32_t* start, int width, const Window* windows, int window_count,
         const uint8_t* const* origins, int pixels, int32_t* sums) {
  for (int c = 0; c < width; c += 16) {
    const int8_t* filters = static_cast<const int8_t*>(packed) + 2 * c;
    int p = 0;
    for (; p + 4 <= pixels; p += 4) {
      DotBlock<4>(filters, start + c, width, windows, window_count, origins + p, sums + p * kTile + c);
    }
    for (; p < pixels; ++p)
      DotBlock<1>(filters, start + c, width, windows, window_count, origins + p, sums + p * kTile + c);
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
    "neon",  4,        2,        65534, PackedBytes, Pack, Accumulate, FinishStrip, Sign,     Add,
    Maximum, ClampAll, Multiply, Dot,   1,           0x80, true,       FinishSums,  ToPixels,
};

}  // namespace bnn
#endif
