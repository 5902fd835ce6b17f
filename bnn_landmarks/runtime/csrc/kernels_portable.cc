// Plain C++: right on every machine, and the measure of the others.
#include <cmath>

#include "kernels.h"

namespace bnn {

namespace {

size_t PackedBytes(int channels, int words) { return static_cast<size_t>(channels) * words * 4; }

void Pack(const uint32_t* filters, int channels, int words, uint8_t* packed) {
  std::memcpy(packed, filters, PackedBytes(channels, words));
}

// Spelled out: without a processor's own instruction, compilers call a function here.
inline int CountBits(uint32_t v) {
  v = v - ((v >> 1) & 0x55555555u);
  v = (v & 0x33333333u) + ((v >> 2) & 0x33333333u);
  return static_cast<int>((((v + (v >> 4)) & 0x0F0F0F0Fu) * 0x01010101u) >> 24);
}

void Accumulate(const uint8_t* packed, int channels, const Window* windows, int window_count,
                const uint8_t* const* origins, int pixels, void* counts) {
  int32_t* out = static_cast<int32_t*>(counts);
  for (int p = 0; p < pixels; ++p) {
    const uint8_t* filter = packed;
    for (int c = 0; c < channels; ++c) {
      int32_t count = 0;
      for (int w = 0; w < window_count; ++w) {
        const uint8_t* input = origins[p] + windows[w].offset;
        for (int i = 0; i < windows[w].words; ++i) {
          count += CountBits(LoadWord(input + 4 * i, 4) ^ LoadWord(filter, 4));
          filter += 4;
        }
      }
      out[p * kTile + c] = count;
    }
  }
}

inline void FinishPixel(const Finish& f, const int32_t* count, int channels, const float* residual, float* out,
                        uint8_t* bits) {
  if (out != nullptr) {
    for (int c = 0; c < channels; ++c) {
      const float y = FinishOne(f, count[c], c);
      out[c] = residual != nullptr ? y + residual[c] : y;
    }
  }
  if (f.threshold == nullptr) return;
  for (int c = 0; c < channels; c += kWord) {
    uint32_t word = 0;
    for (int i = 0; i < kWord && c + i < channels; ++i) {
      const uint32_t above = count[c + i] > f.threshold[c + i] ? 1u : 0u;
      word |= (above ^ (f.flip[c / kWord] >> i & 1u)) << i;
    }
    StoreWord(bits + c / kWord * 4, word, 4);
  }
}

void FinishStrip(const Finish& finish, const void* counts, int pixels, int channels, const Targets& targets) {
  FinishEach<int32_t>(finish, counts, pixels, channels, targets, FinishPixel);
}

void Sign(const float* x, const float* scale, const float* shift, int channels, uint8_t* bits) {
  for (int c = 0; c < channels; c += kWord) {
    uint32_t word = 0;
    for (int i = 0; i < kWord && c + i < channels; ++i) word |= SignOne(x, scale, shift, c + i) << i;
    StoreWord(bits + c / kWord * 4, word, 4);
  }
}

void Add(const float* a, const float* b, float* out, int count) {
  for (int i = 0; i < count; ++i) out[i] = a[i] + b[i];
}

void Maximum(const float* x, float* best, int count) {
  for (int i = 0; i < count; ++i) best[i] = x[i] > best[i] ? x[i] : best[i];
}

// a * b + c rounded once, where the processor may have no such instruction. The product is exact as a double, so only a
// sum that lies midway between two floats as a double, which it need not as a real number, is rounded anew.
inline float MultiplyAdd(float a, float b, float c) {
  const double product = static_cast<double>(a) * b;
  const double sum = product + c;
  uint64_t bits;
  std::memcpy(&bits, &sum, 8);
  if ((bits & 0x1FFFFFFF) == 0x10000000 || !(std::fabs(sum) > 1e-30)) return std::fma(a, b, c);
  return static_cast<float>(sum);
}

void Multiply(const FloatTile& t) {
  for (int first = 0; first < t.channels; first += kPanel) {
    const float* panel = t.packed + static_cast<size_t>(first) * t.depth;
    const int channels = t.channels - first < kPanel ? t.channels - first : kPanel;
    for (int p = 0; p < t.pixels; ++p) {
      float sums[kPanel];
      std::memcpy(sums, t.bias + first, sizeof sums);
      for (int k = 0; k < t.depth; ++k) {
        const float x = t.rows[p * t.row_stride + k];
        for (int c = 0; c < kPanel; ++c) sums[c] = MultiplyAdd(x, panel[k * kPanel + c], sums[c]);
      }
      float* out = t.out + p * t.out_stride + first;
      for (int c = 0; c < channels; ++c) out[c] = Clamp(sums[c], t.low, t.high);
    }
  }
}

void Dot(const int8_t* packed, int width, const Window* windows, int window_count, const uint8_t* const* origins,
         int pixels, void* sums) {
  for (int p = 0; p < pixels; ++p) {
    int32_t* out = static_cast<int32_t*>(sums) + p * kTile;
    for (int c = 0; c < width; ++c) out[c] = 0;
    const int8_t* filter = packed;
    for (int w = 0; w < window_count; ++w) {
      const uint8_t* input = origins[p] + windows[w].offset;
      for (int i = 0; i < windows[w].words; ++i, input += 4, filter += 4 * width) {
        for (int c = 0; c < width; ++c) {
          for (int k = 0; k < 4; ++k) out[c] += input[k] * filter[4 * c + k];
        }
      }
    }
  }
}

}  // namespace

const Kernels kPortableKernels = {
    "portable", 4,   4,       1 << 28,  PackedBytes, Pack, Accumulate,  FinishStrip,
    Sign,       Add, Maximum, ClampAll, Multiply,    Dot,  FinishStrip,
};

}  // namespace bnn
