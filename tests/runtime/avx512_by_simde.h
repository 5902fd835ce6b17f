// AVX-512 for machines without it, by SIMDe (Debian's libsimde-dev), and what its version there lacks.
#pragma once
#include <cstdint>
#include <cstring>

#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>

namespace {

struct Floats {
  float lane[16];
  Floats() : lane() {}
  explicit Floats(simde__m512 v) { std::memcpy(lane, &v, sizeof lane); }
  simde__m512 vector() const {
    simde__m512 v;
    std::memcpy(&v, lane, sizeof lane);
    return v;
  }
};

inline simde__m512 FromInts(simde__m512i v) {
  int32_t ints[16];
  std::memcpy(ints, &v, sizeof ints);
  Floats floats;
  for (int i = 0; i < 16; ++i) floats.lane[i] = static_cast<float>(ints[i]);
  return floats.vector();
}

inline simde__m512 Load(uint16_t mask, const float* from) {
  Floats floats;
  for (int i = 0; i < 16; ++i) {
    if (mask >> i & 1) floats.lane[i] = from[i];
  }
  return floats.vector();
}

inline void Store(float* to, uint16_t mask, simde__m512 v) {
  const Floats floats(v);
  for (int i = 0; i < 16; ++i) {
    if (mask >> i & 1) to[i] = floats.lane[i];
  }
}

inline uint16_t Less(uint16_t mask, simde__m512 a, simde__m512 b) {
  const Floats x(a), y(b);
  uint16_t result = 0;
  for (int i = 0; i < 16; ++i) {
    if ((mask >> i & 1) && x.lane[i] < y.lane[i]) result |= static_cast<uint16_t>(1 << i);
  }
  return result;
}

inline simde__m512i LoadInts(uint16_t mask, const void* from) {
  int32_t ints[16] = {};
  for (int i = 0; i < 16; ++i) {
    if (mask >> i & 1) std::memcpy(ints + i, static_cast<const char*>(from) + 4 * i, 4);
  }
  simde__m512i v;
  std::memcpy(&v, ints, sizeof v);
  return v;
}

inline uint16_t NotLess(simde__m512 a, simde__m512 b) {
  const Floats x(a), y(b);
  uint16_t result = 0;
  for (int i = 0; i < 16; ++i) {
    if (x.lane[i] >= y.lane[i]) result |= static_cast<uint16_t>(1 << i);
  }
  return result;
}

inline simde__m512i ToInts(simde__m512 v) {
  const Floats floats(v);
  int32_t ints[16];
  for (int i = 0; i < 16; ++i)
    ints[i] = floats.lane[i] >= 0 && floats.lane[i] < 1e9f ? static_cast<int>(floats.lane[i]) : 0;
  simde__m512i result;
  std::memcpy(&result, ints, sizeof result);
  return result;
}

inline void StoreBytes(uint8_t* to, uint16_t mask, simde__m512i v) {
  uint32_t ints[16];
  std::memcpy(ints, &v, sizeof ints);
  for (int i = 0; i < 16; ++i) {
    if (mask >> i & 1) to[i] = static_cast<uint8_t>(ints[i] < 255 ? ints[i] : 255);
  }
}

}  // namespace

#define _mm512_maskz_loadu_epi32 LoadInts
#define _mm512_cvttps_epi32 ToInts
#define _mm512_mask_cvtusepi32_storeu_epi8 StoreBytes
#define _mm512_kunpackw(high, low) (static_cast<uint32_t>(high) << 16 | static_cast<uint16_t>(low))
#define _cvtmask32_u32(mask) (mask)
#define _mm512_cmp_ps_mask(a, b, predicate) ((predicate) == _CMP_GE_OQ ? NotLess(a, b) : NotLess(b, a))
#define _mm512_cvtepi32_ps FromInts
#define _mm512_maskz_loadu_ps Load
#define _mm512_mask_storeu_ps Store
#define _mm512_mask_cmp_ps_mask(mask, a, b, predicate) Less(mask, a, b)
