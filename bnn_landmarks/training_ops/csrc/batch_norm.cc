// Batch normalisation of a training step, in two passes over memory forward and two back.
#include <immintrin.h>

#include <cmath>

#include "parallel.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace {
using namespace tensorflow;
using bnn::share_out;

struct Sums {
  std::vector<double> first, product;
};

// Over the rows of [rows, depth]: sums of a, and of a * b.
Sums column_sums(OpKernelContext* context, const float* a, const float* b, int64_t rows, int64_t depth) {
  constexpr int64_t together = 64;  // rows summed in float before they are added in double
  std::vector<std::vector<double>> parts(bnn::shares_of(context, rows));
  share_out(context, rows, [&](int64_t share, int64_t first, int64_t last) {
    std::vector<double> own(2 * depth, 0.0);
    std::vector<float> part(2 * depth);
    for (int64_t from = first; from < last; from += together) {
      std::fill(part.begin(), part.end(), 0.f);
      for (int64_t r = from; r < std::min(last, from + together); ++r)
        for (int64_t j = 0; j < depth; j += 8) {
          const __m256 u = _mm256_loadu_ps(a + r * depth + j), v = _mm256_loadu_ps(b + r * depth + j);
          _mm256_storeu_ps(&part[j], _mm256_add_ps(_mm256_loadu_ps(&part[j]), u));
          _mm256_storeu_ps(&part[depth + j], _mm256_fmadd_ps(u, v, _mm256_loadu_ps(&part[depth + j])));
        }
      for (int64_t j = 0; j < 2 * depth; ++j) own[j] += part[j];
    }
    parts[share] = std::move(own);
  });
  Sums sums{std::vector<double>(depth, 0.0), std::vector<double>(depth, 0.0)};
  for (const auto& part : parts)
    for (int64_t j = 0; j < depth; ++j) sums.first[j] += part[j], sums.product[j] += part[depth + j];
  return sums;
}

bool fits(OpKernelContext* context) {
  const Tensor& x = context->input(0);
  const bool good = x.dims() == 4 && x.dim_size(3) % 8 == 0 && x.NumElements() > 0 &&
                    context->input(1).NumElements() == x.dim_size(3);
  if (!good) context->CtxFailure(absl::InvalidArgumentError("[N, H, W, C] with C a multiple of 8 is needed"));
  return good;
}

// y = gamma (x - mean) / sqrt(var + epsilon) + beta, with the batch's mean and (biased) variance.
class BatchNorm : public OpKernel {
 public:
  explicit BatchNorm(OpKernelConstruction* c) : OpKernel(c) { OP_REQUIRES_OK(c, c->GetAttr("epsilon", &epsilon_)); }

  void Compute(OpKernelContext* context) override {
    if (!fits(context)) return;
    const Tensor &xs = context->input(0), &gammas = context->input(1), &betas = context->input(2);
    const int64_t depth = xs.dim_size(3), rows = xs.NumElements() / depth;
    Tensor *ys, *means, *variances;
    OP_REQUIRES_OK(context, context->allocate_output(0, xs.shape(), &ys));
    OP_REQUIRES_OK(context, context->allocate_output(1, gammas.shape(), &means));
    OP_REQUIRES_OK(context, context->allocate_output(2, gammas.shape(), &variances));
    const float *x = xs.flat<float>().data(), *gamma = gammas.flat<float>().data(), *beta = betas.flat<float>().data();
    float *y = ys->flat<float>().data(), *mean = means->flat<float>().data(), *var = variances->flat<float>().data();
    const Sums sums = column_sums(context, x, x, rows, depth);
    std::vector<float> slope(depth), offset(depth);
    for (int64_t j = 0; j < depth; ++j) {
      const double m = sums.first[j] / rows, v = std::fmax(0.0, sums.product[j] / rows - m * m);
      mean[j] = float(m);
      var[j] = std::isfinite(m) ? float(v) : float(m);
      const double factor = gamma[j] / std::sqrt(var[j] + double(epsilon_));
      slope[j] = float(factor);
      offset[j] = float(beta[j] - m * factor);
    }
    share_out(context, rows, [&](int64_t, int64_t first, int64_t last) {
      for (int64_t r = first; r < last; ++r)
        for (int64_t j = 0; j < depth; j += 8)
          _mm256_storeu_ps(y + r * depth + j, _mm256_fmadd_ps(_mm256_loadu_ps(x + r * depth + j),
                                                              _mm256_loadu_ps(&slope[j]), _mm256_loadu_ps(&offset[j])));
    });
  }

 private:
  float epsilon_;
};

class BatchNormGrad : public OpKernel {
 public:
  explicit BatchNormGrad(OpKernelConstruction* c) : OpKernel(c) { OP_REQUIRES_OK(c, c->GetAttr("epsilon", &epsilon_)); }

  void Compute(OpKernelContext* context) override {
    if (!fits(context)) return;
    const Tensor &xs = context->input(0), &gammas = context->input(1);
    const int64_t depth = xs.dim_size(3), rows = xs.NumElements() / depth;
    Tensor *dxs, *dgammas, *dbetas;
    OP_REQUIRES_OK(context, context->allocate_output(0, xs.shape(), &dxs));
    OP_REQUIRES_OK(context, context->allocate_output(1, gammas.shape(), &dgammas));
    OP_REQUIRES_OK(context, context->allocate_output(2, gammas.shape(), &dbetas));
    const float *x = xs.flat<float>().data(), *gamma = gammas.flat<float>().data();
    const float *mean = context->input(2).flat<float>().data(), *var = context->input(3).flat<float>().data();
    const float* dy = context->input(4).flat<float>().data();
    float *dx = dxs->flat<float>().data(), *dgamma = dgammas->flat<float>().data();
    float* dbeta = dbetas->flat<float>().data();
    const Sums sums = column_sums(context, dy, x, rows, depth);
    std::vector<float> of_dy(depth), of_x(depth), constant(depth);  // dx = of_dy * dy + of_x * x + constant
    for (int64_t j = 0; j < depth; ++j) {
      const double inverse = 1 / std::sqrt(var[j] + double(epsilon_));
      const double dot = (sums.product[j] - mean[j] * sums.first[j]) * inverse;
      const double scale = gamma[j] * inverse, slope = -scale * dot * inverse / rows;
      dgamma[j] = float(dot);
      dbeta[j] = float(sums.first[j]);
      of_dy[j] = float(scale);
      of_x[j] = float(slope);
      constant[j] = float(-scale * sums.first[j] / rows - slope * mean[j]);
    }
    share_out(context, rows, [&](int64_t, int64_t first, int64_t last) {
      for (int64_t r = first; r < last; ++r)
        for (int64_t j = 0; j < depth; j += 8) {
          const __m256 v = _mm256_fmadd_ps(_mm256_loadu_ps(x + r * depth + j), _mm256_loadu_ps(&of_x[j]),
                                           _mm256_loadu_ps(&constant[j]));
          _mm256_storeu_ps(dx + r * depth + j,
                           _mm256_fmadd_ps(_mm256_loadu_ps(dy + r * depth + j), _mm256_loadu_ps(&of_dy[j]), v));
        }
    });
  }

 private:
  float epsilon_;
};

// x's shape, and twice gamma's.
absl::Status ShapesOfXAndGamma(shape_inference::InferenceContext* c) {
  c->set_output(0, c->input(0));
  c->set_output(1, c->input(1));
  c->set_output(2, c->input(1));
  return absl::OkStatus();
}

REGISTER_OP("BnnBatchNorm")
    .Input("x: float")
    .Input("gamma: float")
    .Input("beta: float")
    .Attr("epsilon: float")
    .Output("y: float")
    .Output("mean: float")
    .Output("variance: float")
    .SetShapeFn(ShapesOfXAndGamma);
REGISTER_OP("BnnBatchNormGrad")
    .Input("x: float")
    .Input("gamma: float")
    .Input("mean: float")
    .Input("variance: float")
    .Input("dy: float")
    .Attr("epsilon: float")
    .Output("dx: float")
    .Output("dgamma: float")
    .Output("dbeta: float")
    .SetShapeFn(ShapesOfXAndGamma);
REGISTER_KERNEL_BUILDER(Name("BnnBatchNorm").Device(DEVICE_CPU), BatchNorm);
REGISTER_KERNEL_BUILDER(Name("BnnBatchNormGrad").Device(DEVICE_CPU), BatchNormGrad);
}  // namespace
