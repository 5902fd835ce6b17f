// NEON (aarch64): four output channels a vector, a word of input against a word of each; cnt counts the bits of each
// byte, and bytes are summed until they could overflow.
#include "kernels.h"

#if defined(__aarch64__)
#include <arm_neon.h>

namespace {

constexpr int kLanes = 4;
constexpr int kVectors = 4;      // filters held at a time: 16 channels
constexpr int kBlock = kLanes * kVectors;
constexpr int kSteps = 31;       // words until a byte could overflow: 31 * 8 = 248

size_t PackedBytes(int channels, int words) { return static_cast<size_t>(WordsFor(channels)) * kWord * words * 4; }

// [block of 16 channels][word][channel]
void Pack(const uint32_t* filters, int channels, int words, uint8_t* packed) {
  uint32_t* to = reinterpret_cast<uint32_t*>(packed);
  std::memset(packed, 0, PackedBytes(channels, words));
  for (int c = 0; c < channels; ++c) {
    for (int w = 0; w < words; ++w) {
      to[(static_cast<size_t>(c / kBlock) * words + w) * kBlock + c % kBlock] = filters[static_cast<size_t>(c) * words + w];
    }
  }
}

// Adds up the bits of `steps` words of filters and of inputs; where the next filters begin.
inline const uint8_t* CountOne(const uint8_t* filter, const uint8_t* const* inputs, int steps, uint8x16_t sums[1][kVectors]) {
  for (int k = 0; k < steps; ++k) {
    const uint8x16_t input =
        vreinterpretq_u8_u32(vld1q_dup_u32(reinterpret_cast<const uint32_t*>(inputs[0] + 4 * k)));
    for (int v = 0; v < kVectors; ++v) {
      sums[0][v] = vaddq_u8(sums[0][v], vcntq_u8(veorq_u8(vld1q_u8(filter + 16 * v), input)));
    }
    filter += 4 * kBlock;
  }
  return filter;
}

// The same for four pixels. By hand, because compilers keep some of the sixteen sums in memory: v0-v15 the sums,
// v16-v19 the filters, v20-v23 the inputs.
#define PIXEL(input, s0, s1, s2, s3)         \
  "eor v24.16b, v16.16b, " input ".16b\n"    \
  "eor v25.16b, v17.16b, " input ".16b\n"    \
  "eor v26.16b, v18.16b, " input ".16b\n"    \
  "eor v27.16b, v19.16b, " input ".16b\n"    \
  "cnt v24.16b, v24.16b\n"                   \
  "cnt v25.16b, v25.16b\n"                   \
  "cnt v26.16b, v26.16b\n"                   \
  "cnt v27.16b, v27.16b\n"                   \
  "add " s0 ".16b, " s0 ".16b, v24.16b\n"    \
  "add " s1 ".16b, " s1 ".16b, v25.16b\n"    \
  "add " s2 ".16b, " s2 ".16b, v26.16b\n"    \
  "add " s3 ".16b, " s3 ".16b, v27.16b\n"

inline const uint8_t* CountFour(const uint8_t* filter, const uint8_t* const* inputs, int steps, uint8x16_t sums[4][kVectors]) {
  const uint8_t *a = inputs[0], *b = inputs[1], *c = inputs[2], *d = inputs[3];
  int64_t left = steps;
  asm volatile(
      "ldp q0, q1, [%[sums]]\n"
      "ldp q2, q3, [%[sums], #32]\n"
      "ldp q4, q5, [%[sums], #64]\n"
      "ldp q6, q7, [%[sums], #96]\n"
      "ldp q8, q9, [%[sums], #128]\n"
      "ldp q10, q11, [%[sums], #160]\n"
      "ldp q12, q13, [%[sums], #192]\n"
      "ldp q14, q15, [%[sums], #224]\n"
      "1:\n"
      "ldp q16, q17, [%[filter]], #32\n"
      "ld1r {v20.4s}, [%[a]], #4\n"
      "ldp q18, q19, [%[filter]], #32\n"
      "ld1r {v21.4s}, [%[b]], #4\n"
      "ld1r {v22.4s}, [%[c]], #4\n"
      "ld1r {v23.4s}, [%[d]], #4\n"
      "subs %[left], %[left], #1\n"
      PIXEL("v20", "v0", "v1", "v2", "v3")
      PIXEL("v21", "v4", "v5", "v6", "v7")
      PIXEL("v22", "v8", "v9", "v10", "v11")
      PIXEL("v23", "v12", "v13", "v14", "v15")
      "b.ne 1b\n"
      "stp q0, q1, [%[sums]]\n"
      "stp q2, q3, [%[sums], #32]\n"
      "stp q4, q5, [%[sums], #64]\n"
      "stp q6, q7, [%[sums], #96]\n"
      "stp q8, q9, [%[sums], #128]\n"
      "stp q10, q11, [%[sums], #160]\n"
      "stp q12, q13, [%[sums], #192]\n"
      "stp q14, q15, [%[sums], #224]\n"
      : [filter] "+r"(filter), [a] "+r"(a), [b] "+r"(b), [c] "+r"(c), [d] "+r"(d), [left] "+r"(left)
      : [sums] "r"(sums)
      : "memory", "cc", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14",
        "v15", "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27");
  return filter;
}
#undef PIXEL

template <int kCount>
inline void Flush(uint8x16_t sums[kCount][kVectors], bool first, uint32_t* counts) {
  for (int p = 0; p < kCount; ++p) {
    for (int v = 0; v < kVectors; ++v) {
      uint32_t* to = counts + p * kTile + v * kLanes;
      const uint16x8_t halves = vpaddlq_u8(sums[p][v]);
      vst1q_u32(to, first ? vpaddlq_u16(halves) : vpadalq_u16(vld1q_u32(to), halves));
      sums[p][v] = vdupq_n_u8(0);
    }
  }
}

// `kCount` pixels by 16 channels over all windows.
template <int kCount>
inline void Block(const uint8_t* filter, const Window* windows, int window_count, const uint8_t* const* origins,
                  uint32_t* counts) {
  uint8x16_t sums[kCount][kVectors];
  for (int p = 0; p < kCount; ++p) {
    for (int v = 0; v < kVectors; ++v) sums[p][v] = vdupq_n_u8(0);
  }
  bool first = true;
  int summed = 0;
  for (int w = 0; w < window_count; ++w) {
    for (int from = 0; from < windows[w].words;) {
      const int left = windows[w].words - from;
      const int steps = left < kSteps ? left : kSteps;
      if (summed + steps > kSteps) {
        Flush<kCount>(sums, first, counts);
        first = false;
        summed = 0;
      }
      const uint8_t* inputs[kCount];
      for (int p = 0; p < kCount; ++p) inputs[p] = origins[p] + windows[w].offset + 4 * static_cast<ptrdiff_t>(from);
      filter = kCount == 4 ? CountFour(filter, inputs, steps, sums) : CountOne(filter, inputs, steps, sums);
      from += steps;
      summed += steps;
    }
  }
  Flush<kCount>(sums, first, counts);
}

void Accumulate(const uint8_t* packed, int channels, const Window* windows, int window_count,
                const uint8_t* const* origins, int pixels, void* counts) {
  uint32_t* out = static_cast<uint32_t*>(counts);
  int words = 0;
  for (int w = 0; w < window_count; ++w) words += windows[w].words;
  for (int c = 0; c < channels; c += kBlock) {
    const uint8_t* filter = packed + static_cast<size_t>(c) * words * 4;
    int p = 0;
    for (; p + 4 <= pixels; p += 4) Block<4>(filter, windows, window_count, origins + p, out + p * kTile + c);
    for (; p < pixels; ++p) Block<1>(filter, windows, window_count, origins + p, out + p * kTile + c);
  }
}

// One bit for each of 32 channels whose lanes are all ones or all zeros.
inline uint32_t PackMasks(const uint32x4_t masks[8]) {
  const uint16x8_t a = vuzp1q_u16(vreinterpretq_u16_u32(masks[0]), vreinterpretq_u16_u32(masks[1]));
  const uint16x8_t b = vuzp1q_u16(vreinterpretq_u16_u32(masks[2]), vreinterpretq_u16_u32(masks[3]));
  const uint16x8_t c = vuzp1q_u16(vreinterpretq_u16_u32(masks[4]), vreinterpretq_u16_u32(masks[5]));
  const uint16x8_t d = vuzp1q_u16(vreinterpretq_u16_u32(masks[6]), vreinterpretq_u16_u32(masks[7]));
  const uint8x16_t place = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
  const uint8x16_t low = vandq_u8(vuzp1q_u8(vreinterpretq_u8_u16(a), vreinterpretq_u8_u16(b)), place);
  const uint8x16_t high = vandq_u8(vuzp1q_u8(vreinterpretq_u8_u16(c), vreinterpretq_u8_u16(d)), place);
  uint8x16_t sums = vpaddq_u8(low, high);
  sums = vpaddq_u8(sums, sums);
  sums = vpaddq_u8(sums, sums);
  return vgetq_lane_u32(vreinterpretq_u32_u8(sums), 0);
}

// Whole words of a pixel; what is not wanted is left out when compiled.
template <bool kOut, bool kResidual, bool kBits>
void FinishWords(const Finish& f, const int32_t* count, int words, const float* residual, float* out, uint8_t* bits) {
  const int32x4_t low = vdupq_n_s32(f.clamp_min), high = vdupq_n_s32(f.clamp_max);
  for (int word = 0; word < words; ++word) {
    uint32x4_t masks[8] = {};
    for (int v = 0; v < 8; ++v) {
      const int c = word * kWord + 4 * v;
      const int32x4_t n = vld1q_s32(count + c);
      if (kOut) {
        const int32x4_t x = vmaxq_s32(vminq_s32(vaddq_s32(n, n), high), low);
        // A multiplication and an addition, each rounded: not fused.
        float32x4_t y = vaddq_f32(vmulq_f32(vcvtq_f32_s32(x), vld1q_f32(f.multiplier + c)), vld1q_f32(f.bias + c));
        if (kResidual) y = vaddq_f32(y, vld1q_f32(residual + c));
        vst1q_f32(out + c, y);
      }
      if (kBits) masks[v] = vcgtq_s32(n, vld1q_s32(f.threshold + c));
    }
    if (kBits) StoreWord(bits + word * 4, PackMasks(masks) ^ f.flip[word], 4);
  }
}

inline void FinishPixel(const Finish& f, const int32_t* count, int channels, const float* residual, float* out, uint8_t* bits) {
  const int words = channels / kWord;
  if (f.threshold != nullptr) {
    if (out == nullptr) {
      FinishWords<false, false, true>(f, count, words, residual, out, bits);
    } else if (residual == nullptr) {
      FinishWords<true, false, true>(f, count, words, residual, out, bits);
    } else {
      FinishWords<true, true, true>(f, count, words, residual, out, bits);
    }
  } else if (out != nullptr) {
    if (residual == nullptr) {
      FinishWords<true, false, false>(f, count, words, residual, out, bits);
    } else {
      FinishWords<true, true, false>(f, count, words, residual, out, bits);
    }
  }
  const int base = words * kWord;
  if (base == channels) return;
  uint32_t word = 0;
  for (int c = base; c < channels; ++c) {
    if (out != nullptr) {
      const float y = FinishOne(f, count[c], c);
      out[c] = residual != nullptr ? y + residual[c] : y;
    }
    if (f.threshold != nullptr) word |= (count[c] > f.threshold[c] ? 1u : 0u) << (c - base);
  }
  if (f.threshold != nullptr) StoreWord(bits + words * 4, word ^ f.flip[words], 4);
}

void FinishStrip(const Finish& finish, const void* counts, int pixels, int channels, const Targets& targets) {
  FinishEach<int32_t>(finish, counts, pixels, channels, targets, FinishPixel);
}

void Sign(const float* x, const float* scale, const float* shift, int channels, uint8_t* bits) {
  int base = 0;
  for (; base + kWord <= channels; base += kWord) {
    uint32x4_t masks[8];
    for (int v = 0; v < 8; ++v) {
      const int c = base + 4 * v;
      float32x4_t value = vld1q_f32(x + c);
      if (scale != nullptr) value = vaddq_f32(vmulq_f32(value, vld1q_f32(scale + c)), vld1q_f32(shift + c));
      masks[v] = vcltzq_f32(value);  // false for -0.0 and for a NaN, as on x86
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

}  // namespace

const Kernels kNeonKernels = {
    "neon", 4, 4, 1 << 28, PackedBytes, Pack, Accumulate, FinishStrip, Sign, Add, Maximum,
};
#endif
