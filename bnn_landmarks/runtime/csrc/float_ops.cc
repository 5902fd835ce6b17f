// The float ops of a network that lie around Larq Compute Engine's, for the engine alone.
#include <cmath>
#include <limits>

#include "graph.h"

namespace bnn {

namespace {

constexpr int kMost = 1 << 12;  // of a stride, a dilation or a padding

bool IsMap(const Graph& graph, int index, Type type) {
  if (index < 0) return false;
  const Tensor& tensor = graph.tensors[index];
  return tensor.type == type && tensor.dims.size() == 4 && !tensor.constant();
}

// A map, or a constant of one float or of one a channel.
bool IsOperand(const Graph& graph, int index, int channels) {
  if (index < 0) return false;
  const Tensor& tensor = graph.tensors[index];
  if (!tensor.constant()) return IsFloatMap(graph, index);
  if (tensor.type != Type::kFloat) return false;
  return (Elements(tensor) == 1 && tensor.bytes == 4) || IsPerChannel(tensor, channels);
}

bool AreSizes(std::initializer_list<int> sizes) {
  for (int size : sizes) {
    if (size < 1 || size > kMost) return false;
  }
  return true;
}

// The whole numbers of a constant, or none.
std::vector<int> Numbers(const Graph& graph, const RawOp& raw, int i, int64_t count) {
  const Tensor* tensor = InputAt(graph, raw, i);
  if (tensor == nullptr || tensor->type != Type::kInt32 || !tensor->constant() || Elements(*tensor) != count) return {};
  const int32_t* values = static_cast<const int32_t*>(tensor->data);
  return std::vector<int>(values, values + count);
}

Claim ReadFloatConv(const Graph& graph, const RawOp& raw, Node* out) {
  if (raw.inputs.size() != 2 && raw.inputs.size() != 3) return Claim::kLeave;
  const Tensor* filter = InputAt(graph, raw, 1);
  if (!IsFloatMap(graph, raw.inputs[0]) || filter == nullptr || filter->type != Type::kFloat || !filter->constant() ||
      filter->dims.size() != 4) {
    return Claim::kLeave;
  }
  int64_t depth = 1;
  for (int i = 0; i < 4; ++i) {
    if (filter->dims[i] < 1 || filter->dims[i] > 1 << 16) return Claim::kLeave;
    if (i > 0) depth *= filter->dims[i];
  }
  if (depth > 1 << 20 || filter->bytes != static_cast<uint64_t>(Elements(*filter)) * 4) return Claim::kLeave;
  if (filter->dims[3] != graph.tensors[raw.inputs[0]].dims[3]) return Claim::kLeave;  // grouped
  if (raw.padding != kPaddingSame && raw.padding != kPaddingValid) return Claim::kLeave;
  if (!AreSizes({raw.stride_height, raw.stride_width, raw.dilation_height, raw.dilation_width})) return Claim::kLeave;
  if (raw.activation > kActivationRelu6) return Claim::kLeave;
  const Tensor* bias = InputAt(graph, raw, 2);
  if (bias != nullptr && !(IsPerChannel(*bias, filter->dims[0]))) return Claim::kLeave;
  out->op = Op::kFloatConv;
  out->inputs = {raw.inputs[0]};
  out->filter = raw.inputs[1];
  out->bias = bias == nullptr ? -1 : raw.inputs[2];
  out->float_conv = {raw.stride_height, raw.stride_width, raw.dilation_height, raw.dilation_width,
                     raw.padding == kPaddingSame};
  SetActivation(raw.activation, out);
  return Claim::kTake;
}

Claim ReadUnary(const Graph& graph, const RawOp& raw, Unary unary, int activation, Node* out) {
  if (raw.inputs.size() != 1 || !IsFloatMap(graph, raw.inputs[0]) || !IsFloatMap(graph, raw.outputs[0]))
    return Claim::kLeave;
  out->op = Op::kUnary;
  out->unary = unary;
  out->inputs = raw.inputs;
  SetActivation(activation, out);
  return Claim::kTake;
}

Claim ReadBinary(const Graph& graph, const RawOp& raw, Binary binary, Type result, Node* out) {
  if (raw.inputs.size() != 2 || !IsMap(graph, raw.outputs[0], result)) return Claim::kLeave;
  const int channels = graph.tensors[raw.outputs[0]].dims[3];
  bool any_map = false;
  for (int input : raw.inputs) {
    if (!IsOperand(graph, input, channels)) return Claim::kLeave;
    any_map = any_map || !graph.tensors[input].constant();
  }
  if (!any_map) return Claim::kLeave;
  out->op = Op::kBinary;
  out->binary = binary;
  out->inputs = raw.inputs;
  return Claim::kTake;
}

Claim ReadSelect(const Graph& graph, const RawOp& raw, Node* out) {
  if (raw.inputs.size() != 3 || !IsMap(graph, raw.inputs[0], Type::kBool) || !IsFloatMap(graph, raw.outputs[0])) {
    return Claim::kLeave;
  }
  const int channels = graph.tensors[raw.outputs[0]].dims[3];
  if (!IsOperand(graph, raw.inputs[1], channels) || !IsOperand(graph, raw.inputs[2], channels)) return Claim::kLeave;
  out->op = Op::kSelect;
  out->inputs = raw.inputs;
  return Claim::kTake;
}

Claim ReadPrelu(const Graph& graph, const RawOp& raw, Node* out) {
  if (raw.inputs.size() != 2 || !IsFloatMap(graph, raw.inputs[0]) || !IsFloatMap(graph, raw.outputs[0]))
    return Claim::kLeave;
  const Tensor* slope = InputAt(graph, raw, 1);
  if (slope == nullptr || !IsPerChannel(*slope, graph.tensors[raw.inputs[0]].dims[3])) return Claim::kLeave;
  out->op = Op::kPrelu;
  out->inputs = {raw.inputs[0]};
  out->constant = raw.inputs[1];
  return Claim::kTake;
}

Claim ReadCast(const Graph& graph, const RawOp& raw, Node* out) {
  if (raw.inputs.size() != 1 || !IsFloatMap(graph, raw.outputs[0])) return Claim::kLeave;
  out->inputs = raw.inputs;
  if (IsMap(graph, raw.inputs[0], Type::kUInt8)) {
    out->op = Op::kCast;
    return Claim::kTake;
  }
  // Comparisons are floats here, 1 and 0.
  if (!IsMap(graph, raw.inputs[0], Type::kBool)) return Claim::kLeave;
  out->op = Op::kUnary;
  out->unary = Unary::kCopy;
  return Claim::kTake;
}

Claim ReadPad(const Graph& graph, const RawOp& raw, Node* out) {
  const size_t wanted = raw.builtin == kBuiltinPadV2 ? 3 : 2;
  if (raw.inputs.size() != wanted || !IsFloatMap(graph, raw.inputs[0]) || !IsFloatMap(graph, raw.outputs[0])) {
    return Claim::kLeave;
  }
  const std::vector<int> sizes = Numbers(graph, raw, 1, 8);
  if (sizes.empty() || sizes[0] != 0 || sizes[1] != 0 || sizes[6] != 0 || sizes[7] != 0) return Claim::kLeave;
  for (int size : sizes) {
    if (size < 0 || size > kMost) return Claim::kLeave;
  }
  if (wanted == 3) {
    const Tensor* fill = InputAt(graph, raw, 2);
    if (fill == nullptr || fill->type != Type::kFloat || !fill->constant() || fill->bytes != 4) return Claim::kLeave;
    out->fill = *static_cast<const float*>(fill->data);
  }
  out->op = Op::kPad;
  out->inputs = {raw.inputs[0]};
  out->pad_top = sizes[2];
  out->pad_bottom = sizes[3];
  out->pad_left = sizes[4];
  out->pad_right = sizes[5];
  return Claim::kTake;
}

// A range of channels of every pixel.
Claim ReadSlice(const Graph& graph, const RawOp& raw, Node* out) {
  const bool strided = raw.builtin == kBuiltinStridedSlice;
  if (raw.inputs.size() != (strided ? 4 : 3) || !IsFloatMap(graph, raw.inputs[0]) ||
      !IsFloatMap(graph, raw.outputs[0])) {
    return Claim::kLeave;
  }
  const std::vector<int>& dims = graph.tensors[raw.inputs[0]].dims;
  std::vector<int> begin = Numbers(graph, raw, 1, 4), end = Numbers(graph, raw, 2, 4);
  if (begin.empty() || end.empty() || raw.other_masks != 0) return Claim::kLeave;
  if (strided && Numbers(graph, raw, 3, 4) != std::vector<int>{1, 1, 1, 1}) return Claim::kLeave;
  for (int i = 0; i < 4; ++i) {
    if (strided) {
      if (raw.begin_mask >> i & 1) begin[i] = 0;
      if (raw.end_mask >> i & 1) end[i] = dims[i];
    } else {  // SLICE has sizes, -1 for all that is left
      if (begin[i] < 0 || begin[i] > dims[i] || end[i] < -1) return Claim::kLeave;
      end[i] = end[i] == -1 || end[i] > dims[i] - begin[i] ? dims[i] : begin[i] + end[i];
    }
    if (begin[i] < 0 || end[i] < 0 || begin[i] >= end[i] || end[i] > dims[i]) return Claim::kLeave;
    if (i < 3 && (begin[i] != 0 || end[i] != dims[i])) return Claim::kLeave;
  }
  out->op = Op::kSlice;
  out->inputs = {raw.inputs[0]};
  out->first_channel = begin[3];
  out->channels = end[3] - begin[3];
  return Claim::kTake;
}

}  // namespace

void SetActivation(int activation, Node* node) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  node->low = activation == kActivationNone ? -kInfinity : activation == kActivationReluN1To1 ? -1.0f : 0.0f;
  node->high = activation == kActivationRelu6 ? 6.0f : activation == kActivationReluN1To1 ? 1.0f : kInfinity;
}

Claim ReadFloatOp(const Graph& graph, const RawOp& raw, Node* out) {
  if (raw.inputs.empty() || raw.inputs[0] < 0) return Claim::kLeave;
  switch (raw.builtin) {
    case kBuiltinConv2d:
      return ReadFloatConv(graph, raw, out);
    case kBuiltinAveragePool2d:
      return ReadPool(graph, raw, Op::kAveragePool, out);
    case kBuiltinRelu:
      return ReadUnary(graph, raw, Unary::kClamp, kActivationRelu, out);
    case kBuiltinRelu6:
      return ReadUnary(graph, raw, Unary::kClamp, kActivationRelu6, out);
    case kBuiltinReluN1To1:
      return ReadUnary(graph, raw, Unary::kClamp, kActivationReluN1To1, out);
    case kBuiltinRound:
      return ReadUnary(graph, raw, Unary::kRound, kActivationNone, out);
    case kBuiltinFloor:
      return ReadUnary(graph, raw, Unary::kFloor, kActivationNone, out);
    case kBuiltinSign:
      return ReadUnary(graph, raw, Unary::kSign, kActivationNone, out);
    case kBuiltinAdd:
      return ReadBinary(graph, raw, Binary::kAdd, Type::kFloat, out);
    case kBuiltinMul:
      return ReadBinary(graph, raw, Binary::kMul, Type::kFloat, out);
    case kBuiltinSub:
      return ReadBinary(graph, raw, Binary::kSub, Type::kFloat, out);
    case kBuiltinDiv:
      return ReadBinary(graph, raw, Binary::kDiv, Type::kFloat, out);
    case kBuiltinMaximum:
      return ReadBinary(graph, raw, Binary::kMaximum, Type::kFloat, out);
    case kBuiltinMinimum:
      return ReadBinary(graph, raw, Binary::kMinimum, Type::kFloat, out);
    case kBuiltinGreater:
      return ReadBinary(graph, raw, Binary::kGreater, Type::kBool, out);
    case kBuiltinGreaterEqual:
      return ReadBinary(graph, raw, Binary::kGreaterEqual, Type::kBool, out);
    case kBuiltinLess:
      return ReadBinary(graph, raw, Binary::kLess, Type::kBool, out);
    case kBuiltinLessEqual:
      return ReadBinary(graph, raw, Binary::kLessEqual, Type::kBool, out);
    case kBuiltinSelect:
    case kBuiltinSelectV2:
      return ReadSelect(graph, raw, out);
    case kBuiltinPrelu:
      return ReadPrelu(graph, raw, out);
    case kBuiltinCast:
      return ReadCast(graph, raw, out);
    case kBuiltinPad:
    case kBuiltinPadV2:
      return ReadPad(graph, raw, out);
    case kBuiltinSlice:
    case kBuiltinStridedSlice:
      return ReadSlice(graph, raw, out);
    default:
      return Claim::kLeave;
  }
}

}  // namespace bnn
