// NEON (aarch64): four output channels a vector, a word of input against a word of each; cnt counts the bits of each
// byte, and bytes are summed until they could overflow.
#include "kernels.h"

#if defined(__aarch64__)
#include <arm_neon.h>

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
void Pack(const uint32_t* filters, int channels, int words, uint8_t* packed) {
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
  int words = 0;
  for (int w = 0; w < window_count; ++w) words += windows[w].words;
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

// 32 channels of a strip of pixels; what is not wanted is left out when compiled.
template <bool kOut, bool kResidual, bool kBits>
void FinishWord(const Finish& f, const uint16_t* counts, int pixels, int channel, const Targets& t) {
  const int32x4_t low = vdupq_n_s32(f.clamp_min), high = vdupq_n_s32(f.clamp_max);
  float32x4_t multiplier[8], bias[8];
  uint16x8_t limits[4];  // count > threshold as count >= threshold + 1, in 16 bits
  for (int v = 0; v < 8; ++v) {
    if (!kOut) break;
    multiplier[v] = vld1q_f32(f.multiplier + channel + 4 * v);
    bias[v] = vld1q_f32(f.bias + channel + 4 * v);
  }
  for (int v = 0; v < 4; ++v) {
    if (!kBits) break;
    const int32_t* threshold = f.threshold + channel + 8 * v;
    const int32x4_t one = vdupq_n_s32(1);
    limits[v] = vcombine_u16(vqmovun_s32(vqaddq_s32(vld1q_s32(threshold), one)),
                             vqmovun_s32(vqaddq_s32(vld1q_s32(threshold + 4), one)));
  }
  for (int p = 0; p < pixels; ++p) {
    const uint16_t* count = counts + p * kTile + channel;
    uint16x8_t masks[4];
    for (int v = 0; v < 4; ++v) {
      const uint16x8_t n = vld1q_u16(count + 8 * v);
      if (kOut) {
        const uint32x4_t doubled[] = {vshll_n_u16(vget_low_u16(n), 1), vshll_high_n_u16(n, 1)};
        float32x4_t y[2];
        for (int half = 0; half < 2; ++half) {
          const int32x4_t x = vmaxq_s32(vminq_s32(vreinterpretq_s32_u32(doubled[half]), high), low);
          // A multiplication and an addition, each rounded: not fused.
          y[half] = vaddq_f32(vmulq_f32(vcvtq_f32_s32(x), multiplier[2 * v + half]), bias[2 * v + half]);
        }
        if (kResidual) {
          const float* residual = t.residual + p * t.residual_stride + channel + 8 * v;
          y[0] = vaddq_f32(y[0], vld1q_f32(residual));
          y[1] = vaddq_f32(y[1], vld1q_f32(residual + 4));
        }
        float* out = t.out + p * t.out_stride + channel + 8 * v;
        vst1q_f32(out, y[0]);
        vst1q_f32(out + 4, y[1]);
      }
      if (kBits) masks[v] = vcgeq_u16(n, limits[v]);
    }
    if (kBits)
      StoreWord(t.bits[p] + t.bits_offset + channel / kWord * 4, PackMasks(masks) ^ f.flip[channel / kWord], 4);
  }
}

// The channels that fill no word.
void FinishTail(const Finish& f, const uint16_t* counts, int pixels, int base, int channels, const Targets& t) {
  for (int p = 0; p < pixels; ++p) {
    uint32_t word = 0;
    for (int c = base; c < channels; ++c) {
      const int32_t count = counts[p * kTile + c];
      if (t.out != nullptr) {
        const float y = FinishOne(f, count, c);
        t.out[p * t.out_stride + c] = t.residual != nullptr ? y + t.residual[p * t.residual_stride + c] : y;
      }
      if (f.threshold != nullptr) word |= (count > f.threshold[c] ? 1u : 0u) << (c - base);
    }
    if (f.threshold != nullptr) StoreWord(t.bits[p] + t.bits_offset + base / kWord * 4, word ^ f.flip[base / kWord], 4);
  }
}

void FinishStrip(const Finish& finish, const void* counts, int pixels, int channels, const Targets& targets) {
  const uint16_t* from = static_cast<const uint16_t*>(counts);
  const bool out = targets.out != nullptr, residual = targets.residual != nullptr, bits = finish.threshold != nullptr;
  auto* const finish_word = !out   ? FinishWord<false, false, true>
                            : bits ? (residual ? FinishWord<true, true, true> : FinishWord<true, false, true>)
                                   : (residual ? FinishWord<true, true, false> : FinishWord<true, false, false>);
  const int base = channels / kWord * kWord;
  if (out || bits) {
    for (int channel = 0; channel < base; channel += kWord) finish_word(finish, from, pixels, channel, targets);
  }
  if (base < channels) FinishTail(finish, from, pixels, base, channels, targets);
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

void Maximum(const float* x, float* best, int count) {
  int i = 0;
  for (; i + 4 <= count; i += 4) {
    const float32x4_t new_values = vld1q_f32(x + i), old_values = vld1q_f32(best + i);
    vst1q_f32(best + i, vbslq_f32(vcgtq_f32(new_values, old_values), new_values, old_values));
  }
  for (; i < count; ++i) best[i] = x[i] > best[i] ? x[i] : best[i];
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

}  // namespace

const Kernels kNeonKernels = {
    "neon", 4,   2,       65534,    PackedBytes, Pack,    Accumulate, FinishStrip,
    Sign,   Add, Maximum, ClampAll, Multiply,    nullptr, nullptr,
};

}  // namespace bnn
#endif
