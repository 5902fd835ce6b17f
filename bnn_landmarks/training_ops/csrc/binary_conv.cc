// y = factor * relu(sign(W) (*) sign(x)), padded with +1, stride 1, and its gradient with straight-through signs.
//
// Each of the three products of a training step has an operand that is +-1 (the kernel, or the input's signs). A few
// terms of the other operand have so few signed sums that they fill one 16-byte register, and a byte shuffle with the
// signs as indices looks up many outputs' sums at once, without a multiplication:
//
//     forward         four signs of the input    sixteen sums, int8     32 outputs a shuffle
//     by the input    three of dy                eight sums, int16      16 input channels a shuffle
//     by the kernel   three positions' dy        eight sums, int16      16 input channels a shuffle
//
// With AVX-512 and its byte permutation the gradients take five terms, 32 sums, 32 input channels.
//
// The forward pass is exact. The gradients round dy to int16 at a scale of its own for each position (by the input) or
// output channel and strip of rows (by the kernel) that no sum can overflow, up or down at random so that the
// expectation is kept; the random numbers are drawn from the gradient itself, so that a step repeats.
#include <immintrin.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <type_traits>

#include "parallel.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace {
using namespace tensorflow;
using bnn::scratch;
using bnn::share_out;

constexpr int kTable = 16;  // bytes
constexpr int kBlock = 32;  // outputs computed together

struct Shape {
  int height, width, in, out, size, taps;
  size_t inputs() const { return size_t(height) * width * in; }
  size_t outputs() const { return size_t(height) * width * out; }
};

bool shape_of(OpKernelContext* context, Shape* s) {
  const Tensor &x = context->input(0), &w = context->input(1), &factor = context->input(2);
  const bool fits = x.dims() == 4 && w.dims() == 4 && w.dim_size(0) == w.dim_size(1) &&
                    (w.dim_size(0) == 1 || w.dim_size(0) == 3) && w.dim_size(2) == x.dim_size(3) &&
                    w.dim_size(2) % kBlock == 0 && w.dim_size(3) % kBlock == 0 &&
                    w.dim_size(0) * w.dim_size(1) * w.dim_size(2) <= 32767 && factor.NumElements() == w.dim_size(3);
  if (!fits)
    context->CtxFailure(errors::InvalidArgument("a 1x1 or 3x3 kernel with channels in multiples of 32 is needed"));
  else
    *s = {int(x.dim_size(1)), int(x.dim_size(2)), int(w.dim_size(2)), int(w.dim_size(3)), int(w.dim_size(0)),
          int(w.dim_size(0) * w.dim_size(1))};
  return fits;
}

const float* values(OpKernelContext* context, int input) { return context->input(input).flat<float>().data(); }

__m256 magnitude(__m256 v) { return _mm256_and_ps(v, _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff))); }

__m256i table_at(const uint8_t* table) {
  return _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(table)));
}

// ---------------------------------------------------------------------------------------------------------- forward

// Entry i of table p: the sum over four bits k of sign(bit k of p) * sign(bit k of i).
struct SignTables {
  alignas(64) int8_t at[16][kTable];
  SignTables() {
    for (int p = 0; p < 16; ++p)
      for (int i = 0; i < kTable; ++i) at[p][i] = int8_t(4 - 2 * __builtin_popcount(p ^ i));
  }
};
const SignTables kSigns;

// acc [width][kBlock] += one row of `taps` taps. lut: tables [width + taps - 1][groups]; idx: [taps][groups][kBlock].
template <int M>
void sign_row(const uint8_t* lut, int groups, const uint8_t* idx, int taps, int width, int16_t* acc) {
  constexpr int most = 31;  // tables of sums up to 4 that an int8 holds
  const int position = groups * kTable, chunks = (groups + most - 1) / most, chunk = (groups + chunks - 1) / chunks;
  for (int x = 0; x < width; x += M)
    for (int t = 0; t < taps; ++t)
      for (int first = 0; first < groups; first += chunk) {
        const int last = std::min(groups, first + chunk);
        const uint8_t* from = lut + size_t(x + t) * position + first * kTable;
        const uint8_t* signs = idx + (size_t(t) * groups + first) * kBlock;
        __m256i sum[M];
        for (auto& v : sum) v = _mm256_setzero_si256();
        for (int g = first; g < last; ++g, from += kTable, signs += kBlock) {
          const __m256i i = _mm256_load_si256(reinterpret_cast<const __m256i*>(signs));
#pragma GCC unroll 8
          for (int m = 0; m < M; ++m)
            sum[m] = _mm256_add_epi8(sum[m], _mm256_shuffle_epi8(table_at(from + m * position), i));
        }
        for (int m = 0; m < M; ++m) {
          __m256i* to = reinterpret_cast<__m256i*>(acc + (x + m) * kBlock);
          const __m256i low = _mm256_cvtepi8_epi16(_mm256_castsi256_si128(sum[m]));
          const __m256i high = _mm256_cvtepi8_epi16(_mm256_extracti128_si256(sum[m], 1));
          _mm256_store_si256(to, _mm256_add_epi16(_mm256_load_si256(to), low));
          _mm256_store_si256(to + 1, _mm256_add_epi16(_mm256_load_si256(to + 1), high));
        }
      }
}

using SignRow = void (*)(const uint8_t*, int, const uint8_t*, int, int, int16_t*);

SignRow sign_row_for(int width) {
  return width % 8 == 0 ? sign_row<8> : width % 4 == 0 ? sign_row<4> : width % 2 == 0 ? sign_row<2> : sign_row<1>;
}

// The kernel's signs, four input channels to a byte: [out / kBlock][taps][in / 4][kBlock].
uint8_t* sign_indices(OpKernelContext* context, const Shape& s, const float* w) {
  const int groups = s.in / 4;
  uint8_t* idx = scratch<uint8_t>(7, size_t(s.taps) * groups * s.out);
  share_out(context, s.taps * groups, [&](int64_t, int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i)
      for (int n = 0; n < s.out; n += kBlock) {
        uint8_t* to = idx + size_t(n) * s.taps * groups + size_t(i) * kBlock;
        const float* from = w + size_t(i) * 4 * s.out + n;
        for (int o = 0; o < kBlock; ++o, ++from)
          to[o] = uint8_t((from[0] >= 0) | (from[s.out] >= 0) << 1 | (from[2 * s.out] >= 0) << 2 |
                          (from[3 * s.out] >= 0) << 3);
      }
  });
  return idx;
}

void convolve(const Shape& s, const float* x, const uint8_t* idx, const float* factor, bool relu, float* y) {
  const int r = s.size / 2, groups = s.in / 4, padded = s.width + 2 * r;
  const size_t row = size_t(padded) * groups * kTable;
  uint8_t* tables = scratch<uint8_t>(0, row * s.size);
  int16_t* acc = scratch<int16_t>(1, size_t(s.width) * kBlock);
  const __m128i least = _mm_set1_epi16(relu ? 0 : std::numeric_limits<int16_t>::min());
  const SignRow run = sign_row_for(s.width);
  auto ones = [](uint8_t* to, size_t count) {
    for (size_t k = 0; k < count; ++k) std::memcpy(to + k * kTable, kSigns.at[15], kTable);
  };
  auto slot = [&](int at) { return tables + row * ((at + r) % s.size); };
  auto fill = [&](int at) {
    uint8_t* to = slot(at);
    if (at < 0 || at >= s.height) return ones(to, size_t(padded) * groups);
    ones(to, size_t(r) * groups);
    to += size_t(r) * groups * kTable;
    const float* from = x + size_t(at) * s.width * s.in;
    for (int j = 0; j < s.width * s.in; j += 8, to += 2 * kTable) {
      const int bits =
          _mm256_movemask_ps(_mm256_cmp_ps(_mm256_loadu_ps(from + j), _mm256_setzero_ps(), _CMP_GE_OQ));
      std::memcpy(to, kSigns.at[bits & 15], kTable);
      std::memcpy(to + kTable, kSigns.at[bits >> 4], kTable);
    }
    ones(to, size_t(r) * groups);
  };
  for (int at = -r; at < r; ++at) fill(at);
  for (int at = 0; at < s.height; ++at) {
    fill(at + r);
    for (int n = 0; n < s.out; n += kBlock) {
      std::memset(acc, 0, sizeof(int16_t) * s.width * kBlock);
      for (int d = 0; d < s.size; ++d)
        run(slot(at + d - r), groups, idx + size_t(n * s.size + kBlock * d) * s.size * groups, s.size, s.width, acc);
      for (int p = 0; p < s.width; ++p) {
        float* to = y + (size_t(at) * s.width + p) * s.out + n;
        for (int j = 0; j < kBlock; j += 8) {
          const __m128i sum = _mm_load_si128(reinterpret_cast<const __m128i*>(acc + p * kBlock + j));
          const __m256 v = _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(_mm_max_epi16(sum, least)));
          _mm256_storeu_ps(to + j, _mm256_mul_ps(_mm256_loadu_ps(factor + n + j), v));
        }
      }
    }
  }
}

class BinaryConv : public OpKernel {
 public:
  explicit BinaryConv(OpKernelConstruction* c) : OpKernel(c) { OP_REQUIRES_OK(c, c->GetAttr("relu", &relu_)); }

  void Compute(OpKernelContext* context) override {
    Shape s;
    if (!shape_of(context, &s)) return;
    const int64_t images = context->input(0).dim_size(0);
    Tensor* out;
    OP_REQUIRES_OK(context, context->allocate_output(0, TensorShape({images, s.height, s.width, s.out}), &out));
    const float *x = values(context, 0), *factor = values(context, 2);
    float* y = out->flat<float>().data();
    const uint8_t* idx = sign_indices(context, s, values(context, 1));
    share_out(context, images, [&](int64_t, int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) convolve(s, x + i * s.inputs(), idx, factor, relu_, y + i * s.outputs());
    });
  }

 private:
  bool relu_;
};

// --------------------------------------------------------------------------------------------------------- gradient

// Uniform numbers in [0, 1), eight at a time (xorshift32, seeded by splitmix64).
class Uniform {
 public:
  explicit Uniform(uint64_t seed) {
    uint32_t each[8];
    for (auto& e : each) {
      seed += 0x9e3779b97f4a7c15ull;
      uint64_t z = (seed ^ (seed >> 30)) * 0xbf58476d1ce4e5b9ull;
      z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
      e = uint32_t(z >> 32) | 1;
    }
    state_ = _mm256_loadu_si256(reinterpret_cast<__m256i*>(each));
  }

  __m256 operator()() {
    state_ = _mm256_xor_si256(state_, _mm256_slli_epi32(state_, 13));
    state_ = _mm256_xor_si256(state_, _mm256_srli_epi32(state_, 17));
    state_ = _mm256_xor_si256(state_, _mm256_slli_epi32(state_, 5));
    return _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_srli_epi32(state_, 9)), _mm256_set1_ps(1.f / (1 << 23)));
  }

 private:
  __m256i state_;
};

uint64_t seed(const float* dy, size_t count) {
  uint64_t hash = count;
  for (size_t j = 0; j < count; j += 1 + count / 64) {
    uint32_t bits;
    std::memcpy(&bits, dy + j, sizeof bits);
    hash = hash * 0x9e3779b97f4a7c15ull + bits;
  }
  return hash;
}

// A scale to integers and back. A gradient that is not finite comes back as one.
struct Scale {
  float to, back;
};

// The largest at which every signed sum of `terms` numbers with this sum of magnitudes, rounded, is an int16.
Scale scale_for(float magnitudes, int terms) {
  if (!std::isfinite(magnitudes)) return {0, std::numeric_limits<float>::quiet_NaN()};
  if (magnitudes < 1e-30f) return {0, 0};
  const float to = (32700.f - terms) / magnitudes;
  return {to, 1 / to};
}

// Eight of dy * factor where the unit is open.
__m256 open_gradient(const float* y, const float* dy, const float* factor, bool relu) {
  const __m256 g = _mm256_mul_ps(_mm256_loadu_ps(dy), _mm256_loadu_ps(factor));
  if (!relu) return g;
  return _mm256_and_ps(g, _mm256_cmp_ps(_mm256_loadu_ps(y), _mm256_setzero_ps(), _CMP_NEQ_OQ));
}

// g * scale(j), rounded up or down at random.
template <class ScaleOf>
void quantize(const float* g, int count, ScaleOf scale, int16_t* to, Uniform& uniform) {
  auto eight = [&](int j) {
    const __m256 scaled = _mm256_mul_ps(_mm256_loadu_ps(g + j), scale(j));
    return _mm256_cvtps_epi32(_mm256_floor_ps(_mm256_add_ps(scaled, uniform())));
  };
  for (int j = 0; j < count; j += 16) {
    const __m256i low = eight(j), high = eight(j + 8);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + j),
                        _mm256_permute4x64_epi64(_mm256_packs_epi32(low, high), 0xd8));
  }
}

// What the gradients look up: the signed sums of kTerms int16, in an order in which bit k of an entry's number says
// whether term k counts positive.
#ifdef __AVX512VBMI__
constexpr int kTerms = 5;
constexpr int kStrip = 32;  // most groups of kTerms positions between two additions to the kernel's gradient
constexpr int kWide = 2;    // most blocks that a table is held in a register for

using Lookup = __m512i;  // a table
using Block = __m512i;   // of each of kBlock outputs the index or the sum

Lookup load_sums(const uint8_t* table) { return _mm512_load_si512(table); }
Block load_indices(const uint16_t* idx) { return _mm512_load_si512(idx); }
Block zeros() { return _mm512_setzero_si512(); }
void keep_in_registers(Block&) {}  // the compiler reads the tables from memory instead
Block plus_looked_up(Block sum, Lookup table, Block idx) {
  return _mm512_add_epi16(sum, _mm512_permutexvar_epi8(idx, table));
}

// to[kBlock] += factor * sum.
void add_scaled(Block sum, float factor, float* to) {
  const __m512 f = _mm512_set1_ps(factor);
  const __m512 low = _mm512_cvtepi32_ps(_mm512_cvtepi16_epi32(_mm512_castsi512_si256(sum)));
  const __m512 high = _mm512_cvtepi32_ps(_mm512_cvtepi16_epi32(_mm512_extracti64x4_epi64(sum, 1)));
  _mm512_storeu_ps(to, _mm512_fmadd_ps(low, f, _mm512_loadu_ps(to)));
  _mm512_storeu_ps(to + 16, _mm512_fmadd_ps(high, f, _mm512_loadu_ps(to + 16)));
}

// Twice the sum of the terms that count positive, less the sum of all.
void make_sums(const int16_t* in, int step, uint8_t* out) {
  constexpr __mmask32 positive[kTerms] = {0xaaaaaaaa, 0xcccccccc, 0xf0f0f0f0, 0xff00ff00, 0xffff0000};
  __m512i sum = _mm512_setzero_si512();
  int all = 0;
  for (int k = 0; k < kTerms; ++k) {
    sum = _mm512_add_epi16(sum, _mm512_maskz_set1_epi16(positive[k], in[k * step]));
    all += in[k * step];
  }
  _mm512_store_si512(out, _mm512_sub_epi16(_mm512_add_epi16(sum, sum), _mm512_set1_epi16(short(all))));
}
#else
constexpr int kTerms = 3;
constexpr int kStrip = 96;
constexpr int kWide = 1;

using Lookup = __m256i;
struct Block {
  __m256i low, high;
};

Lookup load_sums(const uint8_t* table) { return table_at(table); }
Block load_indices(const uint16_t* idx) {
  const __m256i* from = reinterpret_cast<const __m256i*>(idx);
  return {_mm256_load_si256(from), _mm256_load_si256(from + 1)};
}
Block zeros() { return {_mm256_setzero_si256(), _mm256_setzero_si256()}; }
void keep_in_registers(Block& b) { asm("" : "+x"(b.low), "+x"(b.high)); }
Block plus_looked_up(Block sum, Lookup table, Block idx) {
  return {_mm256_add_epi16(sum.low, _mm256_shuffle_epi8(table, idx.low)),
          _mm256_add_epi16(sum.high, _mm256_shuffle_epi8(table, idx.high))};
}

void add_scaled(Block sum, float factor, float* to) {
  const __m256 f = _mm256_set1_ps(factor);
  for (const __m256i half : {sum.low, sum.high}) {
    const __m256 low = _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(_mm256_castsi256_si128(half)));
    const __m256 high = _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(_mm256_extracti128_si256(half, 1)));
    _mm256_storeu_ps(to, _mm256_fmadd_ps(low, f, _mm256_loadu_ps(to)));
    _mm256_storeu_ps(to + 8, _mm256_fmadd_ps(high, f, _mm256_loadu_ps(to + 8)));
    to += 16;
  }
}

void make_sums(const int16_t* in, int step, uint8_t* out) {
  const __m128i sign_a = _mm_setr_epi16(-1, 1, -1, 1, -1, 1, -1, 1);
  const __m128i sign_b = _mm_setr_epi16(-1, -1, 1, 1, -1, -1, 1, 1);
  const __m128i sign_c = _mm_setr_epi16(-1, -1, -1, -1, 1, 1, 1, 1);
  const __m128i a = _mm_sign_epi16(_mm_set1_epi16(in[0]), sign_a);
  const __m128i b = _mm_sign_epi16(_mm_set1_epi16(in[step]), sign_b);
  const __m128i c = _mm_sign_epi16(_mm_set1_epi16(in[2 * step]), sign_c);
  _mm_store_si128(reinterpret_cast<__m128i*>(out), _mm_add_epi16(_mm_add_epi16(a, b), c));
}
#endif

constexpr int kSums = sizeof(int16_t) << kTerms;  // bytes of a table

// `count` tables one after another: term k of the first is in[k * step]; the next table's lie `next` on.
void sum_tables(const int16_t* in, int step, int next, int count, uint8_t* out) {
  for (int i = 0; i < count; ++i, in += next, out += kSums) make_sums(in, step, out);
}

int groups_of(int terms) { return (terms + kTerms - 1) / kTerms; }

// Outputs that are computed side by side from one reading of the tables.
int side_by_side(int outputs) { return outputs % (kWide * kBlock) == 0 ? kWide * kBlock : kBlock; }

// The two bytes that a shuffle needs to fetch the int16 of entry v.
uint16_t sum_index(uint32_t v) { return uint16_t(2 * v | (2 * v + 1) << 8); }

// sum[m][N * kBlock] += over `groups`: tables at lut + m * lut_row, looked up by idx.
template <int M, int N>
void add_products(const uint8_t* lut, int lut_row, int lut_step, const uint16_t* idx, int idx_step, int groups,
                  Block (&sum)[M][N]) {
  for (int g = 0; g < groups; ++g, lut += lut_step, idx += idx_step) {
    Block at[N];
#pragma GCC unroll 2
    for (int n = 0; n < N; ++n) {
      at[n] = load_indices(idx + n * kBlock);
      keep_in_registers(at[n]);  // not read again for each m
    }
#pragma GCC unroll 4
    for (int m = 0; m < M; ++m) {
      const Lookup table = load_sums(lut + m * lut_row);
#pragma GCC unroll 2
      for (int n = 0; n < N; ++n) sum[m][n] = plus_looked_up(sum[m][n], table, at[n]);
    }
  }
}

// acc [width][N * kBlock] += one row of taps. lut: tables [width + taps - 1][groups], each position with its own
// scale; idx: [taps][groups][N * kBlock].
template <int M, int N>
void gradient_row(const uint8_t* lut, const float* back, int groups, const uint16_t* idx, int taps, int width,
                  float* acc) {
  const int position = groups * kSums, block = N * kBlock;
  for (int x = 0; x < width; x += M)
    for (int t = 0; t < taps; ++t) {
      Block sum[M][N];
      for (auto& each : sum)
        for (auto& v : each) v = zeros();
      add_products<M, N>(lut + (x + t) * position, position, kSums, idx + size_t(t) * groups * block, block, groups,
                         sum);
      for (int m = 0; m < M; ++m)
        for (int n = 0; n < N; ++n) add_scaled(sum[m][n], back[x + m + t], acc + (x + m) * block + n * kBlock);
    }
}

using GradientRow = void (*)(const uint8_t*, const float*, int, const uint16_t*, int, int, float*);

template <int N>
GradientRow gradient_row_for(int width) {
  return width % 4 == 0 ? gradient_row<4, N> : width % 2 == 0 ? gradient_row<2, N> : gradient_row<1, N>;
}

// The turned kernel's signs, kTerms output channels to an index: [in / block][taps][groups][block].
uint16_t* turned_indices(OpKernelContext* context, const Shape& s, const float* w) {
  const int groups = groups_of(s.out), block = side_by_side(s.in);
  uint16_t* idx = scratch<uint16_t>(7, size_t(s.taps) * groups * s.in);
  share_out(context, s.taps * s.in, [&](int64_t, int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      const int t = int(i) / s.in, n = int(i) % s.in;
      const float* from = w + (size_t(s.taps - 1 - t) * s.in + n) * s.out;
      uint16_t* to = idx + size_t(n / block * s.taps + t) * groups * block + n % block;
      for (int o = 0; o < s.out; o += kTerms, to += block) {
        uint32_t bits = 0;
        for (int k = 0; k < kTerms && o + k < s.out; ++k) bits |= uint32_t(from[o + k] >= 0) << k;
        *to = sum_index(bits);
      }
    }
  });
  return idx;
}

// Of one image, by x: the correlation of the gradient with the turned kernel's signs, where |x| <= 1.
void input_gradient(const Shape& s, const float* x, const float* y, const float* dy, const float* factor, bool relu,
                    const uint16_t* idx, Uniform& uniform, float* dx) {
  const int r = s.size / 2, padded = s.width + 2 * r, groups = groups_of(s.out), block = side_by_side(s.in);
  const size_t row = size_t(padded) * groups * kSums;
  uint8_t* tables = scratch<uint8_t>(0, row * s.size);
  float* back = scratch<float>(1, size_t(padded) * s.size);
  int16_t* rounded = scratch<int16_t>(2, size_t(groups) * kTerms);
  float* g = scratch<float>(3, s.out);
  float* acc = scratch<float>(4, size_t(s.width) * block);
  std::fill(rounded + s.out, rounded + groups * kTerms, int16_t(0));
  const GradientRow run = block == kBlock ? gradient_row_for<1>(s.width) : gradient_row_for<kWide>(s.width);
  auto slot = [&](int at) { return (at + r) % s.size; };
  auto fill = [&](int at) {
    uint8_t* table = tables + row * slot(at);
    float* factors = back + size_t(padded) * slot(at);
    std::fill(factors, factors + padded, 0.f);  // what is looked up where there is no gradient counts nothing
    if (at < 0 || at >= s.height) return;
    for (int p = 0; p < s.width; ++p) {
      const size_t from = (size_t(at) * s.width + p) * s.out;
      __m256 total = _mm256_setzero_ps();
      for (int j = 0; j < s.out; j += 8) {
        const __m256 v = open_gradient(y + from + j, dy + from + j, factor + j, relu);
        total = _mm256_add_ps(total, magnitude(v));
        _mm256_storeu_ps(g + j, v);
      }
      float each[8], magnitudes = 0;
      _mm256_storeu_ps(each, total);
      for (float e : each) magnitudes += e;
      const Scale scale = scale_for(magnitudes, s.out);
      factors[p + r] = scale.back;
      if (scale.to == 0) continue;
      quantize(g, s.out, [&](int) { return _mm256_set1_ps(scale.to); }, rounded, uniform);
      sum_tables(rounded, 1, kTerms, groups, table + size_t(p + r) * groups * kSums);
    }
  };
  for (int at = -r; at < r; ++at) fill(at);
  for (int at = 0; at < s.height; ++at) {
    fill(at + r);
    for (int n = 0; n < s.in; n += block) {
      std::memset(acc, 0, sizeof(float) * s.width * block);
      for (int d = 0; d < s.size; ++d) {
        const int k = slot(at + d - r);
        run(tables + row * k, back + size_t(padded) * k, groups, idx + size_t(n * s.size + block * d) * s.size * groups,
            s.size, s.width, acc);
      }
      for (int p = 0; p < s.width; ++p) {
        const size_t to = (size_t(at) * s.width + p) * s.in + n;
        for (int j = 0; j < block; j += 8) {
          const __m256 open = _mm256_cmp_ps(magnitude(_mm256_loadu_ps(x + to + j)), _mm256_set1_ps(1.f), _CMP_LE_OQ);
          _mm256_storeu_ps(dx + to + j, _mm256_and_ps(_mm256_load_ps(acc + p * block + j), open));
        }
      }
    }
  }
}

// Of one image, by the kernel: own [taps][out][in] += the gradient correlated with the input's signs. Also
// dfactor [out] += sums of y * dy.
void kernel_gradient(const Shape& s, const float* x, const float* y, const float* dy, const float* factor, bool relu,
                     Uniform& uniform, float* own, double* dfactor) {
  const int r = s.size / 2, groups = groups_of(s.width), starts = kTerms * groups + 2 * r, block = side_by_side(s.in);
  const int strip = std::max(1, std::min(s.height, kStrip / groups)), positions = kTerms * groups;
  uint8_t* tables = scratch<uint8_t>(0, size_t(strip) * groups * s.out * kSums);  // [out / 4][row][group][4]
  uint16_t* idx = scratch<uint16_t>(1, size_t(strip + 2 * r) * starts * s.in);     // [in / block][row][start][block]
  int16_t* rounded = scratch<int16_t>(2, size_t(positions) * s.out);
  uint8_t* bits = scratch<uint8_t>(3, size_t(starts + kTerms - 1) * s.in);
  float* g = scratch<float>(4, size_t(strip) * s.width * s.out);
  float* columns = scratch<float>(5, size_t(s.out) * 4);
  float *sums = columns, *df = sums + s.out, *to_integer = df + s.out, *back = to_integer + s.out;
  for (int top = 0; top < s.height; top += strip) {
    const int rows = std::min(strip, s.height - top);
    std::fill(sums, sums + 2 * s.out, 0.f);
    for (int p = 0; p < rows * s.width; ++p) {
      const size_t from = (size_t(top) * s.width + p) * s.out;
      for (int j = 0; j < s.out; j += 8) {
        const __m256 v = open_gradient(y + from + j, dy + from + j, factor + j, relu);
        const __m256 product = _mm256_mul_ps(_mm256_loadu_ps(y + from + j), _mm256_loadu_ps(dy + from + j));
        _mm256_storeu_ps(g + size_t(p) * s.out + j, v);
        _mm256_storeu_ps(sums + j, _mm256_add_ps(_mm256_loadu_ps(sums + j), magnitude(v)));
        _mm256_storeu_ps(df + j, _mm256_add_ps(_mm256_loadu_ps(df + j), product));
      }
    }
    for (int j = 0; j < s.out; ++j) {
      const Scale scale = scale_for(sums[j], rows * s.width);
      to_integer[j] = scale.to;
      back[j] = scale.back;
      dfactor[j] += df[j];
    }
    for (int i = 0; i < rows; ++i) {
      for (int p = 0; p < s.width; ++p)
        quantize(g + (size_t(i) * s.width + p) * s.out, s.out, [&](int j) { return _mm256_loadu_ps(to_integer + j); },
                 rounded + size_t(p) * s.out, uniform);
      std::fill(rounded + size_t(s.width) * s.out, rounded + size_t(positions) * s.out, int16_t(0));
      for (int t = 0; t < groups; ++t)
        for (int o = 0; o < s.out; o += 4)
          sum_tables(rounded + size_t(kTerms * t) * s.out + o, s.out, 1, 4,
                     tables + ((size_t(o) / 4 * strip + i) * groups + t) * 4 * kSums);
    }
    for (int i = -r; i < rows + r; ++i) {
      std::memset(bits, 1, size_t(starts + kTerms - 1) * s.in);
      const int at = top + i;
      if (at >= 0 && at < s.height) {
        const float* from = x + size_t(at) * s.width * s.in;
        uint8_t* to = bits + size_t(r) * s.in;
        for (int j = 0; j < s.width * s.in; j += 8) {
          const int eight =
              _mm256_movemask_ps(_mm256_cmp_ps(_mm256_loadu_ps(from + j), _mm256_setzero_ps(), _CMP_GE_OQ));
          const uint64_t spread = _pdep_u64(uint64_t(eight), 0x0101010101010101ull);
          std::memcpy(to + j, &spread, sizeof spread);
        }
      }
      for (int n = 0; n < s.in; n += kBlock) {
        uint16_t* to = idx + size_t(n / block * (strip + 2 * r) + i + r) * starts * block + n % block;
        const uint8_t* from = bits + n;
        for (int k = 0; k < starts; ++k, from += s.in, to += block) {
          __m256i v = _mm256_setzero_si256();
          for (int p = kTerms - 1; p >= 0; --p) {
            const __m256i sign = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + p * s.in));
            v = _mm256_add_epi8(_mm256_add_epi8(v, v), sign);
          }
          v = _mm256_permute4x64_epi64(_mm256_add_epi8(v, v), 0xd8);
          const __m256i next = _mm256_add_epi8(v, _mm256_set1_epi8(1));
          _mm256_store_si256(reinterpret_cast<__m256i*>(to), _mm256_unpacklo_epi8(v, next));
          _mm256_store_si256(reinterpret_cast<__m256i*>(to + 16), _mm256_unpackhi_epi8(v, next));
        }
      }
    }
    auto multiply = [&](auto wide, int n) {
      constexpr int N = decltype(wide)::value;
      for (int t = 0; t < s.taps; ++t) {
        const int down = t / s.size, right = t % s.size;
        for (int o = 0; o < s.out; o += 4) {
          Block sum[4][N];
          for (auto& each : sum)
            for (auto& v : each) v = zeros();
          for (int i = 0; i < rows; ++i)
            add_products<4, N>(tables + (size_t(o) / 4 * strip + i) * groups * 4 * kSums, kSums, 4 * kSums,
                               idx + (size_t(n / block * (strip + 2 * r) + i + down) * starts + right) * block,
                               kTerms * block, groups, sum);
          for (int m = 0; m < 4; ++m)
            for (int k = 0; k < N; ++k)
              add_scaled(sum[m][k], back[o + m], own + (size_t(t) * s.out + o + m) * s.in + n + k * kBlock);
        }
      }
    };
    for (int n = 0; n < s.in; n += block)
      block == kBlock ? multiply(std::integral_constant<int, 1>(), n) : multiply(std::integral_constant<int, kWide>(), n);
  }
}

class BinaryConvGrad : public OpKernel {
 public:
  explicit BinaryConvGrad(OpKernelConstruction* c) : OpKernel(c) { OP_REQUIRES_OK(c, c->GetAttr("relu", &relu_)); }

  void Compute(OpKernelContext* context) override {
    Shape s;
    if (!shape_of(context, &s)) return;
    const int64_t images = context->input(0).dim_size(0);
    OP_REQUIRES(context, context->input(3).NumElements() == int64_t(images * s.outputs()) &&
                             context->input(4).NumElements() == int64_t(images * s.outputs()),
                errors::InvalidArgument("y and dy must have the output's shape"));
    Tensor* out[3];
    for (int i = 0; i < 3; ++i)
      OP_REQUIRES_OK(context, context->allocate_output(i, context->input(i).shape(), &out[i]));
    const float *x = values(context, 0), *w = values(context, 1), *factor = values(context, 2);
    const float *y = values(context, 3), *dy = values(context, 4);
    float *dx = out[0]->flat<float>().data(), *dw = out[1]->flat<float>().data(), *df = out[2]->flat<float>().data();
    const uint16_t* idx = turned_indices(context, s, w);
    const size_t weights = size_t(s.taps) * s.in * s.out;
    const int64_t shares = bnn::shares_of(context, images);
    std::vector<std::vector<float>> kernels(shares);
    std::vector<std::vector<double>> factors(shares);
    share_out(context, images, [&](int64_t share, int64_t first, int64_t last) {
      kernels[share].assign(weights, 0.f);
      factors[share].assign(s.out, 0.0);
      for (int64_t i = first; i < last; ++i) {
        const size_t in = i * s.inputs(), at = i * s.outputs();
        Uniform uniform(seed(dy + at, s.outputs()));
        input_gradient(s, x + in, y + at, dy + at, factor, relu_, idx, uniform, dx + in);
        kernel_gradient(s, x + in, y + at, dy + at, factor, relu_, uniform, kernels[share].data(),
                        factors[share].data());
      }
    });
    for (int o = 0; o < s.out; ++o) {
      double sum = 0;
      for (const auto& each : factors) sum += each[o];
      df[o] = factor[o] != 0 ? float(sum / factor[o]) : 0.f;
    }
    share_out(context, s.taps * s.in / 16, [&](int64_t, int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) {
        const int t = int(16 * i) / s.in, n = int(16 * i) % s.in;
        for (int o = 0; o < s.out; o += 16) {
          float sum[16][16] = {};
          for (const auto& each : kernels)
            for (int k = 0; k < 16; ++k) {
              const float* from = each.data() + (size_t(t) * s.out + o + k) * s.in + n;
              for (int j = 0; j < 16; ++j) sum[k][j] += from[j];
            }
          for (int j = 0; j < 16; ++j) {
            const size_t at = (size_t(t) * s.in + n + j) * s.out + o;
            for (int k = 0; k < 16; ++k) dw[at + k] = std::abs(w[at + k]) <= 1.f ? sum[k][j] : 0.f;
          }
        }
      }
    });
  }

 private:
  bool relu_;
};

REGISTER_OP("BnnBinaryConv")
    .Input("x: float")
    .Input("kernel: float")
    .Input("factor: float")
    .Attr("relu: bool")
    .Output("y: float")
    .SetShapeFn([](shape_inference::InferenceContext* c) {
      shape_inference::ShapeHandle y;
      TF_RETURN_IF_ERROR(c->ReplaceDim(c->input(0), 3, c->Dim(c->input(1), 3), &y));
      c->set_output(0, y);
      return absl::OkStatus();
    });
REGISTER_OP("BnnBinaryConvGrad")
    .Input("x: float")
    .Input("kernel: float")
    .Input("factor: float")
    .Input("y: float")
    .Input("dy: float")
    .Attr("relu: bool")
    .Output("dx: float")
    .Output("dkernel: float")
    .Output("dfactor: float")
    .SetShapeFn([](shape_inference::InferenceContext* c) {
      for (int i = 0; i < 3; ++i) c->set_output(i, c->input(i));
      return absl::OkStatus();
    });
REGISTER_KERNEL_BUILDER(Name("BnnBinaryConv").Device(DEVICE_CPU), BinaryConv);
REGISTER_KERNEL_BUILDER(Name("BnnBinaryConvGrad").Device(DEVICE_CPU), BinaryConvGrad);
}  // namespace
