// Plain C++: right on every machine, and the measure of the others.
#include <cmath>

#include "kernels.h"

namespace bnn {

namespace {

size_t PackedBytes(int channels, int words) { return static_cast<size_t>(channels) * words * 4; }

void Pack(const uint32_t* filters, int channels, const Window* windows, int window_count, uint8_t* packed) {
  std::memcpy(packed, filters, PackedBytes(channels, WordsUnder(windows, window_count)));
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
          count += CountBits(LoadWord(input + 4 * i) ^ LoadWord(filter));
          filter += 4;
        }
      }
      out[p * kTile + c] = count;
    }
  }
}

void Sign(const float* x, const float* scale, const float* shift, int channels, uint8_t* bits) {
  for (int c = 0; c < channels; c += kWord) {
    uint32_t word = 0;
    for (int i = 0; i < kWord && c + i < channels; ++i) word |= SignOne(x, scale, shift, c + i) << i;
    StoreWord(bits + c / kWord * 4, word);
  }
}

// Channel by channel in plain loops, which compilers make vectors of.
void FinishStrip(const Finish& f, const void* counts, int pixels, int channels, const Targets& t) {
  for (int p = 0; p < pixels; ++p) {
    const int32_t* count = static_cast<const int32_t*>(counts) + p * kTile;
    if (t.out != nullptr) {
      float* out = t.out + p * t.out_stride;
      const float* residual =
          t.residual == nullptr ? nullptr : t.residual + p * t.residual_stride;  // `out` itself, too
      for (int c = 0; c < channels; ++c) {
        const float y = FinishOne(f, count[c], c);
        out[c] = residual != nullptr ? y + residual[c] : y;
      }
      if (t.extra != nullptr) {
        for (int c = 0; c < channels; ++c) out[c] += t.extra[p][c];
      }
      if (f.scale != nullptr) Sign(out, f.scale, f.shift, channels, t.sum_bits[p] + t.sum_bits_offset);
    }
    if (f.threshold == nullptr) continue;
    for (int c = 0; c < channels; c += kWord) {
      uint32_t word = 0;
      for (int i = 0; i < kWord && c + i < channels; ++i) {
        word |= (count[c + i] > f.threshold[c + i] ? 1u : 0u) << i;
      }
      StoreWord(t.bits[p] + t.bits_offset + c / kWord * 4, word ^ f.flip[c / kWord]);
    }
  }
}

void Add(const float* a, const float* b, float* out, int count) {
  for (int i = 0; i < count; ++i) out[i] = a[i] + b[i];
}

void Maximum(const float* const* inputs, int inputs_count, float* out, int count) {
  if (inputs[0] != out) std::memcpy(out, inputs[0], sizeof(float) * count);
  for (int k = 1; k < inputs_count; ++k) {
    for (int i = 0; i < count; ++i) out[i] = inputs[k][i] > out[i] ? inputs[k][i] : out[i];
  }
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

void Dot(const void* packed, const int32_t* start, int width, const Window* windows, int window_count,
         const uint8_t* const* origins, int pixels, int32_t* sums) {
  for (int p = 0; p < pixels; ++p) {
    int32_t* out = sums + p * kTile;
    std::memcpy(out, start, sizeof(int32_t) * width);
    const int8_t* filter = static_cast<const int8_t*>(packed);
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

bool ToPixels(const float* x, int count, uint8_t* pixels) {
  int wrong = 0;
  for (int i = 0; i < count; ++i) wrong |= !ToPixel(x[i], pixels + i);
  return wrong == 0;
}

}  // namespace

const Kernels kPortableKernels = {
    "portable", 4,        1 << 28,  PackedBytes, Pack, Accumulate, FinishStrip,      Sign,        Add,
    Maximum,    ClampAll, Multiply, Dot,         1,    0,          DotOrder::kWords, FinishStrip, ToPixels,
};

}  // namespace bnn
