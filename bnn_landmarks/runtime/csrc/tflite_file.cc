#include "tflite_file.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "flat_file.h"
#include "model_check.h"
#include "text.h"

namespace bnn {

namespace {

// Slots of TFLite's schema.
enum ModelSlot { kOperatorCodes = 1, kSubgraphs = 2, kBuffers = 4 };
enum OperatorCodeSlot { kCustomCode = 1 };
enum SubgraphSlot { kTensors = 0, kInputs = 1, kOutputs = 2, kOperators = 3 };
enum TensorSlot { kShape = 0, kType = 1, kBuffer = 2 };
enum OperatorSlot { kOpcode = 0, kOpInputs = 1, kOpOutputs = 2, kOptions = 4, kCustomOptions = 5 };
enum BufferSlot { kData = 0, kOffset = 1 };

Type TypeOf(uint32_t number) {
  switch (number) {
    case 0:
      return Type::kFloat;
    case 2:
      return Type::kInt32;
    case 3:
      return Type::kUInt8;
    case 6:
      return Type::kBool;
    case 9:
      return Type::kInt8;
    default:
      return Type::kOther;
  }
}

std::string NameOf(const RawOp& raw) {
  if (raw.builtin == kBuiltinCustom) return raw.custom_name;
  static const struct {
    int number;
    const char* name;
  } kNames[] = {
      {kBuiltinAdd, "ADD"},
      {kBuiltinAveragePool2d, "AVERAGE_POOL_2D"},
      {kBuiltinConcatenation, "CONCATENATION"},
      {kBuiltinConv2d, "CONV_2D"},
      {4, "DEPTHWISE_CONV_2D"},
      {6, "DEQUANTIZE"},
      {kBuiltinFloor, "FLOOR"},
      {9, "FULLY_CONNECTED"},
      {14, "LOGISTIC"},
      {kBuiltinMaxPool2d, "MAX_POOL_2D"},
      {kBuiltinMul, "MUL"},
      {kBuiltinRelu, "RELU"},
      {kBuiltinReluN1To1, "RELU_N1_TO_1"},
      {kBuiltinRelu6, "RELU6"},
      {22, "RESHAPE"},
      {23, "RESIZE_BILINEAR"},
      {25, "SOFTMAX"},
      {kBuiltinPad, "PAD"},
      {39, "TRANSPOSE"},
      {40, "MEAN"},
      {kBuiltinSub, "SUB"},
      {kBuiltinDiv, "DIV"},
      {kBuiltinStridedSlice, "STRIDED_SLICE"},
      {kBuiltinCast, "CAST"},
      {kBuiltinPrelu, "PRELU"},
      {kBuiltinMaximum, "MAXIMUM"},
      {kBuiltinMinimum, "MINIMUM"},
      {kBuiltinLess, "LESS"},
      {kBuiltinPadV2, "PADV2"},
      {kBuiltinGreater, "GREATER"},
      {kBuiltinGreaterEqual, "GREATER_EQUAL"},
      {kBuiltinLessEqual, "LESS_EQUAL"},
      {kBuiltinSelect, "SELECT"},
      {kBuiltinSlice, "SLICE"},
      {67, "TRANSPOSE_CONV"},
      {kBuiltinResizeNearestNeighbor, "RESIZE_NEAREST_NEIGHBOR"},
      {114, "QUANTIZE"},
      {kBuiltinRound, "ROUND"},
      {117, "HARD_SWISH"},
      {kBuiltinSelectV2, "SELECT_V2"},
      {kBuiltinSign, "SIGN"},
  };
  for (const auto& each : kNames) {
    if (each.number == raw.builtin) return each.name;
  }
  return Text({"operator ", raw.builtin, " of TFLite's list"});
}

// Options by the number of the operator; what its table leaves out is the schema's default.
void ReadOptions(const FlatFile& file, size_t options, RawOp* raw) {
  raw->has_options = true;
  const auto whole = [&](int slot, uint32_t otherwise = 0) {
    return static_cast<int>(file.Number(options, slot, otherwise));
  };
  const auto byte = [&](int slot) { return static_cast<int>(file.Byte(options, slot)); };
  switch (raw->builtin) {
    case kBuiltinConv2d:
      raw->padding = byte(0);
      raw->stride_width = whole(1);
      raw->stride_height = whole(2);
      raw->activation = byte(3);
      raw->dilation_width = whole(4, 1);
      raw->dilation_height = whole(5, 1);
      return;
    case kBuiltinMaxPool2d:
    case kBuiltinAveragePool2d:
      raw->padding = byte(0);
      raw->stride_width = whole(1);
      raw->stride_height = whole(2);
      raw->filter_width = whole(3);
      raw->filter_height = whole(4);
      raw->activation = byte(5);
      return;
    case kBuiltinConcatenation:
      raw->axis = whole(0);
      raw->activation = byte(1);
      return;
    case kBuiltinAdd:
    case kBuiltinMul:
    case kBuiltinSub:
    case kBuiltinDiv:
      raw->activation = byte(0);
      return;
    case kBuiltinResizeNearestNeighbor:
      raw->align_corners = byte(0) != 0;
      return;
    case kBuiltinStridedSlice:
      raw->begin_mask = whole(0);
      raw->end_mask = whole(1);
      raw->other_masks = whole(2) | whole(3) | whole(4) | byte(5);
      return;
    default:
      return;
  }
}

class Reader {
 public:
  Reader(const uint8_t* data, size_t size, TfliteFile* result)
      : file_(data, size), result_(*result), graph_(result->graph) {}

  std::string Read() {
    const size_t model = file_.Root();
    std::vector<size_t> subgraphs, tensors, operators;
    // CheckModel has seen that these are there.
    if (!file_.Tables(model, kOperatorCodes, &codes_) || !file_.Tables(model, kSubgraphs, &subgraphs) ||
        !file_.Tables(model, kBuffers, &buffers_) || !file_.Tables(subgraphs[0], kTensors, &tensors) ||
        !file_.Tables(subgraphs[0], kOperators, &operators) || !file_.Ints(subgraphs[0], kInputs, &graph_.inputs) ||
        !file_.Ints(subgraphs[0], kOutputs, &graph_.outputs)) {
      return Damaged("a part of the graph is missing");
    }
    for (size_t tensor : tensors) {
      const std::string error = ReadTensor(tensor);
      if (!error.empty()) return error;
    }
    if (graph_.inputs.empty() || graph_.outputs.empty()) return Damaged("it has no input or no output");
    for (int input : graph_.inputs) {
      if (!InRange(input) || graph_.tensors[input].constant() || !known_.insert(input).second)
        return Damaged("a wrong input");
    }
    for (size_t op : operators) {
      const std::string error = ReadOperator(op);
      if (!error.empty()) return error;
    }
    std::set<int> seen;
    for (int output : graph_.outputs) {
      if (made_.count(output) == 0 || !seen.insert(output).second)
        return Damaged("an output that no node makes, or one twice");
    }
    return "";
  }

 private:
  static std::string Damaged(const std::string& what) { return "the file is damaged: " + what; }
  bool InRange(int tensor) const { return tensor >= 0 && static_cast<size_t>(tensor) < graph_.tensors.size(); }

  std::string ReadTensor(size_t table) {
    Tensor tensor;
    tensor.has_dims = true;
    if (file_.Field(table, kShape) != 0 && !file_.Ints(table, kShape, &tensor.dims)) return Damaged("a tensor's shape");
    if (tensor.dims.size() > 16) return Damaged("a tensor of too many dimensions");
    tensor.type = TypeOf(file_.Byte(table, kType));
    const int64_t count = Elements(tensor);
    if (count < 0) return Damaged("a tensor's shape");
    const uint32_t buffer = file_.Number(table, kBuffer);
    if (buffer >= buffers_.size()) return Damaged("a tensor has no buffer");
    if (file_.Field(buffers_[buffer], kOffset) != 0)
      return "a constant lies outside the FlatBuffer: convert the file anew, below 2 GB";
    size_t bytes = 0;
    const uint8_t* data = nullptr;
    if (file_.Field(buffers_[buffer], kData) != 0) {
      data = file_.Bytes(buffers_[buffer], kData, &bytes);
      if (data == nullptr) return Damaged("a buffer reaches beyond the end");
    }
    if (bytes > 0) {
      const bool wide = tensor.type == Type::kFloat || tensor.type == Type::kInt32;
      if (wide && bytes != static_cast<uint64_t>(count) * 4)
        return Damaged("a constant does not have the bytes that its shape says");
      if (wide && reinterpret_cast<uintptr_t>(data) % 4 != 0) {
        result_.moved.push_back(std::make_unique<uint32_t[]>(bytes / 4));
        std::memcpy(result_.moved.back().get(), data, bytes);
        data = reinterpret_cast<const uint8_t*>(result_.moved.back().get());
      }
      tensor.data = data;
      tensor.bytes = bytes;
    }
    graph_.tensors.push_back(std::move(tensor));
    return "";
  }

  std::string ReadOperator(size_t table) {
    RawOp raw;
    const uint32_t code = file_.Number(table, kOpcode);
    if (code >= codes_.size()) return Damaged("a node has no operator");
    raw.builtin = BuiltinNumber(file_, codes_[code]);
    if (raw.builtin == kBuiltinCustom) {
      size_t length;
      const uint8_t* name = file_.Bytes(codes_[code], kCustomCode, &length);
      if (name == nullptr) return Damaged("an operator has no name");
      raw.custom_name = Printable(name, length);
      raw.custom_options = file_.Bytes(table, kCustomOptions, &raw.custom_bytes);
    }
    if (!file_.Ints(table, kOpInputs, &raw.inputs) || !file_.Ints(table, kOpOutputs, &raw.outputs)) {
      return Damaged("a node has no tensors");
    }
    ReadOptions(file_, file_.Follow(table, kOptions), &raw);
    const std::string name = NameOf(raw);
    for (int input : raw.inputs) {
      if (input == -1) continue;  // left out
      if (!InRange(input)) return Damaged("a node reads no tensor of the graph");
      if (!graph_.tensors[input].constant() && known_.count(input) == 0)
        return Damaged(name + " reads what nothing has made");
    }
    if (raw.outputs.size() != 1) return name + ": not one output";
    const int output = raw.outputs[0];
    if (!InRange(output) || graph_.tensors[output].constant() || known_.count(output) != 0) {
      return Damaged(name + " writes to what is there already");
    }
    const std::string error = Append(raw, name);
    if (!error.empty()) return error;
    known_.insert(output);
    made_.insert(output);
    return "";
  }

  // An activation that follows another op than a convolution becomes a node of its own.
  std::string Append(RawOp raw, const std::string& name) {
    const int output = raw.outputs[0], activation = raw.activation;
    const bool split = raw.builtin != kBuiltinConv2d && activation != kActivationNone;
    if (activation > kActivationRelu6) return name + ": its activation is not supported";
    if (split) {
      raw.activation = kActivationNone;
      raw.outputs[0] = static_cast<int>(graph_.tensors.size());
      graph_.tensors.push_back(graph_.tensors[output]);
    }
    Node node = {};
    std::string error;
    Claim claim = ReadLinkedOp(graph_, raw, &node, &error);
    if (claim == Claim::kRefuse) return error;
    if (claim == Claim::kLeave) {
      node = Node();
      node.output = raw.outputs[0];
      claim = ReadFloatOp(graph_, raw, &node);
    }
    if (claim != Claim::kTake) return name + " is not supported, or not in this form";
    graph_.nodes.push_back(std::move(node));
    if (!split) return "";
    Node clamp = {};
    clamp.op = Op::kUnary;
    clamp.inputs = {raw.outputs[0]};
    clamp.output = output;
    clamp.unary = Unary::kClamp;
    SetActivation(activation, &clamp);
    graph_.nodes.push_back(std::move(clamp));
    return "";
  }

  static std::string Printable(const uint8_t* text, size_t length) {
    std::string name(reinterpret_cast<const char*>(text), std::min<size_t>(length, 40));
    for (char& letter : name) {
      if (letter < ' ' || letter > '~') letter = '?';
    }
    return name;
  }

  const FlatFile file_;
  TfliteFile& result_;
  Graph& graph_;
  std::vector<size_t> codes_, buffers_;
  std::set<int> known_, made_;
};

}  // namespace

std::string ReadTfliteFile(const uint8_t* data, size_t size, TfliteFile* file) {
  const std::string wrong = CheckModel(data, size);
  if (!wrong.empty()) return wrong;
  return Reader(data, size, file).Read();
}

}  // namespace bnn
