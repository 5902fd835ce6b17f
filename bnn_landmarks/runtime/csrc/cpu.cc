#include <cstdlib>
#include <cstring>

#include "kernels.h"

#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

namespace bnn {

namespace {

struct Candidate {
  const Kernels* kernels;
  bool runs_here;
};

#if defined(__aarch64__)
bool HasDotProduct() {
#if defined(__linux__)
  constexpr unsigned long kAsimdDp = 1ul << 20;
  return (getauxval(AT_HWCAP) & kAsimdDp) != 0;
#else
  return true;  // Apple's, all of them
#endif
}
#endif

}  // namespace

const Kernels* ChooseKernels(const char** error) {
  const Candidate candidates[] = {
#if defined(__x86_64__)
      {&kAvx512Kernels, __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                            __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vpopcntdq") &&
                            __builtin_cpu_supports("avx512vnni")},
      {&kAvx2Kernels, __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")},
#elif defined(__aarch64__)
      {&kDotprodKernels, HasDotProduct()},
      {&kNeonKernels, true},
#elif defined(__wasm__)
      {&WasmKernels(), true},
#endif
      {&kPortableKernels, true},
  };
#if defined(__wasm__)
  const char* wanted = nullptr;  // a page has no environment
#else
  const char* wanted = std::getenv("BNN_LANDMARKS_KERNELS");
#endif
  const bool any = wanted == nullptr || *wanted == '\0';
  *error = "BNN_LANDMARKS_KERNELS names no kernels of this build; there are portable, avx2, avx512, neon and dotprod";
  for (const Candidate& candidate : candidates) {
    if (!any && std::strcmp(wanted, candidate.kernels->name) != 0) continue;
    if (candidate.runs_here) return candidate.kernels;
    if (!any) *error = "BNN_LANDMARKS_KERNELS names kernels that this processor does not run";
  }
  return nullptr;
}

}  // namespace bnn
