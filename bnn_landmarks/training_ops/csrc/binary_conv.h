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
#pragma once

#include <cstddef>
#include <cstdint>

#include "rounding.h"

namespace bnn {

constexpr int kBlock = 32;  // outputs computed together; channels come in multiples of it

struct Shape {
  int height, width, in, out, size, taps;
  size_t inputs() const { return size_t(height) * width * in; }
  size_t outputs() const { return size_t(height) * width * out; }
};

// Forward, forward.cc. Rows [first, last) of the taps * in / 4 of the kernel's signs,
// [out / kBlock][taps][in / 4][kBlock], four input channels to a byte.
void index_signs(const Shape& s, const float* w, int64_t first, int64_t last, uint8_t* idx);

// One image: y [height][width][out] of x [height][width][in].
void convolve(const Shape& s, const float* x, const uint8_t* idx, const float* factor, bool relu, float* y);

// By the input, input_gradient.cc. How many indices the turned kernel's signs take, and rows [first, last) of the
// taps * in of them, [in / block][taps][groups][block].
size_t turned_indices_size(const Shape& s);
void index_turned_signs(const Shape& s, const float* w, int64_t first, int64_t last, uint16_t* idx);

// Of one image, by x: the correlation of the gradient with the turned kernel's signs, where |x| <= 1.
void input_gradient(const Shape& s, const float* x, const float* y, const float* dy, const float* factor, bool relu,
                    const uint16_t* idx, Uniform& uniform, float* dx);

// By the kernel, kernel_gradient.cc. Of one image: own [taps][out][in] += the gradient correlated with the input's
// signs. Also dfactor [out] += sums of y * dy.
void kernel_gradient(const Shape& s, const float* x, const float* y, const float* dy, const float* factor, bool relu,
                     Uniform& uniform, float* own, double* dfactor);

}  // namespace bnn
