// WebAssembly's SIMD, plain and, compiled once more, with relaxed instructions (build_web.py). Bits are counted by the
// look-ups of nibble_pairs.h.
#include "kernels.h"

#if defined(__wasm_simd128__)
#include <wasm_simd128.h>

#include <cmath>
#include <type_traits>

#include "nibble_pairs.h"

namespace bnn {

namespace {

// Keeps a loop's pointer in one variable: LLVM would keep one for each load instead of giving loads their offsets, and
// would put all loads before what they are for, where registers are few.
#define PIN(pointer) asm("" : "+r"(pointer))

inline v128_t LookUp(v128_t row, v128_t indices) {
#if defined(__wasm_relaxed_simd__)
  return wasm_i8x16_relaxed_swizzle(row, indices);
#else
  return wasm_i8x16_swizzle(row, indices);
#endif
}

inline void Put(v128_t count, bool first, uint16_t* to) {
  wasm_v128_store(to, first ? count : wasm_i16x8_add(count, wasm_v128_load(to)));
}

struct Vectors {
  static constexpr int kLanes = 16;

  static inline void Rows(const uint8_t* a, const uint8_t* b, int words, uint16_t* rows) {
    const v128_t mask = wasm_u8x16_const_splat(15);
    const auto place = [&](v128_t x, v128_t y) {
      const v128_t even = wasm_v128_bitselect(x, wasm_i16x8_shl(y, 4), mask);
      const v128_t odd = wasm_v128_bitselect(wasm_u16x8_shr(x, 4), y, mask);
      return wasm_i8x16_shuffle(even, odd, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    };
    const auto store = [&](v128_t bytes) { wasm_v128_store(rows, wasm_i16x8_shl(bytes, 4)); };
    for (; words >= 2; words -= 2, a += 8, b += 8, rows += 16) {
      const v128_t bytes = place(wasm_v128_load64_zero(a), wasm_v128_load64_zero(b));
      wasm_v128_store(rows, wasm_i16x8_shl(wasm_u16x8_extend_low_u8x16(bytes), 4));
      wasm_v128_store(rows + 8, wasm_i16x8_shl(wasm_u16x8_extend_high_u8x16(bytes), 4));
    }
    if (words > 0) store(wasm_u16x8_extend_low_u8x16(place(wasm_v128_load32_zero(a), wasm_v128_load32_zero(b))));
  }

  template <int kVectors>
  static inline void CountPair(const uint8_t* filter, const uint16_t* rows, int groups, bool first, uint16_t* counts,
                               ptrdiff_t apart) {
    constexpr int kStep = kVectors * kLanes;
    v128_t lower[kVectors], upper[kVectors];
    for (int v = 0; v < kVectors; ++v) lower[v] = upper[v] = wasm_i64x2_const_splat(0);
    const uint8_t* table = &kPairTable.rows[0][0];
    v128_t mask = wasm_u8x16_const_splat(15);
    PIN(mask);
    for (; groups > 0; --groups, filter += kGroup * kStep, rows += kGroup) {
      PIN(rows);
      const v128_t row0 = wasm_v128_load(table + rows[0]), row1 = wasm_v128_load(table + rows[1]),
                   row2 = wasm_v128_load(table + rows[2]);
      for (int v = 0; v < kVectors; ++v) {
        PIN(filter);
        const uint8_t* at = filter + v * kLanes;
        const v128_t both =
            wasm_i8x16_add(wasm_i8x16_add(LookUp(row0, wasm_v128_load(at)), LookUp(row1, wasm_v128_load(at + kStep))),
                           LookUp(row2, wasm_v128_load(at + 2 * kStep)));
        lower[v] = wasm_i8x16_add(lower[v], wasm_v128_and(both, mask));
        upper[v] = wasm_i16x8_add(upper[v], wasm_u16x8_shr(both, 4));
      }
    }
    v128_t even = wasm_u16x8_const_splat(255);
    PIN(even);
    for (int v = 0; v < kVectors; ++v, counts += kLanes) {
      PIN(counts);
      const v128_t odd = wasm_u16x8_shr(lower[v], 8);
      // A lane's two upper halves, and 16 times its second lower one.
      const v128_t halves = wasm_i16x8_sub(upper[v], wasm_i16x8_shl(odd, 4));
      Put(wasm_v128_and(lower[v], even), first, counts);
      Put(odd, first, counts + 8);
      Put(wasm_v128_and(halves, even), first, counts + apart);
      Put(wasm_u16x8_shr(halves, 8), first, counts + apart + 8);
    }
  }
};

constexpr int kLanes = Vectors::kLanes;

inline void StoreHalfWord(uint8_t* to, uint32_t bits) {
  const uint16_t half = static_cast<uint16_t>(bits);
  std::memcpy(to, &half, 2);
}

// One bit for each of 32 channels whose lanes are all ones or all zeros.
inline uint32_t PackMasks(const v128_t masks[4]) {
  return wasm_i8x16_bitmask(wasm_i8x16_narrow_i16x8(masks[0], masks[1])) |
         static_cast<uint32_t>(wasm_i8x16_bitmask(wasm_i8x16_narrow_i16x8(masks[2], masks[3]))) << 16;
}

// The bits of counts, 16 channels of a strip of pixels after another.
void FinishBits(const Finish& f, const uint16_t* counts, int pixels, int channels, const Targets& t) {
  for (int c = 0; c < channels; c += kLanes) {
    // count > threshold as count >= threshold + 1, in 16 bits
    const auto limit = [&](int first) {
      const v128_t most = wasm_i32x4_min(wasm_v128_load(f.threshold + first), wasm_i32x4_const_splat(65534));
      return wasm_i32x4_add(most, wasm_i32x4_const_splat(1));
    };
    const v128_t low = wasm_u16x8_narrow_i32x4(limit(c), limit(c + 4));
    const v128_t high = wasm_u16x8_narrow_i32x4(limit(c + 8), limit(c + 12));
    const uint32_t flip = f.flip[c / kWord] >> c % kWord;
    const uint16_t* from = counts + c;
    for (int p = 0; p < pixels; ++p, from += kTile) {
      const v128_t above = wasm_i8x16_narrow_i16x8(wasm_u16x8_ge(wasm_v128_load(from), low),
                                                   wasm_u16x8_ge(wasm_v128_load(from + 8), high));
      StoreHalfWord(t.bits[p] + t.bits_offset + c / 8, wasm_i8x16_bitmask(above) ^ flip);
    }
  }
}

// x * y + z, where the product needs no rounding.
inline v128_t MultiplyAdd(v128_t x, v128_t y, v128_t z) {
#if defined(__wasm_relaxed_simd__)
  return wasm_f32x4_relaxed_madd(x, y, z);
#else
  return wasm_f32x4_add(wasm_f32x4_mul(x, y), z);
#endif
}

// The floats of counts, and the bits of the floats, 16 channels of a strip of pixels after another. Once for all common
// parts, as a module of few bytes asks for: what is not wanted costs a branch.
template <bool kIsRare>
void FinishFloats(const Finish& f, const uint16_t* counts, int pixels, int channels, const Targets& t) {
  const v128_t most = wasm_i16x8_splat(static_cast<int16_t>(f.most < 65535 ? f.most : 65535));
  const v128_t clamp_min = wasm_i32x4_splat(f.clamp_min), clamp_max = wasm_i32x4_splat(f.clamp_max);
  const v128_t least = wasm_f32x4_splat(f.least);
  // Stores might change what `f` and `t` hold.
  const bool has_residual = t.residual != nullptr, has_sum_bits = f.scale != nullptr;
  const float* const* extras = t.extra;
  uint8_t* const* sum_bits = t.sum_bits;
  const ptrdiff_t out_stride = t.out_stride, residual_stride = t.residual_stride, sum_bits_offset = t.sum_bits_offset;
  for (int c = 0; c < channels; c += kLanes) {
    const float* residual = has_residual ? t.residual + c : nullptr;
    const uint16_t* from = counts + c;
    float* out = t.out + c;
    const ptrdiff_t bits_offset = sum_bits_offset + c / 8;
    v128_t multiplier[4], bias[4];
    for (int v = 0; v < 4; ++v) {
      multiplier[v] = wasm_v128_load((kIsRare ? f.multiplier : f.doubled) + c + 4 * v);
      bias[v] = wasm_v128_load(f.bias + c + 4 * v);
    }
    for (int p = 0; p < pixels; ++p, from += kTile, out += out_stride) {
      PIN(from);
      PIN(out);
      v128_t low = wasm_v128_load(from), high = wasm_v128_load(from + 8), y[4];
      if (!kIsRare) {
        low = wasm_u16x8_min(low, most);
        high = wasm_u16x8_min(high, most);
      }
      y[0] = wasm_u32x4_extend_low_u16x8(low);
      y[1] = wasm_u32x4_extend_high_u16x8(low);
      y[2] = wasm_u32x4_extend_low_u16x8(high);
      y[3] = wasm_u32x4_extend_high_u16x8(high);
      for (int v = 0; v < 4; ++v) {
        if (kIsRare) y[v] = wasm_i32x4_max(wasm_i32x4_min(wasm_i32x4_shl(y[v], 1), clamp_max), clamp_min);
        y[v] = wasm_f32x4_convert_i32x4(y[v]);
        if (kIsRare) {
          y[v] = wasm_f32x4_add(wasm_f32x4_mul(y[v], multiplier[v]), bias[v]);
          y[v] = wasm_f32x4_pmax(y[v], least);  // y < least ? least : y
        } else {
          y[v] = MultiplyAdd(y[v], multiplier[v], bias[v]);
        }
      }
      if (has_residual) {
        PIN(residual);
        for (int v = 0; v < 4; ++v) y[v] = wasm_f32x4_add(y[v], wasm_v128_load(residual + 4 * v));
        residual += residual_stride;
      }
      if (extras != nullptr) {
        const float* extra = extras[p] + c;
        PIN(extra);
        for (int v = 0; v < 4; ++v) y[v] = wasm_f32x4_add(y[v], wasm_v128_load(extra + 4 * v));
      }
      for (int v = 0; v < 4; ++v) wasm_v128_store(out + 4 * v, y[v]);
      if (!has_sum_bits) continue;
      const float *scale = f.scale + c, *shift = f.shift + c;
      PIN(scale);
      PIN(shift);
      for (int v = 0; v < 4; ++v) {
        y[v] = wasm_f32x4_add(wasm_f32x4_mul(y[v], wasm_v128_load(scale + 4 * v)), wasm_v128_load(shift + 4 * v));
        y[v] = wasm_f32x4_lt(y[v], wasm_f32x4_const_splat(0.0f));
      }
      const v128_t below =
          wasm_i8x16_narrow_i16x8(wasm_i16x8_narrow_i32x4(y[0], y[1]), wasm_i16x8_narrow_i32x4(y[2], y[3]));
      StoreHalfWord(sum_bits[p] + bits_offset, wasm_i8x16_bitmask(below));
    }
  }
}

void FinishStrip(const Finish& f, const void* counts, int pixels, int channels, const Targets& t) {
  const uint16_t* from = static_cast<const uint16_t*>(counts);
  const int whole = channels / kWord * kWord;
  const int parts = PartsOf(f, t);
  if ((parts & kBits) != 0) FinishBits(f, from, pixels, whole, t);
  if ((parts & kRare) != 0) {
    FinishFloats<true>(f, from, pixels, whole, t);
  } else if ((parts & kOut) != 0) {
    FinishFloats<false>(f, from, pixels, whole, t);
  }
  if (whole < channels) FinishTail(f, from, pixels, whole, channels, t);
}

// The bits of `dot`'s sums.
void FinishSums(const Finish& f, const void* sums, int pixels, int channels, const Targets& t) {
  const int32_t* from = static_cast<const int32_t*>(sums);
  const int whole = channels / kWord * kWord;
  for (int p = 0; p < pixels; ++p) {
    for (int c = 0; c < whole; c += kWord) {
      v128_t masks[4];
      for (int v = 0; v < 4; ++v) {
        const auto above = [&](int first) {
          return wasm_i32x4_gt(wasm_v128_load(from + p * kTile + first), wasm_v128_load(f.threshold + first));
        };
        masks[v] = wasm_i16x8_narrow_i32x4(above(c + 8 * v), above(c + 8 * v + 4));
      }
      StoreWord(t.bits[p] + t.bits_offset + c / kWord * 4, PackMasks(masks) ^ f.flip[c / kWord]);
    }
  }
  if (whole < channels) FinishTail(f, from, pixels, whole, channels, t);
}

void Sign(const float* x, const float* scale, const float* shift, int channels, uint8_t* bits) {
  const v128_t zero = wasm_f32x4_const_splat(0.0f);
  int base = 0;
  for (; base + kWord <= channels; base += kWord) {
    v128_t masks[4];
    for (int v = 0; v < 4; ++v) {
      const auto below = [&](int c) {
        v128_t value = wasm_v128_load(x + c);
        if (scale != nullptr) {
          value = wasm_f32x4_add(wasm_f32x4_mul(value, wasm_v128_load(scale + c)), wasm_v128_load(shift + c));
        }
        return wasm_f32x4_lt(value, zero);
      };
      masks[v] = wasm_i16x8_narrow_i32x4(below(base + 8 * v), below(base + 8 * v + 4));
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
  for (; i + 4 <= count; i += 4) wasm_v128_store(out + i, wasm_f32x4_add(wasm_v128_load(a + i), wasm_v128_load(b + i)));
  for (; i < count; ++i) out[i] = a[i] + b[i];
}

void Maximum(const float* const* inputs, int inputs_count, float* out, int count) {
  int i = 0;
  const auto four = [&](int k) { return wasm_v128_load(inputs[k] + i); };
  // pmax(a, b): a < b ? b : a
  for (; inputs_count == 4 && i + 4 <= count; i += 4) {
    const v128_t best = wasm_f32x4_pmax(wasm_f32x4_pmax(four(0), four(1)), four(2));
    wasm_v128_store(out + i, wasm_f32x4_pmax(best, four(3)));
  }
  for (; i + 4 <= count; i += 4) {
    v128_t best = four(0);
    for (int k = 1; k < inputs_count; ++k) best = wasm_f32x4_pmax(best, four(k));
    wasm_v128_store(out + i, best);
  }
  for (; i < count; ++i) {
    float best = inputs[0][i];
    for (int k = 1; k < inputs_count; ++k) best = inputs[k][i] > best ? inputs[k][i] : best;
    out[i] = best;
  }
}

// ---- float convolutions

// `kPixels` pixels by one panel, each product fused into the sum where the processor does so, or rounded by itself.
template <int kPixels>
inline void MultiplyBlock(const FloatTile& t, int first, int pixel) {
  v128_t sums[kPixels][4];
  for (int p = 0; p < kPixels; ++p) {
    for (int v = 0; v < 4; ++v) sums[p][v] = wasm_v128_load(t.bias + first + 4 * v);
  }
  const float* panel = t.packed + static_cast<size_t>(first) * t.depth;
  const float* row = t.rows + pixel * t.row_stride;
  for (int k = 0; k < t.depth; ++k, panel += kPanel, ++row) {
    PIN(panel);
    v128_t x[kPixels];
    for (int p = 0; p < kPixels; ++p) x[p] = wasm_v128_load32_splat(row + p * t.row_stride);
    for (int v = 0; v < 4; ++v) {
      const v128_t filter = wasm_v128_load(panel + 4 * v);
      for (int p = 0; p < kPixels; ++p) {
#if defined(__wasm_relaxed_simd__)
        sums[p][v] = wasm_f32x4_relaxed_madd(x[p], filter, sums[p][v]);
#else
        sums[p][v] = wasm_f32x4_add(wasm_f32x4_mul(x[p], filter), sums[p][v]);
#endif
      }
    }
  }
  const v128_t least = wasm_f32x4_splat(t.low), most = wasm_f32x4_splat(t.high);
  const int channels = t.channels - first;
  for (int p = 0; p < kPixels; ++p) {
    float tail[kPanel];
    float* out = t.out + (pixel + p) * t.out_stride + first;
    float* to = channels < kPanel ? tail : out;
    for (int v = 0; v < 4; ++v) wasm_v128_store(to + 4 * v, wasm_f32x4_pmin(wasm_f32x4_pmax(sums[p][v], least), most));
    if (channels < kPanel) std::memcpy(out, tail, sizeof(float) * channels);
  }
}

// Whether relaxed_madd rounds once. It may do either, but always the same.
bool Fuses() {
#if defined(__wasm_relaxed_simd__)
  v128_t x = wasm_f32x4_splat(1.0f + 0x1p-23f);
  asm("" : "+r"(x));
  const v128_t rounded = wasm_f32x4_relaxed_madd(x, x, wasm_f32x4_splat(-(1.0f + 0x1p-22f)));
  return wasm_f32x4_extract_lane(rounded, 0) != 0.0f;
#else
  return false;
#endif
}

// One pixel by one panel, each sum in doubles, which hold a product whole, and then as float. False where rounding
// twice may have given another float than rounding once.
bool MultiplyInDoubles(const FloatTile& t, int first, int pixel, v128_t* out) {
  v128_t sums[8], doubtful = wasm_i64x2_const_splat(0);
  for (int v = 0; v < 8; ++v) sums[v] = wasm_f64x2_promote_low_f32x4(wasm_v128_load64_zero(t.bias + first + 2 * v));
  const float* panel = t.packed + static_cast<size_t>(first) * t.depth;
  const float* row = t.rows + pixel * t.row_stride;
  const v128_t tail = wasm_i64x2_const_splat(0x1FFFFFFF), middle = wasm_i64x2_const_splat(0x10000000);
  for (int k = 0; k < t.depth; ++k, panel += kPanel) {
    PIN(panel);
    const v128_t x = wasm_f64x2_splat(row[k]);
    for (int v = 0; v < 8; ++v) {
      const v128_t filter = wasm_f64x2_promote_low_f32x4(wasm_v128_load64_zero(panel + 2 * v));
      const v128_t sum = wasm_f64x2_add(wasm_f64x2_mul(x, filter), sums[v]);
      doubtful = wasm_v128_or(doubtful, wasm_i64x2_eq(wasm_v128_and(sum, tail), middle));
      sums[v] = wasm_f64x2_promote_low_f32x4(wasm_f32x4_demote_f64x2_zero(sum));
    }
  }
  for (int v = 0; v < 4; ++v) {
    out[v] = wasm_i64x2_shuffle(wasm_f32x4_demote_f64x2_zero(sums[2 * v]),
                                wasm_f32x4_demote_f64x2_zero(sums[2 * v + 1]), 0, 2);
  }
  return !wasm_v128_any_true(doubtful);
}

// Whether all but zeros are at least `least` in size.
bool NoneSmaller(const float* x, int64_t count, float least) {
  bool all = true;
  for (int64_t i = 0; i < count; ++i) all &= x[i] == 0.0f || !(std::fabs(x[i]) < least);
  return all;
}

// Each product fused into the sum, on every processor.
void MultiplyFused(const FloatTile& t) {
  const int panels = (t.channels + kPanel - 1) / kPanel;
  // So that every sum is a multiple of 2^-126, and none too small to have all bits of a float.
  bool doubles = NoneSmaller(t.packed, static_cast<int64_t>(panels) * kPanel * t.depth, 0x1p-60f) &&
                 NoneSmaller(t.bias, panels * kPanel, 0x1p-100f);
  for (int p = 0; p < t.pixels; ++p) doubles &= NoneSmaller(t.rows + p * t.row_stride, t.depth, 0x1p-20f);
  for (int p = 0; p < t.pixels; ++p) {
    for (int first = 0; first < t.channels; first += kPanel) {
      alignas(16) float sums[kPanel];
      v128_t vectors[4];
      if (doubles && MultiplyInDoubles(t, first, p, vectors)) {
        std::memcpy(sums, vectors, sizeof sums);
      } else {
        const float* panel = t.packed + static_cast<size_t>(first) * t.depth;
        std::memcpy(sums, t.bias + first, sizeof sums);
        for (int k = 0; k < t.depth; ++k) {
          const float x = t.rows[p * t.row_stride + k];
          for (int c = 0; c < kPanel; ++c) sums[c] = std::fma(x, panel[k * kPanel + c], sums[c]);
        }
      }
      float* out = t.out + p * t.out_stride + first;
      for (int c = 0; c < kPanel && first + c < t.channels; ++c) out[c] = Clamp(sums[c], t.low, t.high);
    }
  }
}

void Multiply(const FloatTile& t) {
  if (t.fused && !Fuses()) return MultiplyFused(t);
  for (int first = 0; first < t.channels; first += kPanel) {
    int p = 0;
    for (; p + 2 <= t.pixels; p += 2) MultiplyBlock<2>(t, first, p);
    if (p < t.pixels) MultiplyBlock<1>(t, first, p);
  }
}

// ---- pixels

constexpr int kDotInputs = 256;              // that are spread at a time
constexpr int kDotStride = kDotInputs + 16;  // of a pixel: they are spread by 16

// How products are made: `Block` is `kPixels` pixels by `kChannels` channels, of inputs [pixel of the strip][word][4],
// which `Spread` makes of 16 bytes.
struct WideDot {
  using Input = int16_t;
  static constexpr int kChannels = 4;

  static inline void Spread(v128_t bytes, Input* to) {
    wasm_v128_store(to, wasm_u16x8_extend_low_u8x16(bytes));
    wasm_v128_store(to + 8, wasm_u16x8_extend_high_u8x16(bytes));
  }

  template <int kPixels>
  static inline void Block(const int8_t* filter, int width, const Input* inputs, int words, int32_t* sums) {
    v128_t low[kPixels], high[kPixels];  // two channels each, the first and the second two products
    for (int p = 0; p < kPixels; ++p) low[p] = high[p] = wasm_i64x2_const_splat(0);
    for (int w = 0; w < words; ++w, filter += 4 * width, inputs += 4) {
      PIN(inputs);
      const v128_t filter_low = wasm_i16x8_load8x8(filter), filter_high = wasm_i16x8_load8x8(filter + 8);
      for (int p = 0; p < kPixels; ++p) {
        const v128_t input = wasm_v128_load64_splat(inputs + p * kDotStride);
        low[p] = wasm_i32x4_add(low[p], wasm_i32x4_dot_i16x8(input, filter_low));
        high[p] = wasm_i32x4_add(high[p], wasm_i32x4_dot_i16x8(input, filter_high));
      }
    }
    for (int p = 0; p < kPixels; ++p, sums += kTile) {
      const v128_t sum = wasm_i32x4_add(wasm_i32x4_shuffle(low[p], high[p], 0, 2, 4, 6),
                                        wasm_i32x4_shuffle(low[p], high[p], 1, 3, 5, 7));
      wasm_v128_store(sums, wasm_i32x4_add(sum, wasm_v128_load(sums)));
    }
  }
};

#if defined(__wasm_relaxed_simd__)

// Where the processor takes four products of bytes at once, all bits of both. The standard promises only seven of the
// second's: `ByteSigns` asks.
struct ByteDot {
  using Input = uint8_t;
  static constexpr int kChannels = 8;

  static inline void Spread(v128_t bytes, Input* to) { wasm_v128_store(to, bytes); }

  template <int kPixels>
  static inline void Block(const int8_t* filter, int width, const Input* inputs, int words, int32_t* sums) {
    v128_t low[kPixels], high[kPixels];  // four channels each
    for (int p = 0; p < kPixels; ++p) low[p] = high[p] = wasm_i64x2_const_splat(0);
#pragma clang loop unroll(disable)
    for (int w = 0; w < words; ++w, filter += 4 * width, inputs += 4) {
      const v128_t filter_low = wasm_v128_load(filter), filter_high = wasm_v128_load(filter + 16);
#pragma clang loop unroll(full)
      for (int p = 0; p < kPixels; ++p) {
        const v128_t input = wasm_v128_load32_splat(inputs + p * kDotStride);
        low[p] = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(filter_low, input, low[p]);
        high[p] = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(filter_high, input, high[p]);
        asm("" : "+r"(inputs), "+r"(low[p]), "+r"(high[p]));
      }
    }
    for (int p = 0; p < kPixels; ++p, sums += kTile) {
      wasm_v128_store(sums, wasm_i32x4_add(low[p], wasm_v128_load(sums)));
      wasm_v128_store(sums + 4, wasm_i32x4_add(high[p], wasm_v128_load(sums + 4)));
    }
  }
};

// What the dot product takes bytes of the second operand for: 1, from 0 to 255; -1, from -128 to 127; 0, neither, or
// sums of 16 bits in between are cut off. It may be any, but always the same. (A filter's numbers are from -127 to 127,
// so that two products of signed bytes fit 16 bits.)
int ByteSigns() {
  v128_t most = wasm_i8x16_const_splat(127), ones = wasm_u8x16_const_splat(255);
  PIN(most);
  PIN(ones);
  const v128_t sums = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(most, ones, wasm_i64x2_const_splat(0));
  const int sum = wasm_i32x4_extract_lane(sums, 0);
  return sum == 4 * 127 * 255 ? 1 : sum == -4 * 127 ? -1 : 0;
}

#endif

template <class How>
void Dot(const void* filters, const int32_t* start, int width, const Window* windows, int window_count,
         const uint8_t* const* origins, int pixels, int32_t* sums) {
  const int8_t* packed = static_cast<const int8_t*>(filters);
  for (int p = 0; p < pixels; ++p) std::memcpy(sums + p * kTile, start, sizeof(int32_t) * width);
  alignas(16) typename How::Input inputs[kStrip * kDotStride];
  for (int window = 0, from = 0; window < window_count;) {
    int filled = 0;
    while (filled < kDotInputs && window < window_count) {
      const int room = kDotInputs - filled, rest = windows[window].words - from, count = room < rest ? room : rest;
      for (int p = 0; p < pixels; ++p) {
        const uint8_t* bytes = origins[p] + windows[window].offset + from;
        typename How::Input* to = inputs + p * kDotStride + filled;
        for (int i = 0; i < count; i += 16) How::Spread(wasm_v128_load(bytes + i), to + i);
      }
      filled += count;
      from += count;
      if (from == windows[window].words) {
        ++window;
        from = 0;
      }
    }
    const int words = (filled + 3) / 4;  // filters have zeros for what is not filled of the last
    for (int c = 0; c < width; c += How::kChannels) {
      for (int p = 0; p < pixels;) {
        const auto block = [&](auto count) {
          How::template Block<count.value>(packed + 4 * c, width, inputs + p * kDotStride, words, sums + p * kTile + c);
          p += count.value;
        };
        if (pixels - p >= 6 && pixels - p != 8) {
          block(std::integral_constant<int, 6>());
        } else if (pixels - p >= 4) {
          block(std::integral_constant<int, 4>());
        } else {
          block(std::integral_constant<int, 1>());
        }
      }
    }
    packed += static_cast<ptrdiff_t>(words) * 4 * width;
  }
}

bool ToPixels(const float* x, int count, uint8_t* pixels) {
  int wrong = 0;
  for (int i = 0; i < count; ++i) wrong |= !ToPixel(x[i], pixels + i);
  return wrong == 0;
}

constexpr Kernels Set(decltype(Kernels::dot) dot, uint8_t pixel_flip) {
  return {
#if defined(__wasm_relaxed_simd__)
      "relaxed",
#else
      "simd128",
#endif
      2,
      65534,
      PackedPairBytes,
      PackPairs<Vectors>,
      AccumulatePairs<Vectors>,
      FinishStrip,
      Sign,
      Add,
      Maximum,
      ClampAll,
      Multiply,
      dot,
      1,
      pixel_flip,
      DotOrder::kDense,
      FinishSums,
      ToPixels,
  };
}

const Kernels kWide = Set(Dot<WideDot>, 0);

}  // namespace

const Kernels& WasmKernels() {
#if defined(__wasm_relaxed_simd__)
  static const Kernels kUnsigned = Set(Dot<ByteDot>, 0), kSigned = Set(Dot<ByteDot>, 0x80);
  const int signs = ByteSigns();
  if (signs != 0) return signs > 0 ? kUnsigned : kSigned;
#endif
  return kWide;
}

}  // namespace bnn
#endif
