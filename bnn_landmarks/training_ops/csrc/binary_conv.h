// y = factor * relu(sign(W) (*) sign(x)), padded with +1, stride 1, and its gradient with straight-through signs.
//
// Each of the three products of a training step has an operand that is +-1 (the kernel, or the input's signs). Two sets
// of sources make them, of which one is compiled: `lookup/` looks sums up with byte shuffles, on any x86-64 with AVX2;
// `tiles/` multiplies with AMX. The forward pass is exact in both; the gradients' errors are said there.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bnn {

constexpr int kBlock = 32;  // channels come in multiples of it

struct Shape {
  int height, width, in, out, size, taps;
  size_t inputs() const { return size_t(height) * width * in; }
  size_t outputs() const { return size_t(height) * width * out; }
  size_t weights() const { return size_t(taps) * in * out; }
  int blocks() const { return taps * in / kBlock; }  // what the packing of a kernel is shared out by
};

// Forward, forward.cc. Bytes that the kernel's packed signs take, and blocks [first, last) of them, a block being
// kBlock input channels of a tap.
size_t signs_size(const Shape& s);
void pack_signs(const Shape& s, const float* w, int64_t first, int64_t last, uint8_t* signs);

// One image: y [height][width][out] of x [height][width][in].
void convolve(const Shape& s, const float* x, const uint8_t* signs, const float* factor, bool relu, float* y);

// By the input, input_gradient.cc. As above, of the kernel turned by half a turn.
size_t turned_signs_size(const Shape& s);
void pack_turned_signs(const Shape& s, const float* w, int64_t first, int64_t last, uint8_t* signs);

// Of one image, by x: the correlation of the gradient with the turned kernel's signs, where |x| <= 1.
void input_gradient(const Shape& s, const float* x, const float* y, const float* dy, const float* factor, bool relu,
                    const uint8_t* signs, float* dx);

// By the kernel, kernel_gradient.cc. Of one image: own [weights] += the gradient correlated with the input's signs, in
// an order of its own. Also dfactor [out] += sums of y * dy.
void kernel_gradient(const Shape& s, const float* x, const float* y, const float* dy, const float* factor, bool relu,
                     float* own, double* dfactor);

// Blocks [first, last) of the sum of several threads' `own` in the kernel's order, where |w| <= 1.
void sum_kernels(const Shape& s, const float* w, const float* const* owns, size_t count, int64_t first, int64_t last,
                 float* dw);

}  // namespace bnn
