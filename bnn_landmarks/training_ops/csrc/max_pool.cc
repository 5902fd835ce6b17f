// The gradient of 2x2 maximum pooling with stride 2: the first of a cell's maxima, row by row, gets it.
#include <immintrin.h>

#include "parallel.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace {
using namespace tensorflow;

class MaxPoolGrad : public OpKernel {
 public:
  explicit MaxPoolGrad(OpKernelConstruction* c) : OpKernel(c) {}

  void Compute(OpKernelContext* context) override {
    const Tensor &xs = context->input(0), &ys = context->input(1), &dys = context->input(2);
    OP_REQUIRES(context,
                xs.dims() == 4 && ys.dims() == 4 && xs.dim_size(3) % 8 == 0 && xs.dim_size(1) == 2 * ys.dim_size(1) &&
                    xs.dim_size(2) == 2 * ys.dim_size(2) && ys.shape() == dys.shape(),
                absl::InvalidArgumentError("[N, 2 H, 2 W, C] with C a multiple of 8 is needed"));
    Tensor* dxs;
    OP_REQUIRES_OK(context, context->allocate_output(0, xs.shape(), &dxs));
    const int64_t rows = ys.dim_size(0) * ys.dim_size(1), width = ys.dim_size(2), depth = ys.dim_size(3);
    const float *x = xs.flat<float>().data(), *y = ys.flat<float>().data(), *dy = dys.flat<float>().data();
    float* dx = dxs->flat<float>().data();
    bnn::share_out(context, rows, [&](int64_t, int64_t first, int64_t last) {
      for (int64_t r = first; r < last; ++r)
        for (int64_t p = 0; p < width; ++p) {
          const int64_t top = (2 * r * 2 * width + 2 * p) * depth, bottom = top + 2 * width * depth;
          const int64_t cell[4] = {top, top + depth, bottom, bottom + depth}, from = (r * width + p) * depth;
          for (int64_t j = 0; j < depth; j += 8) {
            __m256 left = _mm256_loadu_ps(dy + from + j);
            const __m256 maximum = _mm256_loadu_ps(y + from + j);
            for (int64_t at : cell) {
              const __m256 here = _mm256_cmp_ps(_mm256_loadu_ps(x + at + j), maximum, _CMP_EQ_OQ);
              _mm256_storeu_ps(dx + at + j, _mm256_and_ps(left, here));
              left = _mm256_andnot_ps(here, left);
            }
          }
        }
    });
  }
};

REGISTER_OP("BnnMaxPoolGrad")
    .Input("x: float")
    .Input("y: float")
    .Input("dy: float")
    .Output("dx: float")
    .SetShapeFn([](shape_inference::InferenceContext* c) {
      c->set_output(0, c->input(0));
      return absl::OkStatus();
    });
REGISTER_KERNEL_BUILDER(Name("BnnMaxPoolGrad").Device(DEVICE_CPU), MaxPoolGrad);
}  // namespace
