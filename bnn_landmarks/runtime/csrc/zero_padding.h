// LCE's "zero padding": the convolution runs with ones around the image, and what they added is taken off again.
#pragma once

#include <cstdint>

#include "op_options.h"

struct ConvShape {
  int batch, in_height, in_width;
  int out_height, out_width, channels_out;
  int filter_height, filter_width, words;
};

// Adds LCE's correction to a convolution's float output [batch, out_height, out_width, channels_out]: where the filter
// overhangs the image, minus multiplier times the sum of the filter weights outside.
void CorrectZeroPadding(const ConvShape& shape, const ConvOptions& options, const uint32_t* filter,
                        const float* multiplier, float* output);
