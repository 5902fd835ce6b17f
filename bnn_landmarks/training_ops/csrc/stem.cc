// The gradient of the network's first convolution, 7x7 of stride 2 on three channels, by its kernel. x are
// pixels from 0 to 1, or from 0 to 255 where the kernel is of whole numbers.
#include <immintrin.h>

#include "parallel.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace {
using namespace tensorflow;

constexpr int kSize = 7, kStride = 2, kIn = 3, kOut = 64, kRow = kSize * kIn;

// x is padded: [N, 2 H + 5, 2 W + 5, 3] for dy [N, H, W, 64].
class StemGrad : public OpKernel {
 public:
  explicit StemGrad(OpKernelConstruction* c) : OpKernel(c) {}

  void Compute(OpKernelContext* context) override {
    const Tensor &xs = context->input(0), &dys = context->input(1);
    OP_REQUIRES(context,
                xs.dims() == 4 && dys.dims() == 4 && dys.dim_size(3) == kOut && xs.dim_size(3) == kIn &&
                    xs.dim_size(0) == dys.dim_size(0) &&
                    xs.dim_size(1) == kStride * dys.dim_size(1) + kSize - kStride &&
                    xs.dim_size(2) == kStride * dys.dim_size(2) + kSize - kStride,
                absl::InvalidArgumentError("x [N, 2 H + 5, 2 W + 5, 3] and dy [N, H, W, 64] are needed"));
    Tensor* dws;
    OP_REQUIRES_OK(context, context->allocate_output(0, TensorShape({kSize, kSize, kIn, kOut}), &dws));
    const int64_t height = dys.dim_size(1), width = dys.dim_size(2), rows = dys.dim_size(0) * height;
    const int64_t x_height = xs.dim_size(1), x_row = xs.dim_size(2) * kIn;
    const float *x = xs.flat<float>().data(), *dy = dys.flat<float>().data();
    float* dw = dws->flat<float>().data();
    std::vector<std::vector<float>> parts(bnn::shares_of(context, rows));
    bnn::share_out(context, rows, [&](int64_t share, int64_t first, int64_t last) {
      auto& own = parts[share];
      own.assign(kSize * kRow * kOut, 0.f);
      for (int64_t r = first; r < last; ++r)
        for (int ky = 0; ky < kSize; ++ky)
          for (int k = 0; k < kRow; k += 3)
            for (int o = 0; o < kOut; o += 32) {
              float* to = &own[(ky * kRow + k) * kOut + o];
              const float* in = x + (r / height * x_height + r % height * kStride + ky) * x_row + k;
              const float* g = dy + r * width * kOut + o;
              __m256 sum[3][4];
              for (int i = 0; i < 3; ++i)
                for (int l = 0; l < 4; ++l) sum[i][l] = _mm256_loadu_ps(to + i * kOut + 8 * l);
              for (int64_t p = 0; p < width; ++p, in += kStride * kIn, g += kOut) {
                const __m256 a = _mm256_broadcast_ss(in), b = _mm256_broadcast_ss(in + 1),
                             c = _mm256_broadcast_ss(in + 2);
                for (int l = 0; l < 4; ++l) {
                  const __m256 d = _mm256_loadu_ps(g + 8 * l);
                  sum[0][l] = _mm256_fmadd_ps(a, d, sum[0][l]);
                  sum[1][l] = _mm256_fmadd_ps(b, d, sum[1][l]);
                  sum[2][l] = _mm256_fmadd_ps(c, d, sum[2][l]);
                }
              }
              for (int i = 0; i < 3; ++i)
                for (int l = 0; l < 4; ++l) _mm256_storeu_ps(to + i * kOut + 8 * l, sum[i][l]);
            }
    });
    std::fill(dw, dw + kSize * kRow * kOut, 0.f);
    for (const auto& part : parts)
      for (size_t j = 0; j < part.size(); ++j) dw[j] += part[j];
  }
};

REGISTER_OP("BnnStemGrad")
    .Input("x: float")
    .Input("dy: float")
    .Output("dkernel: float")
    .SetShapeFn([](shape_inference::InferenceContext* c) {
      c->set_output(0, c->MakeShape({kSize, kSize, kIn, kOut}));
      return absl::OkStatus();
    });
REGISTER_KERNEL_BUILDER(Name("BnnStemGrad").Device(DEVICE_CPU), StemGrad);
}  // namespace
