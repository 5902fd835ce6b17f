// The operations BnnBinaryConv and BnnBinaryConvGrad: their arguments, and the images shared out over threads.
#include "binary_conv.h"

#include <vector>

#include "parallel.h"
#include "scratch.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace {
using namespace tensorflow;
using namespace bnn;

bool shape_of(OpKernelContext* context, Shape* s) {
  const Tensor &x = context->input(0), &w = context->input(1), &factor = context->input(2);
  const bool fits = x.dims() == 4 && w.dims() == 4 && w.dim_size(0) == w.dim_size(1) &&
                    (w.dim_size(0) == 1 || w.dim_size(0) == 3) && w.dim_size(2) == x.dim_size(3) &&
                    w.dim_size(2) % kBlock == 0 && w.dim_size(3) % kBlock == 0 &&
                    w.dim_size(0) * w.dim_size(1) * w.dim_size(2) <= 32767 && factor.NumElements() == w.dim_size(3);
  if (!fits)
    context->CtxFailure(absl::InvalidArgumentError("a 1x1 or 3x3 kernel with channels in multiples of 32 is needed"));
  else
    *s = {int(x.dim_size(1)), int(x.dim_size(2)), int(w.dim_size(2)),
          int(w.dim_size(3)), int(w.dim_size(0)), int(w.dim_size(0) * w.dim_size(1))};
  return fits;
}

const float* values(OpKernelContext* context, int input) { return context->input(input).flat<float>().data(); }

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
    const float* w = values(context, 1);
    uint8_t* signs = scratch<uint8_t>(7, signs_size(s));
    share_out(context, s.blocks(), [&](int64_t, int64_t first, int64_t last) { pack_signs(s, w, first, last, signs); });
    share_out(context, images, [&](int64_t, int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) convolve(s, x + i * s.inputs(), signs, factor, relu_, y + i * s.outputs());
    });
  }

 private:
  bool relu_;
};

class BinaryConvGrad : public OpKernel {
 public:
  explicit BinaryConvGrad(OpKernelConstruction* c) : OpKernel(c) { OP_REQUIRES_OK(c, c->GetAttr("relu", &relu_)); }

  void Compute(OpKernelContext* context) override {
    Shape s;
    if (!shape_of(context, &s)) return;
    const int64_t images = context->input(0).dim_size(0);
    OP_REQUIRES(context,
                context->input(3).NumElements() == int64_t(images * s.outputs()) &&
                    context->input(4).NumElements() == int64_t(images * s.outputs()),
                absl::InvalidArgumentError("y and dy must have the output's shape"));
    Tensor* out[3];
    for (int i = 0; i < 3; ++i)
      OP_REQUIRES_OK(context, context->allocate_output(i, context->input(i).shape(), &out[i]));
    const float *x = values(context, 0), *w = values(context, 1), *factor = values(context, 2);
    const float *y = values(context, 3), *dy = values(context, 4);
    float *dx = out[0]->flat<float>().data(), *dw = out[1]->flat<float>().data(), *df = out[2]->flat<float>().data();
    uint8_t* signs = scratch<uint8_t>(7, turned_signs_size(s));
    share_out(context, s.blocks(),
              [&](int64_t, int64_t first, int64_t last) { pack_turned_signs(s, w, first, last, signs); });
    const int64_t shares = bnn::shares_of(context, images);
    std::vector<std::vector<float>> kernels(shares);
    std::vector<std::vector<double>> factors(shares);
    share_out(context, images, [&](int64_t share, int64_t first, int64_t last) {
      kernels[share].assign(s.weights(), 0.f);
      factors[share].assign(s.out, 0.0);
      for (int64_t i = first; i < last; ++i) {
        const size_t in = i * s.inputs(), at = i * s.outputs();
        input_gradient(s, x + in, y + at, dy + at, factor, relu_, signs, dx + in);
        kernel_gradient(s, x + in, y + at, dy + at, factor, relu_, kernels[share].data(), factors[share].data());
      }
    });
    for (int o = 0; o < s.out; ++o) {
      double sum = 0;
      for (const auto& each : factors) sum += each[o];
      df[o] = factor[o] != 0 ? float(sum / factor[o]) : 0.f;
    }
    std::vector<const float*> owns;
    for (const auto& each : kernels) owns.push_back(each.data());
    share_out(context, s.blocks(), [&](int64_t, int64_t first, int64_t last) {
      sum_kernels(s, w, owns.data(), owns.size(), first, last, dw);
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
