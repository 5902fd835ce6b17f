// A network as the planner reads it, whoever hands it over: a .tflite file (tflite_file.h) or TFLite (delegate.cc).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "op_options.h"

namespace bnn {

enum class Type { kFloat, kInt32, kUInt8, kInt8, kBool, kOther };

struct Tensor {
  Type type = Type::kOther;
  bool has_dims = false;
  std::vector<int> dims;
  const void* data = nullptr;  // of a constant
  size_t bytes = 0;            // of a constant
  bool constant() const { return data != nullptr; }
};

enum class Op {
  // Larq Compute Engine's
  kQuantize,    // float -> bits
  kDequantize,  // bits -> float
  kConv,        // bits -> float or bits
  kBitPool,     // bits -> bits
  // floats that lead up to them
  kScale,   // x * one constant a channel
  kShift,   // x + one constant a channel
  kAdd,     // x + y
  kConcat,  // along the channels
  kMaxPool,
  kUpsample,  // nearest neighbour, twice as high and wide
  // the other floats of a network, for the engine alone
  kFloatConv,
  kAveragePool,
  kCast,    // uint8 of the outside -> float
  kUnary,   // see Unary
  kBinary,  // see Binary; one side may be a constant: one value, or one a channel
  kPrelu,   // x >= 0 ? x : x * one constant a channel
  kSelect,  // x != 0 ? a : b; a and b maps or constants
  kPad,     // rows and columns around, filled with `fill`
  kSlice,   // channels from `first_channel`
};

enum class Unary { kClamp, kRound, kFloor, kSign, kCopy };  // kClamp: between low and high; kRound: halves to even
enum class Binary { kAdd, kMul, kSub, kDiv, kMaximum, kMinimum, kGreater, kGreaterEqual, kLess, kLessEqual };

struct FloatConvOptions {
  int stride_height = 1, stride_width = 1;
  int dilation_height = 1, dilation_width = 1;
  bool same_padding = false;
};

struct Node {
  Op op = Op::kUnary;
  std::vector<int> inputs;  // tensors; constants apart, but those of kBinary and kSelect
  int output = -1;
  int constant = -1;                                            // of kScale, kShift, kPrelu and kUpsample
  int filter = -1, multiplier = -1, bias = -1, threshold = -1;  // of convolutions; a float one's bias may be missing
  bool bits_out = false;                                        // of kConv
  ConvOptions conv;
  FloatConvOptions float_conv;
  PoolOptions pool;
  Unary unary = Unary::kCopy;
  Binary binary = Binary::kMul;
  float low = 0.0f, high = 0.0f;  // of kFloatConv and Unary::kClamp; infinite where there is no such bound
  int pad_top = 0, pad_bottom = 0, pad_left = 0, pad_right = 0;
  float fill = 0.0f;
  int first_channel = 0, channels = 0;  // of kSlice
};

struct Graph {
  std::vector<Tensor> tensors;
  std::vector<Node> nodes;  // in execution order
  std::vector<int> inputs, outputs;
};

// A node as a file or an interpreter has it, the options of all built-in ops in one record.
struct RawOp {
  int builtin = 0;          // TFLite's number
  std::string custom_name;  // where that is kBuiltinCustom
  const void* custom_options = nullptr;
  size_t custom_bytes = 0;
  std::vector<int> inputs, outputs;
  bool has_options = false;  // of a built-in op
  int activation = 0;        // the flatbuffer schema's numbers, as all below
  int padding = 0;           // 0 same, 1 valid
  int stride_height = 1, stride_width = 1;
  int filter_height = 1, filter_width = 1;
  int dilation_height = 1, dilation_width = 1;
  int axis = 0;
  bool align_corners = false;
  int begin_mask = 0, end_mask = 0, other_masks = 0;  // of STRIDED_SLICE
};

constexpr int kPaddingSame = 0, kPaddingValid = 1;
constexpr int kActivationNone = 0, kActivationRelu = 1, kActivationReluN1To1 = 2, kActivationRelu6 = 3;
constexpr int kBuiltinAdd = 0, kBuiltinAveragePool2d = 1, kBuiltinConcatenation = 2, kBuiltinConv2d = 3,
              kBuiltinFloor = 8, kBuiltinMaxPool2d = 17, kBuiltinMul = 18, kBuiltinRelu = 19, kBuiltinReluN1To1 = 20,
              kBuiltinRelu6 = 21, kBuiltinCustom = 32, kBuiltinPad = 34, kBuiltinSub = 41, kBuiltinDiv = 42,
              kBuiltinStridedSlice = 45, kBuiltinCast = 53, kBuiltinPrelu = 54, kBuiltinMaximum = 55,
              kBuiltinMinimum = 57, kBuiltinLess = 58, kBuiltinPadV2 = 60, kBuiltinGreater = 61,
              kBuiltinGreaterEqual = 62, kBuiltinLessEqual = 63, kBuiltinSelect = 64, kBuiltinSlice = 65,
              kBuiltinResizeNearestNeighbor = 97, kBuiltinRound = 116, kBuiltinSelectV2 = 123, kBuiltinSign = 158;

enum class Claim {
  kTake,
  kLeave,   // none of these ops, or a form of it that they don't have
  kRefuse,  // an LCE op of a form that nothing here runs; `error` says why
};

// Reads an LCE op, or one of the float ops that lead up to them: what the delegate takes.
Claim ReadLinkedOp(const Graph& graph, const RawOp& raw, Node* out, std::string* error);

// Reads one of the other float ops.
Claim ReadFloatOp(const Graph& graph, const RawOp& raw, Node* out);

// For both, and for readers of files. A pooling of floats:
Claim ReadPool(const Graph& graph, const RawOp& raw, Op op, Node* out);
// A 4-dimensional map of floats that is no constant:
bool IsFloatMap(const Graph& graph, int tensor);
// A constant of one float, or of `channels`:
bool IsPerChannel(const Tensor& tensor, int channels);
// The bounds of one of the activations above:
void SetActivation(int activation, Node* node);
// The number of values, or -1 where a dimension is negative or the product makes no sense.
int64_t Elements(const Tensor& tensor);
// The tensor, or null where the node has no such input.
const Tensor* InputAt(const Graph& graph, const RawOp& raw, int i);

bool IsLceOp(Op op);

// Indices, into `nodes`, of those worth taking from an interpreter: the LCE ops and the float ops that lead up to one.
std::vector<int> ChooseNodes(const std::vector<Node>& nodes);

}  // namespace bnn
