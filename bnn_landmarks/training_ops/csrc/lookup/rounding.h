// Gradients as int16: up or down at random so that the expectation is kept, at scales that no sum overflows.
#pragma once

#include <immintrin.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

namespace bnn {

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

inline uint64_t seed(const float* dy, size_t count) {
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
inline Scale scale_for(float magnitudes, int terms) {
  if (!std::isfinite(magnitudes)) return {0, std::numeric_limits<float>::quiet_NaN()};
  if (magnitudes < 1e-30f) return {0, 0};
  const float to = (32700.f - terms) / magnitudes;
  return {to, 1 / to};
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

}  // namespace bnn
