#include "graph.h"

#include <cstring>
#include <map>

namespace {

constexpr int kNoActivation = 0;

const TfLiteTensor* TensorAt(const TfLiteContext* context, const TfLiteIntArray* list, int i) {
  if (i >= list->size || list->data[i] < 0 || static_cast<size_t>(list->data[i]) >= context->tensors_size) return nullptr;
  return &context->tensors[list->data[i]];
}

bool IsConstant(const TfLiteTensor* tensor) {
  return tensor->allocation_type == kTfLiteMmapRo && tensor->data != nullptr && tensor->dims != nullptr;
}

// -1 where a dimension is negative or the product makes no sense.
int64_t Elements(const TfLiteTensor* tensor) {
  int64_t count = 1;
  for (int i = 0; i < tensor->dims->size; ++i) {
    if (tensor->dims->data[i] < 0 || count > int64_t{1} << 32) return -1;
    count *= tensor->dims->data[i];
  }
  return count;
}

bool IsFloatMap(const TfLiteTensor* tensor) {
  return tensor != nullptr && tensor->type == kTfLiteFloat32 && tensor->dims != nullptr && tensor->dims->size == 4 &&
         !IsConstant(tensor);
}

// One value a channel: [C] or [1, 1, 1, C].
bool IsPerChannel(const TfLiteTensor* tensor, int channels) {
  return tensor->type == kTfLiteFloat32 && IsConstant(tensor) && tensor->dims->size >= 1 &&
         tensor->dims->data[tensor->dims->size - 1] == channels && Elements(tensor) == channels &&
         tensor->bytes == static_cast<size_t>(channels) * 4;
}

Claim ReadBinary(const TfLiteContext* context, const TfLiteNode* node, bool multiply, Node* out) {
  if (node->inputs->size != 2 || node->builtin_data == nullptr) return Claim::kLeave;
  // Both options begin with the activation.
  if (static_cast<const TfLiteAddParams*>(node->builtin_data)->activation != kNoActivation) return Claim::kLeave;
  const TfLiteTensor* result = TensorAt(context, node->outputs, 0);
  if (!IsFloatMap(result)) return Claim::kLeave;
  for (int side = 0; side < 2; ++side) {
    const TfLiteTensor* map = TensorAt(context, node->inputs, side);
    const TfLiteTensor* constant = TensorAt(context, node->inputs, 1 - side);
    if (!IsFloatMap(map) || constant == nullptr || constant->dims == nullptr) continue;
    if (!IsPerChannel(constant, map->dims->data[3])) continue;
    out->op = multiply ? Op::kScale : Op::kShift;
    out->inputs = {node->inputs->data[side]};
    out->constant = node->inputs->data[1 - side];
    return Claim::kTake;
  }
  const TfLiteTensor* a = TensorAt(context, node->inputs, 0);
  const TfLiteTensor* b = TensorAt(context, node->inputs, 1);
  if (multiply || !IsFloatMap(a) || !IsFloatMap(b)) return Claim::kLeave;
  for (int i = 0; i < 4; ++i) {
    if (a->dims->data[i] != b->dims->data[i]) return Claim::kLeave;
  }
  out->op = Op::kAdd;
  out->inputs = {node->inputs->data[0], node->inputs->data[1]};
  return Claim::kTake;
}

Claim ReadConcat(const TfLiteContext* context, const TfLiteNode* node, Node* out) {
  const auto* options = static_cast<const TfLiteConcatenationParams*>(node->builtin_data);
  if (options == nullptr || options->activation != kNoActivation || (options->axis != 3 && options->axis != -1)) {
    return Claim::kLeave;
  }
  for (int i = 0; i < node->inputs->size; ++i) {
    if (!IsFloatMap(TensorAt(context, node->inputs, i))) return Claim::kLeave;
    out->inputs.push_back(node->inputs->data[i]);
  }
  if (out->inputs.empty() || !IsFloatMap(TensorAt(context, node->outputs, 0))) return Claim::kLeave;
  out->op = Op::kConcat;
  return Claim::kTake;
}

Claim ReadMaxPool(const TfLiteContext* context, const TfLiteNode* node, Node* out) {
  const auto* options = static_cast<const TfLitePoolParams*>(node->builtin_data);
  if (options == nullptr || options->activation != kNoActivation || node->inputs->size != 1) return Claim::kLeave;
  if (options->padding != kTfLitePaddingSame && options->padding != kTfLitePaddingValid) return Claim::kLeave;
  constexpr int kMost = 1 << 12;
  for (int size : {options->stride_width, options->stride_height, options->filter_width, options->filter_height}) {
    if (size < 1 || size > kMost) return Claim::kLeave;
  }
  if (!IsFloatMap(TensorAt(context, node->inputs, 0)) || !IsFloatMap(TensorAt(context, node->outputs, 0))) {
    return Claim::kLeave;
  }
  out->op = Op::kMaxPool;
  out->inputs = {node->inputs->data[0]};
  out->pool.filter_height = options->filter_height;
  out->pool.filter_width = options->filter_width;
  out->pool.stride_height = options->stride_height;
  out->pool.stride_width = options->stride_width;
  out->pool.same_padding = options->padding == kTfLitePaddingSame;
  return Claim::kTake;
}

Claim ReadUpsample(const TfLiteContext* context, const TfLiteNode* node, Node* out) {
  const auto* options = static_cast<const TfLiteResizeNearestNeighborParams*>(node->builtin_data);
  if (options == nullptr || options->align_corners || node->inputs->size != 2) return Claim::kLeave;
  const TfLiteTensor* input = TensorAt(context, node->inputs, 0);
  const TfLiteTensor* size = TensorAt(context, node->inputs, 1);
  if (!IsFloatMap(input) || !IsFloatMap(TensorAt(context, node->outputs, 0)) || size == nullptr) return Claim::kLeave;
  if (size->type != kTfLiteInt32 || !IsConstant(size) || size->bytes != 8) return Claim::kLeave;
  const int32_t* target = static_cast<const int32_t*>(size->data);
  for (int axis = 0; axis < 2; ++axis) {
    if (static_cast<int64_t>(input->dims->data[1 + axis]) * 2 != target[axis]) return Claim::kLeave;
  }
  out->op = Op::kUpsample;
  out->inputs = {node->inputs->data[0]};
  out->constant = node->inputs->data[1];
  return Claim::kTake;
}

Claim Refuse(const std::string& why, std::string* error) {
  *error = why;
  return Claim::kRefuse;
}

Claim ReadLceOp(const TfLiteContext* context, const TfLiteNode* node, const char* name, Node* out, std::string* error) {
  const std::string op = name;
  const bool conv = op == "LceBconv2d";
  const int wanted = conv ? 5 : 1;
  if (node->inputs->size != wanted || node->outputs->size != 1) {
    return Refuse(op + ": " + std::to_string(node->inputs->size) + " inputs, not " + std::to_string(wanted), error);
  }
  const TfLiteTensor* input = TensorAt(context, node->inputs, 0);
  const TfLiteTensor* output = TensorAt(context, node->outputs, 0);
  if (input == nullptr || output == nullptr || input->dims == nullptr || output->dims == nullptr) {
    return Refuse(op + ": its input or output tensor is missing", error);
  }
  if (input->type == kTfLiteInt8 || output->type == kTfLiteInt8) {
    return Refuse(op + ": int8 models are not supported; convert without int8 quantization", error);
  }
  const TfLiteType from = op == "LceQuantize" ? kTfLiteFloat32 : kTfLiteInt32;
  if (input->type != from) return Refuse(op + ": wrong type of input", error);
  if (op == "LceQuantize" || op == "LceBMaxPool2d" ? output->type != kTfLiteInt32
                                                   : output->type != kTfLiteFloat32 && !(conv && output->type == kTfLiteInt32)) {
    return Refuse(op + ": wrong type of output", error);
  }
  const int rank = input->dims->size;
  if (output->dims->size != rank || rank < 1 || rank > 4 || ((conv || op == "LceBMaxPool2d") && rank != 4)) {
    return Refuse(op + ": wrong number of dimensions", error);
  }
  out->inputs = {node->inputs->data[0]};
  const size_t option_bytes = node->custom_initial_data_size < 0 ? 0 : static_cast<size_t>(node->custom_initial_data_size);
  if (op == "LceQuantize") {
    out->op = Op::kQuantize;
  } else if (op == "LceDequantize") {
    out->op = Op::kDequantize;
  } else if (op == "LceBMaxPool2d") {
    out->op = Op::kBitPool;
    *error = ReadBitPoolOptions(node->custom_initial_data, option_bytes, &out->pool);
  } else {
    out->op = Op::kConv;
    out->bits_out = output->type == kTfLiteInt32;
    *error = ReadConvOptions(node->custom_initial_data, option_bytes, &out->conv);
    if (!error->empty()) return Claim::kRefuse;
    const TfLiteTensor* filter = TensorAt(context, node->inputs, 1);
    if (filter == nullptr || filter->type != kTfLiteInt32 || !IsConstant(filter) || filter->dims->size != 4) {
      return Refuse("LceBconv2d: its filter is not a constant of bits", error);
    }
    const int64_t channels = filter->dims->data[0];
    for (int i = 0; i < 4; ++i) {
      if (filter->dims->data[i] < 1 || filter->dims->data[i] > 1 << 16) return Refuse("LceBconv2d: wrong filter shape", error);
    }
    if (filter->bytes != static_cast<uint64_t>(Elements(filter)) * 4) return Refuse("LceBconv2d: wrong filter size", error);
    const int words = (out->conv.channels_in + 31) / 32;
    if (filter->dims->data[3] != words) {
      const bool grouped = words % filter->dims->data[3] == 0;
      return Refuse(grouped ? "LceBconv2d: grouped convolutions are not supported"
                            : "LceBconv2d: filter and channels_in disagree", error);
    }
    if (out->bits_out && out->conv.same_padding && !out->conv.pad_ones) {
      return Refuse("LceBconv2d: bitpacked output needs one-padding or valid padding", error);
    }
    out->filter = node->inputs->data[1];
    for (int i = out->bits_out ? 4 : 2; i < (out->bits_out ? 5 : 4); ++i) {
      const TfLiteTensor* vector = TensorAt(context, node->inputs, i);
      const TfLiteType type = out->bits_out ? kTfLiteInt32 : kTfLiteFloat32;
      if (vector == nullptr || vector->type != type || !IsConstant(vector) || vector->dims->size != 1 ||
          vector->dims->data[0] != channels || vector->bytes != static_cast<size_t>(channels) * 4) {
        return Refuse(out->bits_out ? "LceBconv2d: bitpacked output without one threshold a channel"
                                    : "LceBconv2d: float output without one multiplier and one bias a channel", error);
      }
      (i == 2 ? out->multiplier : i == 3 ? out->bias : out->threshold) = node->inputs->data[i];
    }
  }
  return error->empty() ? Claim::kTake : Claim::kRefuse;
}

}  // namespace

bool IsLceOp(Op op) { return op == Op::kQuantize || op == Op::kDequantize || op == Op::kConv || op == Op::kBitPool; }

Claim ReadNode(const TfLiteContext* context, const TfLiteNode* node, const TfLiteRegistration* registration, Node* out,
               std::string* error) {
  if (node->outputs->size >= 1) out->output = node->outputs->data[0];
  if (registration->builtin_code == kTfLiteBuiltinCustom) {
    const char* name = registration->custom_name;
    for (const char* ours : {"LceQuantize", "LceDequantize", "LceBconv2d", "LceBMaxPool2d"}) {
      if (std::strcmp(name, ours) == 0) return ReadLceOp(context, node, name, out, error);
    }
    return Claim::kLeave;
  }
  if (node->outputs->size != 1) return Claim::kLeave;
  switch (registration->builtin_code) {
    case kTfLiteBuiltinAdd:
      return ReadBinary(context, node, false, out);
    case kTfLiteBuiltinMul:
      return ReadBinary(context, node, true, out);
    case kTfLiteBuiltinConcatenation:
      return ReadConcat(context, node, out);
    case kTfLiteBuiltinMaxPool2d:
      return ReadMaxPool(context, node, out);
    case kTfLiteBuiltinResizeNearestNeighbor:
      return ReadUpsample(context, node, out);
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
