// The options of the LCE ops, read from their FlexBuffers and checked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace bnn {

struct ConvOptions {
  int channels_in = 0;
  int stride_height = 1;
  int stride_width = 1;
  int dilation_height = 1;
  int dilation_width = 1;
  bool same_padding = false;
  bool pad_ones = false;  // LCE's "one padding"; zeros otherwise
  int32_t activation_min = INT32_MIN;
  int32_t activation_max = INT32_MAX;
};

struct PoolOptions {
  int filter_height = 1;
  int filter_width = 1;
  int stride_height = 1;
  int stride_width = 1;
  bool same_padding = false;
};

// Empty where all is well, else one line that says what is not.
std::string ReadConvOptions(const void* data, size_t size, ConvOptions* options);
std::string ReadBitPoolOptions(const void* data, size_t size, PoolOptions* options);

// TFLite's output size and leading padding along one axis; false for a filter larger than a valid-padded input.
bool OutputSize(int input, int filter, int stride, int dilation, bool same_padding, int* output, int* pad);

}  // namespace bnn
