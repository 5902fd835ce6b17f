#include "plan.h"

namespace bnn {

namespace {

constexpr int64_t kMostElements = int64_t{1} << 28;

void CheckShape(const Shape& s) {
  Require(s.n > 0 && s.h > 0 && s.w > 0 && s.c > 0, "a tensor is empty");
  Require(
      static_cast<double>(s.n) * s.h * s.w * (static_cast<double>(s.c) + kWord) < static_cast<double>(kMostElements),
      "a tensor is too large");
}

Shape OutsideShape(const Tensor& tensor, Type type) {
  Require(tensor.has_dims && !tensor.dims.empty() && tensor.dims.size() <= 4,
          "a tensor does not have 1 to 4 dimensions");
  Require(tensor.type == type, "a tensor has the wrong type");
  int sizes[4] = {1, 1, 1, 1};
  for (size_t i = 0; i < tensor.dims.size(); ++i) sizes[4 - tensor.dims.size() + i] = tensor.dims[i];
  Shape s = {sizes[0], sizes[1], sizes[2], sizes[3]};
  CheckShape(s);
  if (type != Type::kInt32) return s;
  Require(s.c <= kMostElements / kWord, "a tensor is too large");
  s.c *= kWord;  // the most that the words can hold
  CheckShape(s);
  return s;
}

bool Same(const Shape& a, const Shape& b) { return a.n == b.n && a.h == b.h && a.w == b.w && a.c == b.c; }

// A map, or a constant: one value, or one a channel.
bool Fits(const Plan& plan, int tensor, const Shape& shape) {
  if (!plan.tensor(tensor).constant()) return Same(plan.shape(tensor), shape);
  const size_t bytes = plan.tensor(tensor).bytes;
  return bytes == 4 || bytes == static_cast<size_t>(shape.c) * 4;
}

Shape PooledShape(Shape s, const PoolOptions& pool) {
  int pad;
  Require(OutputSize(s.h, pool.filter_height, pool.stride_height, 1, pool.same_padding, &s.h, &pad) &&
              OutputSize(s.w, pool.filter_width, pool.stride_width, 1, pool.same_padding, &s.w, &pad),
          "pool: the window is larger than the image");
  return s;
}

Shape OutputShape(const Plan& plan, const Node& node) {
  Shape s = plan.shape(node.inputs[0]);
  int pad;
  switch (node.op) {
    case Op::kQuantize:
    case Op::kCast:
    case Op::kUnary:
      break;
    case Op::kDequantize: {
      const std::vector<int>& dims = plan.tensor(node.output).dims;
      Require(!dims.empty(), "LceDequantize: no channels");
      Require(dims.back() > 0 && WordsFor(dims.back()) == WordsFor(s.c), "LceDequantize: input and output disagree");
      s.c = dims.back();
      break;
    }
    case Op::kConv: {
      Require(WordsFor(s.c) == WordsFor(node.conv.channels_in), "LceBconv2d: input and channels_in disagree");
      const std::vector<int>& filter = plan.tensor(node.filter).dims;
      Require(OutputSize(s.h, filter[1], node.conv.stride_height, node.conv.dilation_height, node.conv.same_padding,
                         &s.h, &pad) &&
                  OutputSize(s.w, filter[2], node.conv.stride_width, node.conv.dilation_width, node.conv.same_padding,
                             &s.w, &pad),
              "LceBconv2d: the filter is larger than the image");
      s.c = filter[0];
      break;
    }
    case Op::kFloatConv: {
      const std::vector<int>& filter = plan.tensor(node.filter).dims;
      const FloatConvOptions& o = node.float_conv;
      Require(s.c == filter[3], "CONV_2D: the input has other channels than the filter");
      Require(OutputSize(s.h, filter[1], o.stride_height, o.dilation_height, o.same_padding, &s.h, &pad) &&
                  OutputSize(s.w, filter[2], o.stride_width, o.dilation_width, o.same_padding, &s.w, &pad),
              "CONV_2D: the filter is larger than the image");
      s.c = filter[0];
      break;
    }
    case Op::kBitPool:
    case Op::kMaxPool:
    case Op::kAveragePool:
      s = PooledShape(s, node.pool);
      break;
    case Op::kScale:
    case Op::kShift:
    case Op::kPrelu:
      Require(plan.tensor(node.constant).bytes == static_cast<size_t>(s.c) * 4,
              "a constant does not have one value a channel");
      break;
    case Op::kAdd:
      Require(Same(s, plan.shape(node.inputs[1])), "the terms of a sum differ in shape");
      break;
    case Op::kConcat: {
      int64_t channels = 0;
      for (int input : node.inputs) {
        const Shape& other = plan.shape(input);
        Require(s.n == other.n && s.h == other.h && s.w == other.w, "the parts of a concatenation differ in shape");
        channels += other.c;
      }
      Require(channels < 1 << 20, "a tensor is too large");
      s.c = static_cast<int>(channels);
      break;
    }
    case Op::kUpsample: {
      s.h *= 2;
      s.w *= 2;
      const int32_t* target = static_cast<const int32_t*>(plan.tensor(node.constant).data);
      Require(s.h == target[0] && s.w == target[1], "an upsampling is not by two");
      break;
    }
    case Op::kBinary:
    case Op::kSelect: {
      for (int input : node.inputs) {
        if (!plan.tensor(input).constant()) s = plan.shape(input);
      }
      for (int input : node.inputs) Require(Fits(plan, input, s), "the inputs of an arithmetic node differ in shape");
      break;
    }
    case Op::kPad: {
      const int64_t height = static_cast<int64_t>(s.h) + node.pad_top + node.pad_bottom;
      const int64_t width = static_cast<int64_t>(s.w) + node.pad_left + node.pad_right;
      Require(height < kMostElements && width < kMostElements, "a tensor is too large");
      s.h = static_cast<int>(height);
      s.w = static_cast<int>(width);
      break;
    }
    case Op::kSlice:
      Require(node.first_channel >= 0 && node.channels > 0 && node.channels <= s.c &&
                  node.first_channel <= s.c - node.channels,
              "a slice reaches beyond its input's channels");
      s.c = node.channels;
      break;
  }
  return s;
}

}  // namespace

void PlanShapes(Plan* plan) {
  std::vector<Shape>& shapes = plan->program.shapes;
  shapes.assign(plan->graph.tensors.size(), Shape());
  for (size_t i = 0; i < plan->graph.nodes.size(); ++i) {
    const Node& node = plan->graph.nodes[i];
    const bool from_bits = node.op == Op::kConv || node.op == Op::kBitPool || node.op == Op::kDequantize;
    const bool from_bytes = node.op == Op::kCast;
    for (int input : node.inputs) {
      if (plan->tensor(input).constant()) continue;
      if (plan->producers.count(input) == 0) {
        shapes[input] = OutsideShape(plan->tensor(input), from_bits    ? Type::kInt32
                                                          : from_bytes ? Type::kUInt8
                                                                       : Type::kFloat);
        if (from_bits) plan->outside_bits.insert(input);
      } else {
        Require((plan->bits.count(input) != 0) == from_bits, "bits and floats are mixed up");
        Require(!from_bytes, "a cast of what is no input");
      }
    }
    Require(plan->producers.count(node.output) == 0 && shapes[node.output].n == 0, "a tensor is written twice");
    shapes[node.output] = OutputShape(*plan, node);
    CheckShape(shapes[node.output]);
    plan->producers[node.output] = static_cast<int>(i);
    if (node.op == Op::kQuantize || node.op == Op::kBitPool || (node.op == Op::kConv && node.bits_out)) {
      plan->bits.insert(node.output);
    }
  }
}

}  // namespace bnn
