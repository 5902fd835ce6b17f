#include "graph.h"

#include <map>

#include "text.h"

namespace bnn {

const Tensor* InputAt(const Graph& graph, const RawOp& raw, int i) {
  if (i >= static_cast<int>(raw.inputs.size()) || raw.inputs[i] < 0 ||
      static_cast<size_t>(raw.inputs[i]) >= graph.tensors.size()) {
    return nullptr;
  }
  return &graph.tensors[raw.inputs[i]];
}

int64_t Elements(const Tensor& tensor) {
  int64_t count = 1;
  for (int dim : tensor.dims) {
    if (dim < 0 || count > int64_t{1} << 32) return -1;
    count *= dim;
  }
  return count;
}

bool IsFloatMap(const Graph& graph, int index) {
  if (index < 0 || static_cast<size_t>(index) >= graph.tensors.size()) return false;
  const Tensor& tensor = graph.tensors[index];
  return tensor.type == Type::kFloat && tensor.has_dims && tensor.dims.size() == 4 && !tensor.constant();
}

// [C] or [1, 1, 1, C].
bool IsPerChannel(const Tensor& tensor, int channels) {
  return tensor.type == Type::kFloat && tensor.constant() && !tensor.dims.empty() && tensor.dims.back() == channels &&
         Elements(tensor) == channels && tensor.bytes == static_cast<size_t>(channels) * 4;
}

Claim ReadPool(const Graph& graph, const RawOp& raw, Op op, Node* out) {
  if (raw.activation != kActivationNone || raw.inputs.size() != 1) return Claim::kLeave;
  if (raw.padding != kPaddingSame && raw.padding != kPaddingValid) return Claim::kLeave;
  constexpr int kMost = 1 << 12;
  for (int size : {raw.stride_width, raw.stride_height, raw.filter_width, raw.filter_height}) {
    if (size < 1 || size > kMost) return Claim::kLeave;
  }
  if (!IsFloatMap(graph, raw.inputs[0]) || !IsFloatMap(graph, raw.outputs[0])) return Claim::kLeave;
  out->op = op;
  out->inputs = raw.inputs;
  out->pool.filter_height = raw.filter_height;
  out->pool.filter_width = raw.filter_width;
  out->pool.stride_height = raw.stride_height;
  out->pool.stride_width = raw.stride_width;
  out->pool.same_padding = raw.padding == kPaddingSame;
  return Claim::kTake;
}

namespace {

Claim ReadSumOrProduct(const Graph& graph, const RawOp& raw, Node* out) {
  if (raw.inputs.size() != 2 || raw.activation != kActivationNone || !IsFloatMap(graph, raw.outputs[0]))
    return Claim::kLeave;
  const bool multiply = raw.builtin == kBuiltinMul;
  for (int side = 0; side < 2; ++side) {
    const int map = raw.inputs[side];
    const Tensor* constant = InputAt(graph, raw, 1 - side);
    if (!IsFloatMap(graph, map) || constant == nullptr || !IsPerChannel(*constant, graph.tensors[map].dims[3]))
      continue;
    out->op = multiply ? Op::kScale : Op::kShift;
    out->inputs = {map};
    out->constant = raw.inputs[1 - side];
    return Claim::kTake;
  }
  if (multiply || !IsFloatMap(graph, raw.inputs[0]) || !IsFloatMap(graph, raw.inputs[1])) return Claim::kLeave;
  if (graph.tensors[raw.inputs[0]].dims != graph.tensors[raw.inputs[1]].dims) return Claim::kLeave;
  out->op = Op::kAdd;
  out->inputs = raw.inputs;
  return Claim::kTake;
}

Claim ReadConcat(const Graph& graph, const RawOp& raw, Node* out) {
  if (raw.activation != kActivationNone || (raw.axis != 3 && raw.axis != -1)) return Claim::kLeave;
  for (int input : raw.inputs) {
    if (!IsFloatMap(graph, input)) return Claim::kLeave;
  }
  if (raw.inputs.empty() || !IsFloatMap(graph, raw.outputs[0])) return Claim::kLeave;
  out->op = Op::kConcat;
  out->inputs = raw.inputs;
  return Claim::kTake;
}

Claim ReadUpsample(const Graph& graph, const RawOp& raw, Node* out) {
  if (raw.align_corners || raw.inputs.size() != 2 || !IsFloatMap(graph, raw.inputs[0]) ||
      !IsFloatMap(graph, raw.outputs[0])) {
    return Claim::kLeave;
  }
  const Tensor* size = InputAt(graph, raw, 1);
  if (size == nullptr || size->type != Type::kInt32 || !size->constant() || size->bytes != 8) return Claim::kLeave;
  const int32_t* target = static_cast<const int32_t*>(size->data);
  for (int axis = 0; axis < 2; ++axis) {
    if (static_cast<int64_t>(graph.tensors[raw.inputs[0]].dims[1 + axis]) * 2 != target[axis]) return Claim::kLeave;
  }
  out->op = Op::kUpsample;
  out->inputs = {raw.inputs[0]};
  out->constant = raw.inputs[1];
  return Claim::kTake;
}

Claim Refuse(const std::string& why, std::string* error) {
  *error = why;
  return Claim::kRefuse;
}

Claim ReadLceOp(const Graph& graph, const RawOp& raw, Node* out, std::string* error) {
  const std::string& op = raw.custom_name;
  const bool conv = op == "LceBconv2d";
  const int wanted = conv ? 5 : 1, given = static_cast<int>(raw.inputs.size());
  if (given != wanted) {
    return Refuse(Text({op, ": ", given, " inputs, not ", wanted}), error);
  }
  const Tensor* input = InputAt(graph, raw, 0);
  const Tensor* output = &graph.tensors[raw.outputs[0]];
  if (input == nullptr || !input->has_dims || !output->has_dims || output->constant()) {
    return Refuse(op + ": its input or output tensor is missing", error);
  }
  if (input->type == Type::kInt8 || output->type == Type::kInt8) {
    return Refuse(op + ": int8 models are not supported; convert without int8 quantization", error);
  }
  const Type from = op == "LceQuantize" ? Type::kFloat : Type::kInt32;
  if (input->type != from) return Refuse(op + ": wrong type of input", error);
  if (op == "LceQuantize" || op == "LceBMaxPool2d"
          ? output->type != Type::kInt32
          : output->type != Type::kFloat && !(conv && output->type == Type::kInt32)) {
    return Refuse(op + ": wrong type of output", error);
  }
  const size_t rank = input->dims.size();
  if (output->dims.size() != rank || rank < 1 || rank > 4 || ((conv || op == "LceBMaxPool2d") && rank != 4)) {
    return Refuse(op + ": wrong number of dimensions", error);
  }
  out->inputs = {raw.inputs[0]};
  if (op == "LceQuantize") {
    out->op = Op::kQuantize;
  } else if (op == "LceDequantize") {
    out->op = Op::kDequantize;
  } else if (op == "LceBMaxPool2d") {
    out->op = Op::kBitPool;
    *error = ReadBitPoolOptions(raw.custom_options, raw.custom_bytes, &out->pool);
  } else {
    out->op = Op::kConv;
    out->bits_out = output->type == Type::kInt32;
    *error = ReadConvOptions(raw.custom_options, raw.custom_bytes, &out->conv);
    if (!error->empty()) return Claim::kRefuse;
    const Tensor* filter = InputAt(graph, raw, 1);
    if (filter == nullptr || filter->type != Type::kInt32 || !filter->constant() || filter->dims.size() != 4) {
      return Refuse("LceBconv2d: its filter is not a constant of bits", error);
    }
    const int64_t channels = filter->dims[0];
    for (int i = 0; i < 4; ++i) {
      if (filter->dims[i] < 1 || filter->dims[i] > 1 << 16) return Refuse("LceBconv2d: wrong filter shape", error);
    }
    if (filter->bytes != static_cast<uint64_t>(Elements(*filter)) * 4)
      return Refuse("LceBconv2d: wrong filter size", error);
    const int words = (out->conv.channels_in + 31) / 32;
    if (filter->dims[3] != words) {
      const bool grouped = words % filter->dims[3] == 0;
      return Refuse(grouped ? "LceBconv2d: grouped convolutions are not supported"
                            : "LceBconv2d: filter and channels_in disagree",
                    error);
    }
    if (out->bits_out && out->conv.same_padding && !out->conv.pad_ones) {
      return Refuse("LceBconv2d: bitpacked output needs one-padding or valid padding", error);
    }
    out->filter = raw.inputs[1];
    for (int i = out->bits_out ? 4 : 2; i < (out->bits_out ? 5 : 4); ++i) {
      const Tensor* vector = InputAt(graph, raw, i);
      const Type type = out->bits_out ? Type::kInt32 : Type::kFloat;
      if (vector == nullptr || vector->type != type || !vector->constant() || vector->dims.size() != 1 ||
          vector->dims[0] != channels || vector->bytes != static_cast<size_t>(channels) * 4) {
        return Refuse(out->bits_out ? "LceBconv2d: bitpacked output without one threshold a channel"
                                    : "LceBconv2d: float output without one multiplier and one bias a channel",
                      error);
      }
      (i == 2 ? out->multiplier : i == 3 ? out->bias : out->threshold) = raw.inputs[i];
    }
  }
  return error->empty() ? Claim::kTake : Claim::kRefuse;
}

}  // namespace

bool IsLceOp(Op op) { return op == Op::kQuantize || op == Op::kDequantize || op == Op::kConv || op == Op::kBitPool; }

Claim ReadLinkedOp(const Graph& graph, const RawOp& raw, Node* out, std::string* error) {
  if (raw.outputs.size() != 1) {
    return raw.builtin == kBuiltinCustom ? Refuse(raw.custom_name + ": not one output", error) : Claim::kLeave;
  }
  out->output = raw.outputs[0];
  if (raw.builtin == kBuiltinCustom) {
    for (const char* ours : {"LceQuantize", "LceDequantize", "LceBconv2d", "LceBMaxPool2d"}) {
      if (raw.custom_name == ours) return ReadLceOp(graph, raw, out, error);
    }
    return Claim::kLeave;
  }
  if (!raw.has_options) return Claim::kLeave;
  switch (raw.builtin) {
    case kBuiltinAdd:
    case kBuiltinMul:
      return ReadSumOrProduct(graph, raw, out);
    case kBuiltinConcatenation:
      return ReadConcat(graph, raw, out);
    case kBuiltinMaxPool2d:
      return ReadPool(graph, raw, Op::kMaxPool, out);
    case kBuiltinResizeNearestNeighbor:
      return ReadUpsample(graph, raw, out);
    default:
      return Claim::kLeave;
  }
}

std::vector<int> ChooseNodes(const std::vector<Node>& nodes) {
  std::map<int, int> producer;
  for (size_t i = 0; i < nodes.size(); ++i) producer[nodes[i].output] = static_cast<int>(i);
  std::vector<bool> wanted(nodes.size());
  for (int i = static_cast<int>(nodes.size()) - 1; i >= 0; --i) {
    if (IsLceOp(nodes[i].op)) wanted[i] = true;
    if (!wanted[i]) continue;
    for (int input : nodes[i].inputs) {
      const auto found = producer.find(input);
      if (found != producer.end() && found->second < i) wanted[found->second] = true;
    }
  }
  std::vector<int> chosen;
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (wanted[i]) chosen.push_back(static_cast<int>(i));
  }
  return chosen;
}

}  // namespace bnn
