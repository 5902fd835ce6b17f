#include "op_options.h"

#include "flexbuffer.h"
#include "text.h"

namespace bnn {

namespace {

// The file stores the flatbuffer schema's numbers.
constexpr int64_t kPaddingSame = 0;
constexpr int64_t kPaddingValid = 1;
constexpr int64_t kActivationNone = 0;
constexpr int64_t kActivationRelu = 1;
constexpr int64_t kActivationReluN1To1 = 2;
constexpr int64_t kActivationRelu6 = 3;

constexpr int64_t kLargest = 1 << 16;  // of any size, stride or channel count that makes sense

std::string Open(const char* op, const void* data, size_t size, FlexMap* map) {
  if (map->Open(static_cast<const uint8_t*>(data), size)) return "";
  return std::string(op) + ": its options are not a FlexBuffer map";
}

std::string Read(const char* op, const FlexMap& map, const char* key, int64_t least, int64_t most, int64_t* value) {
  if (!map.Int(key, value)) return Text({op, ": option ", key, " is missing"});
  if (*value < least || *value > most) {
    return Text({op, ": option ", key, " is ", *value, ", outside ", least, " to ", most});
  }
  return "";
}

std::string ReadSize(const char* op, const FlexMap& map, const char* key, int* value) {
  int64_t wide;
  std::string error = Read(op, map, key, 1, kLargest, &wide);
  if (error.empty()) *value = static_cast<int>(wide);
  return error;
}

}  // namespace

std::string ReadConvOptions(const void* data, size_t size, ConvOptions* options) {
  const char* op = "LceBconv2d";
  FlexMap map;
  std::string error = Open(op, data, size, &map);
  struct {
    const char* key;
    int* value;
  } const sizes[] = {
      {"channels_in", &options->channels_in},
      {"stride_height", &options->stride_height},
      {"stride_width", &options->stride_width},
      {"dilation_height_factor", &options->dilation_height},
      {"dilation_width_factor", &options->dilation_width},
  };
  for (const auto& size_option : sizes) {
    if (error.empty()) error = ReadSize(op, map, size_option.key, size_option.value);
  }
  int64_t padding = 0, pad_values = 0, activation = 0;
  if (error.empty()) error = Read(op, map, "padding", kPaddingSame, kPaddingValid, &padding);
  if (error.empty()) error = Read(op, map, "pad_values", 0, 1, &pad_values);
  if (error.empty()) error = Read(op, map, "fused_activation_function", kActivationNone, kActivationRelu6, &activation);
  if (!error.empty()) return error;
  options->same_padding = padding == kPaddingSame;
  options->pad_ones = pad_values == 1;
  if (activation == kActivationRelu || activation == kActivationRelu6) options->activation_min = 0;
  if (activation == kActivationRelu6) options->activation_max = 6;
  if (activation == kActivationReluN1To1) {
    options->activation_min = -1;
    options->activation_max = 1;
  }
  if (options->same_padding && !options->pad_ones && activation != kActivationNone) {
    return "LceBconv2d: a fused activation needs one-padding or valid padding";
  }
  return "";
}

std::string ReadBitPoolOptions(const void* data, size_t size, PoolOptions* options) {
  const char* op = "LceBMaxPool2d";
  FlexMap map;
  std::string error = Open(op, data, size, &map);
  if (error.empty()) error = ReadSize(op, map, "filter_height", &options->filter_height);
  if (error.empty()) error = ReadSize(op, map, "filter_width", &options->filter_width);
  if (error.empty()) error = ReadSize(op, map, "stride_height", &options->stride_height);
  if (error.empty()) error = ReadSize(op, map, "stride_width", &options->stride_width);
  int64_t padding = 0;
  if (error.empty()) error = Read(op, map, "padding", kPaddingSame, kPaddingValid, &padding);
  options->same_padding = padding == kPaddingSame;
  return error;
}

bool OutputSize(int input, int filter, int stride, int dilation, bool same_padding, int* output, int* pad) {
  const int64_t reach = static_cast<int64_t>(filter - 1) * dilation + 1;
  if (!same_padding) {
    *pad = 0;
    *output = reach > input ? 0 : static_cast<int>((input - reach) / stride + 1);
    return *output > 0;
  }
  *output = (input + stride - 1) / stride;
  const int64_t total = static_cast<int64_t>(*output - 1) * stride + reach - input;
  *pad = total > 0 ? static_cast<int>(total / 2) : 0;
  return *output > 0;
}

}  // namespace bnn
