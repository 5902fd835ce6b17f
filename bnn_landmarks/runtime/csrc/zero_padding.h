// LCE's "zero padding": the convolution runs with ones around the image, and what they added is taken off again.
#pragma once

#include <cstdint>
#include <vector>

#include "op_options.h"

namespace bnn {

struct ConvShape {
  int batch, in_height, in_width;
  int out_height, out_width, channels_out;
  int filter_height, filter_width, words;
};

// The sum of the +-1 weights of each tap, [tap][channel], of a filter [channel][tap][words].
std::vector<float> TapWeights(const ConvShape& shape, const ConvOptions& options, const uint32_t* filter);

// Adds LCE's correction to a convolution's float output [batch, out_height, out_width, channels_out]: where the filter
// overhangs the image, minus multiplier times the sum of the filter weights outside.
void CorrectZeroPadding(const ConvShape& shape, const ConvOptions& options, const std::vector<float>& tap_weights,
                        const std::vector<float>& multiplier, float* output);

}  // namespace bnn
