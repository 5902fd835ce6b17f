// The inner loops, one set for each instruction set; `ChooseKernels` picks one at run time.
//
// Activations: bits, set where the value is below zero, 32 channels a word, the channels of a pixel together. No bits
// set means +1, so zeroed memory around an image is LCE's "one padding". A binary convolution counts the bits that
// differ: the sum of the +-1 products is depth - 2 * count.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

namespace bnn {

constexpr int kWord = 32;  // channels in a word
constexpr int kWordBytes = 4;
constexpr int kTile = 128;  // output channels that one `accumulate` covers at most
constexpr int kStrip = 32;  // pixels that one `accumulate` covers at most

static inline int WordsFor(int channels) { return (channels + kWord - 1) / kWord; }

// A run of consecutive input words that a filter reads, placed relative to its output pixel's origin.
struct Window {
  ptrdiff_t offset;  // bytes
  int words;
};

static inline int WordsUnder(const Window* windows, int window_count) {
  int words = 0;
  for (int w = 0; w < window_count; ++w) words += windows[w].words;
  return words;
}

// What happens to the counts of a tile, channel by channel:
//   y = float(clamp(2 * count)) * multiplier + bias          as LCE does it, in this order, each step rounded
//   y = max(y, least) + residual + extra                     from left to right
//   bit = (count > threshold) ^ flip
//   bit of the sum = y * scale + shift < 0                   as `sign` does it
// Where `doubled` is given, its products with min(count, most) need no rounding, so that y comes of one fused
// multiply-add.
struct Finish {
  const float* multiplier;
  const float* bias;
  int32_t clamp_min;
  int32_t clamp_max;
  float least;
  const float* doubled;  // null: as above; else twice the multiplier
  int32_t most;
  const int32_t* threshold;  // null: no bits of counts
  const uint32_t* flip;      // one word for 32 channels
  const float* scale;        // null: no bits of the sum
  const float* shift;
};

// Where the results of a strip of pixels go. Floats of neighbouring pixels lie a stride apart, bits anywhere.
struct Targets {
  float* out;             // null: no floats
  ptrdiff_t out_stride;   // floats
  const float* residual;  // null: nothing to add
  ptrdiff_t residual_stride;
  const float* const* extra;  // null, or for each pixel
  uint8_t* const* bits;       // a place for each pixel, and the same offset in bytes from each
  ptrdiff_t bits_offset;
  uint8_t* const* sum_bits;
  ptrdiff_t sum_bits_offset;
};

// The parts of a finish that are wanted, as bits of a number by which sets choose code that has no others; there is one
// more for all that is rarer: products that are rounded, and a least value.
constexpr int kOut = 1, kResidual = 2, kExtra = 4, kBits = 8, kSumBits = 16, kCommonParts = 32;
constexpr int kRare = 32;

static inline int PartsOf(const Finish& finish, const Targets& t) {
  const int bits = finish.threshold != nullptr ? kBits : 0;
  if (t.out == nullptr) return bits;
  return kOut | bits | (finish.doubled == nullptr || finish.least > -std::numeric_limits<float>::max() ? kRare : 0) |
         (t.residual != nullptr ? kResidual : 0) | (t.extra != nullptr ? kExtra : 0) |
         (finish.scale != nullptr ? kSumBits : 0);
}

// A float convolution of a strip of pixels, each pixel's inputs under the filter in a row:
//   y = clamp(bias[channel] + sum over k of rows[pixel][k] * filters[channel][k])
// The sum starts at the bias and goes through k in order, each step a fused multiply-add: so every set gives the same
// bits, those of XNNPACK; but WebAssembly's where `fused` is not asked for. Whole numbers are exact in any case, as
// long as the sums stay below 2^24.
constexpr int kPanel = 16;  // channels whose filters are packed together: [panel][k][channel of the panel]

struct FloatTile {
  const float* packed;
  const float* bias;  // padded to whole panels
  int channels;
  int depth;
  const float* rows;
  ptrdiff_t row_stride;  // floats
  int pixels;
  float low, high;  // the clamp; a NaN passes
  float* out;
  ptrdiff_t out_stride;
  bool fused;  // signs depend on the sums
};

enum class DotOrder { kWords, kPairs, kDense };

struct Kernels {
  const char* name;
  int count_bytes;
  int max_depth;  // bits under a filter, beyond which a count would overflow

  // Filters of one tile, [channels][words of the windows], into the order that `accumulate` reads.
  size_t (*packed_bytes)(int channels, int words);
  void (*pack)(const uint32_t* filters, int channels, const Window* windows, int window_count, uint8_t* packed);

  // Counts [pixels][kTile] of one tile at pixels <= kStrip places.
  void (*accumulate)(const uint8_t* packed, int channels, const Window* windows, int window_count,
                     const uint8_t* const* origins, int pixels, void* counts);

  // The counts of a strip of pixels to floats and to bits, whichever are wanted.
  void (*finish)(const Finish& finish, const void* counts, int pixels, int channels, const Targets& targets);

  // bit = x * scale + shift < 0; a NaN gives no bit, as does -0.0. Null scale and shift mean x itself.
  void (*sign)(const float* x, const float* scale, const float* shift, int channels, uint8_t* bits);

  void (*add)(const float* a, const float* b, float* out, int count);
  // The greatest of so many, from left to right: best = x > best ? x : best.
  void (*maximum)(const float* const* inputs, int inputs_count, float* out, int count);

  void (*clamp)(const float* x, float low, float high, float* out, int count);  // a NaN passes

  void (*multiply)(const FloatTile& tile);

  // Pixels by whole numbers of 8 bits: sums [pixels][kTile], int32 and below 2^24, of start[channel] and the products.
  // `windows` count words of four inputs, filters are packed [word][width channels][4] or, in pairs,
  // [word][2][width][2]. Dense: windows count inputs, which make words together, so that one may lie in two windows.
  void (*dot)(const void* packed, const int32_t* start, int width, const Window* windows, int window_count,
              const uint8_t* const* origins, int pixels, int32_t* sums);
  int pixel_bytes;     // of an input, and of a filter's number: 1 or 2
  uint8_t pixel_flip;  // an input is stored as pixel ^ pixel_flip; 0x80: as pixel - 128
  DotOrder dot_order;
  void (*finish_sums)(const Finish& finish, const void* sums, int pixels, int channels, const Targets& targets);

  // round(255 x), halves to even; false where one is not from 0 to 255.
  bool (*to_pixels)(const float* x, int count, uint8_t* pixels);
};

// The set that BNN_LANDMARKS_KERNELS names, or the fastest that this machine runs. Null, with a message, where the
// variable names a set that is unknown or does not run here.
const Kernels* ChooseKernels(const char** error);

// 1.5 * 2^23: added to a number of moderate size and taken away again it leaves none behind the point.
constexpr float kRounding = 12582912.0f;

static inline bool ToPixel(float x, uint8_t* pixel) {
  const float rounded = (x * 255.0f + kRounding) - kRounding;
  const bool fits = rounded >= 0.0f && rounded <= 255.0f;
  *pixel = static_cast<uint8_t>(static_cast<int>(fits ? rounded : 0.0f));
  return fits;
}

extern const Kernels kPortableKernels;
#if defined(__x86_64__)
extern const Kernels kAvx2Kernels;
extern const Kernels kAvx512Kernels;
#elif defined(__aarch64__)
extern const Kernels kNeonKernels;
extern const Kernels kDotprodKernels;
#elif defined(__wasm__)
const Kernels& WasmKernels();
#endif

static inline void StoreWord(uint8_t* to, uint32_t word) { std::memcpy(to, &word, 4); }

static inline uint32_t LoadWord(const uint8_t* from) {
  uint32_t word;
  std::memcpy(&word, from, 4);
  return word;
}

// These are static, not merely inline: each set is compiled for its own processor, and the linker must not put one
// set's copy in the place of another's.

// The arithmetic of one channel, shared by the portable kernels and by the tails of the others.
static inline float FinishOne(const Finish& f, int32_t count, int channel) {
  int32_t x = count * 2;
  x = x < f.clamp_max ? x : f.clamp_max;
  x = x > f.clamp_min ? x : f.clamp_min;
  const float y = static_cast<float>(x) * f.multiplier[channel] + f.bias[channel];
  return y < f.least ? f.least : y;
}

static inline uint32_t SignOne(const float* x, const float* scale, const float* shift, int channel) {
  const float value = scale != nullptr ? x[channel] * scale[channel] + shift[channel] : x[channel];
  return value < 0.0f ? 1u : 0u;
}

// Up to 32 channels of a strip of pixels, one by one.
template <typename Count>
static inline void FinishTail(const Finish& f, const Count* counts, int pixels, int base, int channels,
                              const Targets& t) {
  const int end = base + kWord < channels ? base + kWord : channels;
  for (int p = 0; p < pixels; ++p) {
    uint32_t word = f.threshold != nullptr ? f.flip[base / kWord] : 0, sum_word = 0;
    for (int c = base; c < end; ++c) {
      const int32_t count = static_cast<int32_t>(counts[p * kTile + c]);
      if (t.out != nullptr) {
        float y = FinishOne(f, count, c);
        if (t.residual != nullptr) y += t.residual[p * t.residual_stride + c];
        if (t.extra != nullptr) y += t.extra[p][c];
        t.out[p * t.out_stride + c] = y;
        if (f.scale != nullptr) sum_word |= SignOne(t.out + p * t.out_stride, f.scale, f.shift, c) << (c - base);
      }
      if (f.threshold != nullptr) word ^= (count > f.threshold[c] ? 1u : 0u) << (c - base);
    }
    const ptrdiff_t at = base / kWord * kWordBytes;
    if (f.threshold != nullptr) StoreWord(t.bits[p] + t.bits_offset + at, word);
    if (t.out != nullptr && f.scale != nullptr) StoreWord(t.sum_bits[p] + t.sum_bits_offset + at, sum_word);
  }
}

static inline float Clamp(float x, float low, float high) {
  x = x < low ? low : x;
  return x > high ? high : x;
}

static inline void ClampAll(const float* x, float low, float high, float* out, int count) {
  for (int i = 0; i < count; ++i) out[i] = Clamp(x[i], low, high);
}

}  // namespace bnn
