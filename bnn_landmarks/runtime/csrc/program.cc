#include "program.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <map>
#include <set>
#include <stdexcept>

namespace {

constexpr int64_t kMostElements = int64_t{1} << 28;
constexpr float kModerate = 1e6f;  // products of moderate numbers, and of a count, stay finite

class PlanError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

void Require(bool condition, const char* what) {
  if (!condition) throw PlanError(what);
}

}  // namespace

// Turns nodes into steps. A node's bits are taken where its floats are made whenever that gives the same bits:
//   conv -> MUL, ADD -> LceQuantize              compared as a count, the floats in between never exist
//   conv (-> CONCATENATION) -> ADD -> ...        each convolution adds the residual and writes its slice of the sum
//   sum -> MUL, ADD -> LceQuantize               compared while the sum is in the cache
class Planner {
 public:
  Planner(const TfLiteContext* context, const std::vector<Node>& nodes, const std::vector<int>& outputs,
          const Kernels& kernels, Program* program)
      : context_(context), nodes_(nodes), outputs_(outputs.begin(), outputs.end()), kernels_(kernels), program_(*program) {}

  void Plan() {
    InferShapes();
    FindSignings();
    CountConsumers();
    FuseAdds();
    FuseConcats();
    FuseUpsamples();
    MakeImages();
    for (size_t i = 0; i < nodes_.size(); ++i) Emit(static_cast<int>(i));
    PlaceFloats();
  }

 private:
  // An LceQuantize and the MUL and ADD before it that nothing else reads.
  struct Sign {
    int node;
    int source;              // the float tensor
    int scale = -1, shift = -1;  // constant tensors
  };

  struct ConvPlan {
    FloatSlice output, residual;
    std::vector<Signing> signings;
  };

  const TfLiteTensor& Tensor(int index) const { return context_->tensors[index]; }
  Shape& ShapeOf(int tensor) const { return program_.shapes_[tensor]; }
  bool IsOutput(int tensor) const { return outputs_.count(tensor) != 0; }
  int Producer(int tensor) const {
    const auto found = producer_.find(tensor);
    return found == producer_.end() ? -1 : found->second;
  }
  const float* Floats(int tensor) const { return static_cast<const float*>(Tensor(tensor).data); }

  // ---- shapes

  void CheckShape(const Shape& s) {
    Require(s.n > 0 && s.h > 0 && s.w > 0 && s.c > 0, "a tensor is empty");
    Require(static_cast<double>(s.n) * s.h * s.w * (s.c + kWord) < static_cast<double>(kMostElements), "a tensor is too large");
  }

  Shape OutsideShape(int tensor, bool bits) {
    const TfLiteIntArray* dims = Tensor(tensor).dims;
    Require(dims != nullptr && dims->size >= 1 && dims->size <= 4, "a tensor does not have 1 to 4 dimensions");
    Require(Tensor(tensor).type == (bits ? kTfLiteInt32 : kTfLiteFloat32), "a tensor has the wrong type");
    int sizes[4] = {1, 1, 1, 1};
    for (int i = 0; i < dims->size; ++i) sizes[4 - dims->size + i] = dims->data[i];
    Shape s = {sizes[0], sizes[1], sizes[2], sizes[3]};
    CheckShape(s);
    if (bits) s.c *= kWord;  // the most that the words can hold
    return s;
  }

  void InferShapes() {
    program_.shapes_.assign(context_->tensors_size, Shape());
    for (size_t i = 0; i < nodes_.size(); ++i) {
      const Node& node = nodes_[i];
      const bool from_bits = node.op == Op::kConv || node.op == Op::kBitPool || node.op == Op::kDequantize;
      for (int input : node.inputs) {
        const bool made_here = producer_.count(input) != 0;
        if (!made_here) {
          ShapeOf(input) = OutsideShape(input, from_bits);
          if (from_bits) outside_bits_.insert(input);
        }
        Require(made_here ? (bits_.count(input) != 0) == from_bits : true, "bits and floats are mixed up");
      }
      Require(producer_.count(node.output) == 0 && ShapeOf(node.output).n == 0, "a tensor is written twice");
      ShapeOf(node.output) = OutputShape(node);
      CheckShape(ShapeOf(node.output));
      producer_[node.output] = static_cast<int>(i);
      if (node.op == Op::kQuantize || node.op == Op::kBitPool || (node.op == Op::kConv && node.bits_out)) bits_.insert(node.output);
    }
  }

  Shape OutputShape(const Node& node) {
    Shape s = ShapeOf(node.inputs[0]);
    int pad;
    switch (node.op) {
      case Op::kQuantize:
        break;
      case Op::kDequantize: {
        const TfLiteIntArray* dims = Tensor(node.output).dims;
        Require(dims->size >= 1, "LceDequantize: no channels");
        const int channels = dims->data[dims->size - 1];
        Require(channels > 0 && WordsFor(channels) == WordsFor(s.c), "LceDequantize: input and output disagree");
        s.c = channels;
        break;
      }
      case Op::kConv: {
        Require(WordsFor(s.c) == WordsFor(node.conv.channels_in), "LceBconv2d: input and channels_in disagree");
        const int* filter = Tensor(node.filter).dims->data;
        Require(OutputSize(s.h, filter[1], node.conv.stride_height, node.conv.dilation_height, node.conv.same_padding, &s.h, &pad) &&
                    OutputSize(s.w, filter[2], node.conv.stride_width, node.conv.dilation_width, node.conv.same_padding, &s.w, &pad),
                "LceBconv2d: the filter is larger than the image");
        s.c = filter[0];
        break;
      }
      case Op::kBitPool:
      case Op::kMaxPool:
        Require(OutputSize(s.h, node.pool.filter_height, node.pool.stride_height, 1, node.pool.same_padding, &s.h, &pad) &&
                    OutputSize(s.w, node.pool.filter_width, node.pool.stride_width, 1, node.pool.same_padding, &s.w, &pad),
                "max pool: the window is larger than the image");
        break;
      case Op::kScale:
      case Op::kShift:
        Require(Tensor(node.constant).bytes == static_cast<size_t>(s.c) * 4, "a constant does not have one value a channel");
        break;
      case Op::kAdd: {
        const Shape& other = ShapeOf(node.inputs[1]);
        Require(s.n == other.n && s.h == other.h && s.w == other.w && s.c == other.c, "the terms of a sum differ in shape");
        break;
      }
      case Op::kConcat: {
        int64_t channels = 0;
        for (int input : node.inputs) {
          const Shape& other = ShapeOf(input);
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
        const int32_t* target = static_cast<const int32_t*>(Tensor(node.constant).data);
        Require(s.h == target[0] && s.w == target[1], "an upsampling is not by two");
        break;
      }
    }
    return s;
  }

  // ---- fusion

  void FindSignings() {
    std::map<int, int> readers;
    for (const Node& node : nodes_) {
      for (int input : node.inputs) ++readers[input];
    }
    absorbed_.assign(nodes_.size(), false);
    for (size_t i = 0; i < nodes_.size(); ++i) {
      if (nodes_[i].op != Op::kQuantize) continue;
      Sign sign = {static_cast<int>(i), nodes_[i].inputs[0]};
      for (const Op op : {Op::kShift, Op::kScale}) {
        const int made = Producer(sign.source);
        if (made < 0 || nodes_[made].op != op || readers[sign.source] != 1 || IsOutput(sign.source)) continue;
        (op == Op::kShift ? sign.shift : sign.scale) = nodes_[made].constant;
        absorbed_[made] = true;
        sign.source = nodes_[made].inputs[0];
      }
      signs_[sign.source].push_back(sign);
    }
  }

  // Nodes that read a tensor's floats, the signings apart.
  void CountConsumers() {
    for (size_t i = 0; i < nodes_.size(); ++i) {
      if (absorbed_[i] || nodes_[i].op == Op::kQuantize) continue;
      for (int input : nodes_[i].inputs) consumers_[input].push_back(static_cast<int>(i));
    }
  }

  bool OnlyReader(int tensor, int node) const {
    const auto found = consumers_.find(tensor);
    return found != consumers_.end() && found->second.size() == 1 && found->second[0] == node && !IsOutput(tensor);
  }

  // A convolution that may write wherever its only reader wants it.
  bool FreeConv(int tensor, int reader) const {
    const int made = Producer(tensor);
    if (made < 0 || nodes_[made].op != Op::kConv || nodes_[made].bits_out || !OnlyReader(tensor, reader)) return false;
    if (nodes_[made].conv.same_padding && !nodes_[made].conv.pad_ones) return false;
    // Its floats can't be looked at again, so whatever takes its sign must work on the counts.
    const int channels = ShapeOf(tensor).c;
    const auto signs = signs_.find(tensor);
    bool moderate = Moderate(Floats(nodes_[made].multiplier), channels) && Moderate(Floats(nodes_[made].bias), channels);
    if (signs == signs_.end()) return moderate;
    for (const Sign& sign : signs->second) {
      for (int constant : {sign.scale, sign.shift}) {
        if (constant >= 0) moderate = moderate && Moderate(Floats(constant), channels);
      }
    }
    return moderate;
  }

  // The convolutions that make up a tensor, in channel order; none where it is not made of free ones alone.
  std::vector<int> ConvsOf(int tensor, int reader) const {
    const int made = Producer(tensor);
    if (FreeConv(tensor, reader)) return {made};
    if (made < 0 || nodes_[made].op != Op::kConcat || !OnlyReader(tensor, reader) || signs_.count(tensor) != 0) return {};
    std::vector<int> convs;
    std::set<int> seen;
    for (int part : nodes_[made].inputs) {
      if (!FreeConv(part, made) || !seen.insert(part).second) return {};
      convs.push_back(Producer(part));
    }
    return convs;
  }

  void WriteSlices(const std::vector<int>& convs, FloatBuffer* buffer) {
    int channel = 0;
    for (int conv : convs) {
      convs_[conv].output = {buffer, channel};
      channel += ShapeOf(nodes_[conv].output).c;
    }
  }

  // The last convolutions to touch a sum also take its bits, where their slices begin on whole words.
  void SignSlices(const std::vector<int>& convs, int tensor) {
    int channel = 0;
    for (int conv : convs) {
      if (channel % kWord != 0) return;
      channel += ShapeOf(nodes_[conv].output).c;
    }
    for (const Sign& sign : signs_[tensor]) {
      channel = 0;
      for (int conv : convs) {
        slice_signs_.push_back({conv, sign, channel});
        channel += ShapeOf(nodes_[conv].output).c;
      }
    }
    signs_.erase(tensor);
  }

  void FuseAdds() {
    for (size_t i = 0; i < nodes_.size(); ++i) {
      const Node& node = nodes_[i];
      if (node.op != Op::kAdd || node.inputs[0] == node.inputs[1]) continue;
      for (int side = 0; side < 2; ++side) {
        const int ours = node.inputs[side], other = node.inputs[1 - side];
        const std::vector<int> convs = ConvsOf(ours, static_cast<int>(i));
        if (convs.empty()) continue;
        const int first = *std::min_element(convs.begin(), convs.end());
        const std::vector<int> earlier = ConvsOf(other, static_cast<int>(i));
        const bool in_place = !earlier.empty() && *std::max_element(earlier.begin(), earlier.end()) < first;
        if (!in_place && Producer(other) >= first) continue;
        FloatBuffer* sum = FloatsOf(node.output);
        WriteSlices(convs, sum);
        if (in_place) WriteSlices(earlier, sum);
        int channel = 0;
        for (int conv : convs) {
          convs_[conv].residual = in_place ? convs_[conv].output : FloatSlice{FloatsOf(other), channel};
          channel += ShapeOf(nodes_[conv].output).c;
        }
        for (const std::vector<int>& group : {convs, in_place ? earlier : std::vector<int>()}) {
          for (int conv : group) absorbed_concats_.insert(consumers_[nodes_[conv].output][0]);
        }
        absorbed_concats_.erase(static_cast<int>(i));
        absorbed_[i] = true;
        SignSlices(convs, node.output);
        break;
      }
    }
    for (int concat : absorbed_concats_) absorbed_[concat] = true;
  }

  void FuseConcats() {
    for (size_t i = 0; i < nodes_.size(); ++i) {
      const Node& node = nodes_[i];
      if (node.op != Op::kConcat || absorbed_[i]) continue;
      std::vector<int> convs;
      std::set<int> seen;
      for (int part : node.inputs) {
        if (FreeConv(part, static_cast<int>(i)) && seen.insert(part).second) convs.push_back(Producer(part));
      }
      if (convs.size() != node.inputs.size()) continue;
      WriteSlices(convs, FloatsOf(node.output));
      absorbed_[i] = true;
      SignSlices(convs, node.output);
    }
  }

  void FuseUpsamples() {
    for (size_t i = 0; i < nodes_.size(); ++i) {
      const Node& node = nodes_[i];
      if (node.op != Op::kAdd || absorbed_[i]) continue;
      for (int side = 0; side < 2; ++side) {
        const int made = Producer(node.inputs[side]);
        if (made < 0 || nodes_[made].op != Op::kUpsample || !OnlyReader(node.inputs[side], static_cast<int>(i))) continue;
        if (signs_.count(node.inputs[side]) != 0) continue;
        absorbed_[made] = true;
        upsampled_[i] = side;
        break;
      }
    }
  }

  // ---- buffers

  FloatBuffer* FloatsOf(int tensor) {
    FloatBuffer*& buffer = buffers_[tensor];
    if (buffer == nullptr) {
      program_.memory_.floats.push_back(std::make_unique<FloatBuffer>());
      buffer = program_.memory_.floats.back().get();
      buffer->channels = ShapeOf(tensor).c;
      buffer->pixels = ShapeOf(tensor).pixels();
      if (Producer(tensor) < 0 || IsOutput(tensor)) buffer->tensor = tensor;
    }
    return buffer;
  }

  bool FloatsNeeded(int tensor) const {
    const auto found = consumers_.find(tensor);
    return IsOutput(tensor) || (found != consumers_.end() && !found->second.empty());
  }

  void MakeImages() {
    std::set<int> all = bits_;
    all.insert(outside_bits_.begin(), outside_bits_.end());
    for (int tensor : all) {
      program_.memory_.images.push_back(std::make_unique<BitImage>());
      BitImage* image = program_.memory_.images.back().get();
      image->shape = ShapeOf(tensor);
      image->words = WordsFor(image->shape.c);
      images_[tensor] = image;
    }
    for (const Node& node : nodes_) {
      if (node.op != Op::kConv) continue;
      BitImage* image = images_[node.inputs[0]];
      const int* filter = Tensor(node.filter).dims->data;
      const Shape& in = image->shape;
      Margin(in.h, filter[1], node.conv.stride_height, node.conv.dilation_height, node.conv.same_padding, &image->top, &image->bottom);
      Margin(in.w, filter[2], node.conv.stride_width, node.conv.dilation_width, node.conv.same_padding, &image->left, &image->right);
    }
    for (auto& entry : images_) {
      BitImage* image = entry.second;
      image->pixel_bytes = static_cast<size_t>(image->words) * kernels_.word_bytes;
      const double rows = static_cast<double>(image->shape.h) + image->top + image->bottom;
      const double columns = static_cast<double>(image->shape.w) + image->left + image->right;
      Require(rows * columns * image->shape.n * static_cast<double>(image->pixel_bytes) < static_cast<double>(kMostElements),
              "a tensor is too large");
      image->row_bytes = static_cast<size_t>(columns) * image->pixel_bytes;
      image->image_bytes = static_cast<size_t>(rows) * image->row_bytes;
      image->bytes = AlignedBytes(image->image_bytes * image->shape.n);
    }
  }

  static void Margin(int size, int filter, int stride, int dilation, bool same, int* before, int* after) {
    int output, pad;
    OutputSize(size, filter, stride, dilation, same, &output, &pad);
    const int64_t end = static_cast<int64_t>(output - 1) * stride + static_cast<int64_t>(filter - 1) * dilation + 1 - pad;
    *before = std::max(*before, pad);
    *after = std::max(*after, static_cast<int>(std::max<int64_t>(end - size, 0)));
  }

  // ---- signings

  // Null where the signing is of the value itself; else `channels` values from the constant, from `channel` on.
  const float* Constant(int tensor, float neutral, const Sign& sign, int channel) {
    if (sign.scale < 0 && sign.shift < 0) return nullptr;
    if (tensor >= 0) return Floats(tensor) + channel;
    program_.memory_.constants.push_back(std::make_unique<std::vector<float>>(ShapeOf(sign.source).c, neutral));
    return program_.memory_.constants.back()->data() + channel;
  }

  Signing MakeSigning(const Sign& sign, int channel) {
    return {Constant(sign.scale, 1.0f, sign, channel), Constant(sign.shift, 0.0f, sign, channel),
            images_[nodes_[sign.node].output], channel / kWord};
  }

  std::vector<Signing> TakeSignings(int tensor) {
    std::vector<Signing> signings;
    for (const Sign& sign : signs_[tensor]) signings.push_back(MakeSigning(sign, 0));
    signs_.erase(tensor);
    return signings;
  }

  static bool Moderate(const float* values, int count) {
    for (int i = 0; i < count; ++i) {
      if (!(std::fabs(values[i]) < kModerate)) return false;
    }
    return true;
  }

  static bool Finite(const float* values, int count) {
    return std::all_of(values, values + count, [](float value) { return std::isfinite(value); });
  }

  // The signing of a convolution's output as thresholds on its counts. The output is a monotone function of the
  // count, rounding included, and so is its scaled and shifted value: its sign changes at one count at most, found
  // by bisection with the very arithmetic that it replaces.
  bool MakeThresholds(const ConvStep& conv, const Signing& signing, Thresholds* result) const {
    const int channels = conv.shape.channels_out;
    if (!Moderate(conv.multiplier.data(), channels) || !(Finite(conv.bias.data(), channels))) return false;
    if (signing.scale != nullptr && (!Moderate(signing.scale, channels) || !Moderate(signing.shift, channels))) return false;
    const Finish finish = {conv.multiplier.data(), conv.bias.data(), conv.clamp_min, conv.clamp_max, nullptr, nullptr};
    const int most = conv.depth_words * kWord;
    result->threshold.assign(WordsFor(channels) * kWord, INT32_MAX);
    result->flip.assign(WordsFor(channels), 0);
    result->image = signing.image;
    result->word = signing.word;
    for (int c = 0; c < channels; ++c) {
      const auto bit = [&](int count) {
        float value = FinishOne(finish, count, c);
        if (signing.scale != nullptr) value = value * signing.scale[c] + signing.shift[c];
        return value < 0.0f;
      };
      const bool at_zero = bit(0);
      if (at_zero) result->flip[c / kWord] |= 1u << (c % kWord);
      if (bit(most) == at_zero) continue;
      int low = 0, high = most;  // bit(low) == at_zero != bit(high)
      while (high - low > 1) {
        const int middle = low + (high - low) / 2;
        (bit(middle) == at_zero ? low : high) = middle;
      }
      result->threshold[c] = low;
    }
    return true;
  }

  // ---- steps

  void Push(std::unique_ptr<Step> step) {
    const int index = static_cast<int>(program_.steps_.size());
    for (FloatBuffer* buffer : step->Floats()) {
      if (buffer == nullptr) continue;
      if (buffer->first_step < 0) buffer->first_step = index;
      buffer->last_step = index;
    }
    program_.steps_.push_back(std::move(step));
  }

  void Import(int tensor) {
    if (outside_bits_.count(tensor) == 0 || !imported_.insert(tensor).second) return;
    auto step = std::make_unique<BitTensorStep>();
    step->kind = BitTensorStep::Kind::kImport;
    step->image = images_[tensor];
    step->tensor = tensor;
    Push(std::move(step));
  }

  void Export(int tensor) {
    if (!IsOutput(tensor)) return;
    auto step = std::make_unique<BitTensorStep>();
    step->kind = BitTensorStep::Kind::kExport;
    step->image = images_[tensor];
    step->tensor = tensor;
    Push(std::move(step));
  }

  void Emit(int index) {
    const Node& node = nodes_[index];
    if (absorbed_[index]) {
      if (node.op == Op::kAdd || node.op == Op::kConcat) EmitSignings(node.output);
      return;
    }
    switch (node.op) {
      case Op::kQuantize:
        // Bits that no other step has taken along.
        for (const auto& entry : signs_) {
          for (const Sign& sign : entry.second) {
            if (sign.node == index) {
              EmitSignings(entry.first);
              Export(node.output);
              return;
            }
          }
        }
        Export(node.output);
        return;
      case Op::kDequantize: {
        Import(node.inputs[0]);
        auto step = std::make_unique<BitTensorStep>();
        step->kind = BitTensorStep::Kind::kUnpack;
        step->image = images_[node.inputs[0]];
        step->output = {FloatsOf(node.output), 0};
        Push(std::move(step));
        return;
      }
      case Op::kBitPool: {
        Import(node.inputs[0]);
        auto step = std::make_unique<BitPoolStep>();
        step->input = images_[node.inputs[0]];
        step->output = images_[node.output];
        step->pool = node.pool;
        int size;
        const Shape& in = step->input->shape;
        OutputSize(in.h, node.pool.filter_height, node.pool.stride_height, 1, node.pool.same_padding, &size, &step->pad_top);
        OutputSize(in.w, node.pool.filter_width, node.pool.stride_width, 1, node.pool.same_padding, &size, &step->pad_left);
        Push(std::move(step));
        Export(node.output);
        return;
      }
      case Op::kConv:
        EmitConv(index);
        return;
      default:
        EmitMap(index);
        return;
    }
  }

  // A pass of its own over a tensor whose bits nothing else has taken.
  void EmitSignings(int tensor) {
    if (signs_.count(tensor) == 0) return;
    auto step = std::make_unique<MapStep>();
    step->kind = MapStep::Kind::kSign;
    step->shape = ShapeOf(tensor);
    step->channels = step->shape.c;
    step->a = {FloatsOf(tensor), 0};
    step->signings = TakeSignings(tensor);
    Push(std::move(step));
  }

  void EmitMap(int index) {
    const Node& node = nodes_[index];
    using Kind = MapStep::Kind;
    if (node.op == Op::kConcat) {
      int channel = 0;
      for (int part : node.inputs) {
        auto step = std::make_unique<MapStep>();
        step->kind = Kind::kCopy;
        step->shape = ShapeOf(part);
        step->channels = step->shape.c;
        step->output = {FloatsOf(node.output), channel};
        step->a = {FloatsOf(part), 0};
        channel += step->channels;
        Push(std::move(step));
      }
      EmitSignings(node.output);
      return;
    }
    auto step = std::make_unique<MapStep>();
    step->shape = ShapeOf(node.output);
    step->channels = step->shape.c;
    step->output = {FloatsOf(node.output), 0};
    int first = node.inputs[0], second = node.op == Op::kAdd ? node.inputs[1] : -1;
    switch (node.op) {
      case Op::kScale:
      case Op::kShift:
        step->kind = node.op == Op::kScale ? Kind::kScale : Kind::kShift;
        step->constant = Floats(node.constant);
        break;
      case Op::kMaxPool: {
        step->kind = Kind::kMaxPool;
        step->pool = node.pool;
        step->input_shape = ShapeOf(first);
        int size;
        OutputSize(step->input_shape.h, node.pool.filter_height, node.pool.stride_height, 1, node.pool.same_padding, &size, &step->pad_top);
        OutputSize(step->input_shape.w, node.pool.filter_width, node.pool.stride_width, 1, node.pool.same_padding, &size, &step->pad_left);
        break;
      }
      case Op::kUpsample:
        step->kind = Kind::kUpsample;
        break;
      default:
        step->kind = Kind::kAdd;
        if (upsampled_.count(index) != 0) {
          step->kind = Kind::kAddUpsampled;
          if (upsampled_[index] == 0) std::swap(first, second);
          second = nodes_[Producer(second)].inputs[0];
        }
    }
    step->a = {FloatsOf(first), 0};
    if (second >= 0) step->b = {FloatsOf(second), 0};
    step->signings = TakeSignings(node.output);
    Push(std::move(step));
  }

  void EmitConv(int index) {
    const Node& node = nodes_[index];
    Import(node.inputs[0]);
    auto step = std::make_unique<ConvStep>();
    BitImage* input = images_[node.inputs[0]];
    const Shape& out = ShapeOf(node.output);
    const int* filter = Tensor(node.filter).dims->data;
    step->input = input;
    step->options = node.conv;
    step->out_shape = out;
    step->shape = {input->shape.n, input->shape.h, input->shape.w, out.h, out.w, out.c, filter[1], filter[2], input->words};
    int size;
    OutputSize(input->shape.h, filter[1], node.conv.stride_height, node.conv.dilation_height, node.conv.same_padding, &size, &step->pad_top);
    OutputSize(input->shape.w, filter[2], node.conv.stride_width, node.conv.dilation_width, node.conv.same_padding, &size, &step->pad_left);

    for (int y = 0; y < filter[1]; ++y) {
      for (int x = 0; x < filter[2]; ++x) {
        const ptrdiff_t at = static_cast<ptrdiff_t>(y) * node.conv.dilation_height * input->row_bytes +
                             static_cast<ptrdiff_t>(x) * node.conv.dilation_width * input->pixel_bytes;
        if (x > 0 && node.conv.dilation_width == 1) {
          step->windows.back().words += input->words;  // the pixels of a row lie side by side
        } else {
          step->windows.push_back({at, input->words});
        }
      }
    }
    step->depth_words = filter[1] * filter[2] * input->words;
    SetArithmetic(node, step.get());
    step->SetFilters(kernels_, static_cast<const uint32_t*>(Tensor(node.filter).data));

    if (node.bits_out) {
      Thresholds thresholds;
      const int32_t* given = static_cast<const int32_t*>(Tensor(node.threshold).data);
      thresholds.threshold.assign(WordsFor(out.c) * kWord, INT32_MAX);
      std::copy(given, given + out.c, thresholds.threshold.begin());
      thresholds.flip.assign(WordsFor(out.c), 0);
      thresholds.image = images_[node.output];
      step->thresholds.push_back(std::move(thresholds));
      Push(std::move(step));
      Export(node.output);
      return;
    }

    const bool zero_padded = node.conv.same_padding && !node.conv.pad_ones;
    if (zero_padded) {
      step->zero_padding_filter = static_cast<const uint32_t*>(Tensor(node.filter).data);
      step->zero_padding_multiplier = Floats(node.multiplier);
    }
    const auto plan = convs_.find(index);
    if (plan != convs_.end()) {
      step->output = plan->second.output;
      step->residual = plan->second.residual;
    }
    // Signings of the output itself, compared as counts; those that can't be are left to a pass over the floats.
    std::vector<Sign> left;
    for (const Sign& sign : signs_[node.output]) {
      Thresholds thresholds;
      if (!zero_padded && MakeThresholds(*step, MakeSigning(sign, 0), &thresholds)) {
        step->thresholds.push_back(std::move(thresholds));
      } else {
        left.push_back(sign);
      }
    }
    signs_[node.output] = left;
    if (left.empty()) signs_.erase(node.output);
    for (const SliceSign& slice : slice_signs_) {
      if (slice.conv != index) continue;
      step->signings.push_back(MakeSigning(slice.sign, slice.channel));
    }
    if (step->output.buffer == nullptr && (FloatsNeeded(node.output) || zero_padded || signs_.count(node.output) != 0)) {
      step->output = {FloatsOf(node.output), 0};
    }
    Push(std::move(step));
  }

  // LCE's order of rounding: the multiplier and the offset are made in double, then kept as float.
  void SetArithmetic(const Node& node, ConvStep* step) {
    const ConvShape& s = step->shape;
    step->multiplier.assign(WordsFor(s.channels_out) * kWord, 0.0f);
    step->bias.assign(step->multiplier.size(), 0.0f);
    const int64_t depth = static_cast<int64_t>(s.filter_height) * s.filter_width * node.conv.channels_in;
    Require(depth < 1 << 24 && static_cast<int64_t>(s.filter_height) * s.filter_width * s.words * kWord < 1 << 24,
            "LceBconv2d: the filter is too large");
    if (!node.bits_out) {
      const float* multiplier = Floats(node.multiplier);
      const float* bias = Floats(node.bias);
      for (int c = 0; c < s.channels_out; ++c) {
        const double scale = multiplier[c];
        step->multiplier[c] = static_cast<float>(-1 * scale);
        step->bias[c] = static_cast<float>(static_cast<double>(bias[c]) + static_cast<double>(depth) * scale);
      }
    }
    const int64_t least = std::max<int64_t>(node.conv.activation_min, -depth);
    const int64_t most = std::min<int64_t>(node.conv.activation_max, depth);
    step->clamp_min = static_cast<int32_t>(depth - most);
    step->clamp_max = static_cast<int32_t>(depth - least);
  }

  // Buffers that are never alive together share memory: largest first, each at the lowest place that is free.
  void PlaceFloats() {
    std::vector<FloatBuffer*> order;
    for (const auto& buffer : program_.memory_.floats) {
      if (buffer->tensor < 0 && buffer->first_step >= 0) order.push_back(buffer.get());
    }
    const auto bytes = [](const FloatBuffer* b) { return (static_cast<size_t>(b->pixels) * b->channels * 4 + 127) / 64 * 64; };
    std::stable_sort(order.begin(), order.end(), [&](FloatBuffer* a, FloatBuffer* b) { return bytes(a) > bytes(b); });
    size_t total = 0;
    for (size_t i = 0; i < order.size(); ++i) {
      std::vector<std::pair<size_t, size_t>> taken;
      for (size_t j = 0; j < i; ++j) {
        if (order[j]->first_step <= order[i]->last_step && order[i]->first_step <= order[j]->last_step) {
          taken.push_back({order[j]->offset, order[j]->offset + bytes(order[j])});
        }
      }
      std::sort(taken.begin(), taken.end());
      size_t at = 0;
      for (const auto& range : taken) {
        if (at + bytes(order[i]) <= range.first) break;
        at = std::max(at, range.second);
      }
      order[i]->offset = at;
      total = std::max(total, at + bytes(order[i]));
    }
    program_.memory_.arena = AlignedBytes(total);
    for (FloatBuffer* buffer : order) {
      buffer->data = reinterpret_cast<float*>(program_.memory_.arena.data() + buffer->offset);
    }
  }

  struct SliceSign {
    int conv;
    Sign sign;
    int channel;
  };

  const TfLiteContext* context_;
  const std::vector<Node>& nodes_;
  const std::set<int> outputs_;
  const Kernels& kernels_;
  Program& program_;
  std::map<int, int> producer_;
  std::set<int> bits_, outside_bits_, imported_, absorbed_concats_;
  std::vector<bool> absorbed_;
  std::map<int, std::vector<Sign>> signs_;  // by source, those not yet taken along
  std::map<int, std::vector<int>> consumers_;
  std::map<int, ConvPlan> convs_;
  std::map<int, int> upsampled_;  // add node -> which input is upsampled
  std::vector<SliceSign> slice_signs_;
  std::map<int, FloatBuffer*> buffers_;
  std::map<int, BitImage*> images_;
};

std::string Program::Plan(const TfLiteContext* context, const std::vector<Node>& nodes, const std::vector<int>& outputs,
                          const Kernels& kernels) {
  steps_.clear();
  memory_ = Memory();
  try {
    Planner(context, nodes, outputs, kernels, this).Plan();
  } catch (const PlanError& error) {
    return error.what();
  } catch (const std::bad_alloc&) {
    return "not enough memory";
  }
  seconds_.assign(steps_.size(), 0.0);
  return "";
}

std::vector<int> Program::DimsOf(int tensor, int rank, bool bits) const {
  const Shape& s = shapes_[tensor];
  const int sizes[4] = {s.n, s.h, s.w, bits ? WordsFor(s.c) : s.c};
  return std::vector<int>(sizes + 4 - rank, sizes + 4);
}

void Program::Run(const TfLiteContext* context, const Kernels& kernels, ThreadPool* pool, bool profile) {
  for (const auto& buffer : memory_.floats) {
    if (buffer->tensor >= 0) buffer->data = static_cast<float*>(context->tensors[buffer->tensor].data);
  }
  const RunContext run = {context, &kernels, pool};
  if (!profile) {
    for (const auto& step : steps_) step->Run(run);
    return;
  }
  for (size_t i = 0; i < steps_.size(); ++i) {
    const auto start = std::chrono::steady_clock::now();
    steps_[i]->Run(run);
    const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (seconds_[i] == 0.0 || took < seconds_[i]) seconds_[i] = took;
  }
}

std::string Program::Profile() const {
  std::string text;
  for (size_t i = 0; i < steps_.size(); ++i) {
    char line[32];
    std::snprintf(line, sizeof line, "%9.3f ms  ", seconds_[i] * 1e3);
    text += line + steps_[i]->Name() + "\n";
  }
  return text;
}
