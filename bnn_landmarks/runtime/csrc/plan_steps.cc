#include <algorithm>
#include <cmath>

#include "plan.h"

namespace bnn {

namespace {

constexpr int kLongestRow = 1 << 16;

class StepMaker {
 public:
  explicit StepMaker(Plan* plan) : plan_(*plan), nodes_(plan->graph.nodes) {}

  void MakeAll() {
    plan_.program.floats.assign(plan_.graph.tensors.size(), FloatPlace());
    for (size_t i = 0; i < nodes_.size(); ++i) Emit(static_cast<int>(i));
  }

 private:
  void Push(std::unique_ptr<Step> step) {
    const int index = static_cast<int>(plan_.program.steps.size());
    for (int tensor : step->Floats()) {
      if (tensor < 0) continue;
      FloatPlace& place = plan_.program.floats[tensor];
      if (!place.used) {
        place.used = true;
        place.outside = plan_.producer(tensor) < 0 || plan_.is_output(tensor);
        place.channels = plan_.shape(tensor).c;
        place.pixels = plan_.shape(tensor).pixels();
        place.first_step = index;
      }
      place.last_step = index;
    }
    plan_.program.scratch_floats = std::max(plan_.program.scratch_floats, step->ScratchFloats());
    plan_.program.weight_bytes += step->WeightBytes();
    plan_.program.steps.push_back(std::move(step));
  }

  FloatSlice Whole(int tensor) const { return {tensor, 0, plan_.shape(tensor).c}; }

  std::vector<float> Constants(int tensor) const {
    const float* values = plan_.floats(tensor);
    return std::vector<float>(values, values + plan_.tensor(tensor).bytes / sizeof(float));
  }

  // ---- signs

  // From `channel` of the source on.
  Signing MakeSigning(const Sign& sign, int channel) const {
    Signing signing;
    signing.image = plan_.images[nodes_[sign.node].output];
    signing.word = channel / kWord;
    if (sign.scale < 0 && sign.shift < 0) return signing;
    const int channels = plan_.shape(sign.source).c;
    const auto from = [&](int constant, float neutral) {
      std::vector<float> values(channels, neutral);
      if (constant >= 0) values = Constants(constant);
      values.erase(values.begin(), values.begin() + channel);
      return values;
    };
    signing.scale = from(sign.scale, 1.0f);
    signing.shift = from(sign.shift, 0.0f);
    return signing;
  }

  std::vector<Signing> TakeSignings(int tensor) {
    std::vector<Signing> signings;
    for (const Sign& sign : plan_.signs[tensor]) signings.push_back(MakeSigning(sign, 0));
    plan_.signs.erase(tensor);
    return signings;
  }

  // The signing of a convolution's output as thresholds on its counts. The output is a monotone function of the
  // count, rounding included, and so is its scaled and shifted value: its sign changes at one count at most, found
  // by bisection with the very arithmetic that it replaces.
  bool MakeThresholds(const ConvStep& conv, const Signing& signing, Thresholds* result) const {
    const int channels = conv.shape.channels_out;
    if (!Moderate(conv.multiplier.data(), channels)) return false;
    if (!std::all_of(conv.bias.begin(), conv.bias.end(), [](float value) { return std::isfinite(value); }))
      return false;
    const bool plain = signing.scale.empty();
    if (!plain && (!Moderate(signing.scale.data(), channels) || !Moderate(signing.shift.data(), channels)))
      return false;
    const Finish finish = {conv.multiplier.data(),
                           conv.bias.data(),
                           conv.clamp_min,
                           conv.clamp_max,
                           conv.least,
                           nullptr,
                           0,
                           nullptr,
                           nullptr,
                           nullptr,
                           nullptr};
    const int most = conv.depth_words * kWord;
    result->threshold.assign(WordsFor(channels) * kWord, INT32_MAX);
    result->flip.assign(WordsFor(channels), 0);
    result->image = signing.image;
    result->word = signing.word;
    for (int c = 0; c < channels; ++c) {
      const auto bit = [&](int count) {
        float value = FinishOne(finish, count, c);
        if (!plain) value = value * signing.scale[c] + signing.shift[c];
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

  // A pass of its own over a tensor whose bits nothing else has taken.
  void EmitSignings(int tensor) {
    if (plan_.signs.count(tensor) == 0) return;
    auto step = std::make_unique<MapStep>();
    step->kind = MapStep::Kind::kSign;
    step->shape = plan_.shape(tensor);
    step->channels = step->shape.c;
    step->a = Whole(tensor);
    step->signings = TakeSignings(tensor);
    Push(std::move(step));
  }

  // ---- bits that cross the border

  void Import(int tensor) {
    if (plan_.outside_bits.count(tensor) == 0 || !imported_.insert(tensor).second) return;
    PushBitTensor(BitTensorStep::Kind::kImport, tensor);
  }

  void Export(int tensor) {
    if (plan_.is_output(tensor)) PushBitTensor(BitTensorStep::Kind::kExport, tensor);
  }

  void PushBitTensor(BitTensorStep::Kind kind, int tensor) {
    auto step = std::make_unique<BitTensorStep>();
    step->kind = kind;
    step->image = plan_.images[tensor];
    step->tensor = tensor;
    Push(std::move(step));
  }

  // ---- nodes

  void Emit(int index) {
    const Node& node = nodes_[index];
    if (plan_.absorbed[index]) {
      if (node.op != Op::kScale && node.op != Op::kShift) EmitSignings(node.output);
      return;
    }
    switch (node.op) {
      case Op::kQuantize:
        EmitQuantize(index);
        return;
      case Op::kDequantize: {
        Import(node.inputs[0]);
        auto step = std::make_unique<BitTensorStep>();
        step->kind = BitTensorStep::Kind::kUnpack;
        step->image = plan_.images[node.inputs[0]];
        step->output = Whole(node.output);
        Push(std::move(step));
        EmitSignings(node.output);
        return;
      }
      case Op::kBitPool: {
        Import(node.inputs[0]);
        auto step = std::make_unique<BitPoolStep>();
        step->input = plan_.images[node.inputs[0]];
        step->output = plan_.images[node.output];
        SetPool(node.pool, step->input->shape, step.get());
        Push(std::move(step));
        Export(node.output);
        return;
      }
      case Op::kConv:
        EmitConv(index);
        return;
      case Op::kFloatConv:
        EmitFloatConv(index);
        return;
      case Op::kConcat:
        EmitConcat(node);
        return;
      default: {
        auto step = MakeMap(index);
        step->signings = TakeSignings(node.output);
        if (step->signings.empty()) Flatten(step.get());
        Push(std::move(step));
      }
    }
  }

  // Bits that no other step has taken along.
  void EmitQuantize(int index) {
    for (const auto& entry : plan_.signs) {
      for (const Sign& sign : entry.second) {
        if (sign.node != index) continue;
        EmitSignings(entry.first);
        Export(nodes_[index].output);
        return;
      }
    }
    Export(nodes_[index].output);
  }

  template <typename PoolingStep>
  static void SetPool(const PoolOptions& pool, const Shape& in, PoolingStep* step) {
    int size;
    step->pool = pool;
    OutputSize(in.h, pool.filter_height, pool.stride_height, 1, pool.same_padding, &size, &step->pad_top);
    OutputSize(in.w, pool.filter_width, pool.stride_width, 1, pool.same_padding, &size, &step->pad_left);
  }

  void EmitConcat(const Node& node) {
    int channel = 0;
    for (int part : node.inputs) {
      auto step = std::make_unique<MapStep>();
      step->kind = MapStep::Kind::kCopy;
      step->shape = plan_.shape(part);
      step->channels = step->shape.c;
      step->output = {node.output, channel, plan_.shape(node.output).c};
      step->a = Whole(part);
      channel += step->channels;
      Push(std::move(step));
    }
    EmitSignings(node.output);
  }

  // A map, or a constant repeated for every channel.
  void SetOperand(int tensor, int channels, FloatSlice* map, std::vector<float>* constant) const {
    if (!plan_.tensor(tensor).constant()) {
      *map = Whole(tensor);
      return;
    }
    *constant = Constants(tensor);
    if (constant->size() == 1) constant->assign(channels, constant->front());
  }

  static bool IsPointwise(MapStep::Kind kind) {
    using Kind = MapStep::Kind;
    switch (kind) {
      case Kind::kScale:
      case Kind::kShift:
      case Kind::kAdd:
      case Kind::kCast:
      case Kind::kClamp:
      case Kind::kRound:
      case Kind::kFloor:
      case Kind::kPrelu:
      case Kind::kUnitSign:
      case Kind::kBinary:
      case Kind::kSelect:
        return true;
      default:
        return false;
    }
  }

  // A row of pixels at a time, where each value is made of those in its place.
  static void Flatten(MapStep* step) {
    const int width = step->shape.w, length = width * step->channels;
    if (!IsPointwise(step->kind) || length > kLongestRow) return;
    for (std::vector<float>* constant : {&step->constant, &step->constant_b}) {
      const std::vector<float> once = *constant;
      for (int i = 1; i < width; ++i) constant->insert(constant->end(), once.begin(), once.end());
    }
    for (FloatSlice* slice : {&step->output, &step->a, &step->b, &step->condition}) slice->stride = length;
    step->shape.w = 1;
    step->channels = length;
  }

  std::unique_ptr<MapStep> MakeMap(int index) const {
    const Node& node = nodes_[index];
    using Kind = MapStep::Kind;
    auto step = std::make_unique<MapStep>();
    step->shape = plan_.shape(node.output);
    step->channels = step->shape.c;
    step->output = Whole(node.output);
    if (node.op != Op::kBinary && node.op != Op::kSelect && node.op != Op::kCast) step->a = Whole(node.inputs[0]);
    switch (node.op) {
      case Op::kScale:
      case Op::kShift:
      case Op::kPrelu:
        step->kind = node.op == Op::kScale ? Kind::kScale : node.op == Op::kShift ? Kind::kShift : Kind::kPrelu;
        step->constant = Constants(node.constant);
        break;
      case Op::kMaxPool:
      case Op::kAveragePool:
        step->kind = node.op == Op::kMaxPool ? Kind::kMaxPool : Kind::kAveragePool;
        step->input_shape = plan_.shape(node.inputs[0]);
        SetPool(node.pool, step->input_shape, step.get());
        break;
      case Op::kUpsample:
        step->kind = Kind::kUpsample;
        break;
      case Op::kCast:
        step->kind = Kind::kCast;
        step->outside = node.inputs[0];
        break;
      case Op::kUnary:
        step->kind = node.unary == Unary::kClamp   ? Kind::kClamp
                     : node.unary == Unary::kRound ? Kind::kRound
                     : node.unary == Unary::kFloor ? Kind::kFloor
                     : node.unary == Unary::kSign  ? Kind::kUnitSign
                                                   : Kind::kCopy;
        step->low = node.low;
        step->high = node.high;
        break;
      case Op::kBinary:
        step->kind = Kind::kBinary;
        step->binary = node.binary;
        SetOperand(node.inputs[0], step->channels, &step->a, &step->constant);
        SetOperand(node.inputs[1], step->channels, &step->b, &step->constant_b);
        break;
      case Op::kSelect:
        step->kind = Kind::kSelect;
        step->condition = Whole(node.inputs[0]);
        SetOperand(node.inputs[1], step->channels, &step->a, &step->constant);
        SetOperand(node.inputs[2], step->channels, &step->b, &step->constant_b);
        break;
      case Op::kPad:
        step->kind = Kind::kPad;
        step->input_shape = plan_.shape(node.inputs[0]);
        step->pad_top = node.pad_top;
        step->pad_left = node.pad_left;
        step->fill = node.fill;
        break;
      case Op::kSlice:
        step->kind = Kind::kCopy;
        step->a.channel = node.first_channel;
        break;
      default: {  // kAdd
        step->kind = Kind::kAdd;
        step->b = Whole(node.inputs[1]);
        const auto upsampled = plan_.upsampled.find(index);
        if (upsampled == plan_.upsampled.end()) break;
        step->kind = Kind::kAddUpsampled;
        if (upsampled->second == 0) std::swap(step->a, step->b);
        step->b = Whole(nodes_[plan_.producer(step->b.tensor)].inputs[0]);
      }
    }
    return step;
  }

  void EmitFloatConv(int index) {
    const Node& node = nodes_[index];
    auto step = std::make_unique<FloatConvStep>();
    const std::vector<int>& filter = plan_.tensor(node.filter).dims;
    const FloatConvOptions& o = node.float_conv;
    step->options = o;
    step->in_shape = plan_.shape(node.inputs[0]);
    step->out_shape = plan_.shape(node.output);
    const auto before = plan_.made_along.find(index);
    if (before == plan_.made_along.end()) {
      step->input = Whole(node.inputs[0]);
    } else {
      const Node& conv = nodes_[before->second];
      Import(conv.inputs[0]);
      step->before = MakeConv(conv, 0, plan_.shape(conv.output).c);
      step->before->least = plan_.targets[before->second].least;
    }
    step->filter_height = filter[1];
    step->filter_width = filter[2];
    int size;
    OutputSize(step->in_shape.h, filter[1], o.stride_height, o.dilation_height, o.same_padding, &size, &step->pad_top);
    OutputSize(step->in_shape.w, filter[2], o.stride_width, o.dilation_width, o.same_padding, &size, &step->pad_left);
    step->bias.assign((filter[0] + kPanel - 1) / kPanel * kPanel, 0.0f);
    if (node.bias >= 0) std::copy_n(plan_.floats(node.bias), filter[0], step->bias.begin());
    step->low = node.low;
    step->high = node.high;
    step->SetFilters(plan_.floats(node.filter), filter[0]);
    step->signings = TakeSignings(node.output);
    step->fused = !step->signings.empty() || plan_.is_read(node.output);
    if (plan_.floats_needed(node.output) || step->signings.empty()) step->output = Whole(node.output);
    const auto source = plan_.pixel_sources.find(index);
    if (source != plan_.pixel_sources.end()) {
      EmitPixelConv(node, source->second, std::move(step));
    } else {
      Push(std::move(step));
    }
  }

  void EmitPixelConv(const Node& node, const PixelSource& source, std::unique_ptr<FloatConvStep> floats) {
    auto step = std::make_unique<PixelConvStep>();
    step->outside = source.outside;
    step->bytes = source.bytes;
    step->image = plan_.images[source.outside];
    step->out_shape = floats->out_shape;
    step->stride_height = node.float_conv.stride_height;
    step->stride_width = node.float_conv.stride_width;
    step->pad_top = floats->pad_top;
    step->pad_left = floats->pad_left;
    const int row = floats->filter_width * step->image->shape.c;
    const int words = plan_.kernels.dot_order == DotOrder::kDense ? row : (row + 3) / 4;
    for (int y = 0; y < floats->filter_height; ++y) {
      step->windows.push_back(
          {static_cast<ptrdiff_t>(y) * node.float_conv.dilation_height * static_cast<ptrdiff_t>(step->image->row_bytes),
           words});
    }
    step->SetFilters(plan_.kernels, plan_.floats(node.filter), step->out_shape.c, floats->filter_height,
                     floats->filter_width);
    for (const Signing& signing : floats->signings) {
      Thresholds thresholds;
      thresholds.image = signing.image;
      thresholds.word = signing.word;
      thresholds.threshold.assign(WordsFor(step->out_shape.c) * kWord, INT32_MAX);
      thresholds.flip.assign(WordsFor(step->out_shape.c), 0);
      for (int c = 0; c < step->out_shape.c; ++c) {
        // sum + bias < 0 unless sum > ceil(-bias) - 1
        thresholds.threshold[c] = static_cast<int32_t>(std::ceil(-static_cast<double>(floats->bias[c]))) - 1;
        thresholds.flip[c / kWord] |= 1u << (c % kWord);
      }
      step->thresholds.push_back(std::move(thresholds));
    }
    for (int before : source.nodes) step->otherwise.push_back(MakeMap(before));
    step->otherwise.push_back(std::move(floats));
    Push(std::move(step));
  }

  // A convolution's arithmetic, of so many of its channels.
  std::unique_ptr<ConvStep> MakeConv(const Node& node, int channel, int channels) const {
    auto step = std::make_unique<ConvStep>();
    const BitImage* input = plan_.images.at(node.inputs[0]);
    const std::vector<int>& filter = plan_.tensor(node.filter).dims;
    step->input = input;
    step->options = node.conv;
    step->out_shape = plan_.shape(node.output);
    step->out_shape.c = channels;
    const Shape& out = step->out_shape;
    step->shape = {input->shape.n, input->shape.h, input->shape.w, out.h,       out.w,
                   channels,       filter[1],      filter[2],      input->words};
    int size;
    OutputSize(input->shape.h, filter[1], node.conv.stride_height, node.conv.dilation_height, node.conv.same_padding,
               &size, &step->pad_top);
    OutputSize(input->shape.w, filter[2], node.conv.stride_width, node.conv.dilation_width, node.conv.same_padding,
               &size, &step->pad_left);

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
    SetArithmetic(node, channel, step.get());
    step->SetFilters(plan_.kernels, Words(node.filter) + static_cast<size_t>(channel) * step->depth_words);
    return step;
  }

  const uint32_t* Words(int tensor) const { return static_cast<const uint32_t*>(plan_.tensor(tensor).data); }

  void EmitConv(int index) {
    const Node& node = nodes_[index];
    Import(node.inputs[0]);
    auto step = MakeConv(node, 0, plan_.shape(node.output).c);
    const Shape& out = step->out_shape;

    if (node.bits_out) {
      Thresholds thresholds;
      const int32_t* given = static_cast<const int32_t*>(plan_.tensor(node.threshold).data);
      thresholds.threshold.assign(WordsFor(out.c) * kWord, INT32_MAX);
      std::copy(given, given + out.c, thresholds.threshold.begin());
      thresholds.flip.assign(WordsFor(out.c), 0);
      thresholds.image = plan_.images[node.output];
      step->thresholds.push_back(std::move(thresholds));
      Push(std::move(step));
      Export(node.output);
      return;
    }

    const bool zero_padded = node.conv.same_padding && !node.conv.pad_ones;
    if (zero_padded) {
      step->tap_weights = TapWeights(step->shape, step->options, Words(node.filter));
      step->zero_padding_multiplier = Constants(node.multiplier);
    }
    const auto target = plan_.targets.find(index);
    if (target != plan_.targets.end()) SetTarget(target->second, out.c, step.get());
    // Signings of the output itself, compared as counts; those that can't be are left to a pass over the floats.
    std::vector<Sign> left;
    for (const Sign& sign : plan_.signs[node.output]) {
      Thresholds thresholds;
      if (!zero_padded && MakeThresholds(*step, MakeSigning(sign, 0), &thresholds)) {
        step->thresholds.push_back(std::move(thresholds));
      } else {
        left.push_back(sign);
      }
    }
    plan_.signs[node.output] = left;
    if (left.empty()) plan_.signs.erase(node.output);
    for (const SliceSign& slice : plan_.slice_signs) {
      if (slice.conv != index) continue;
      step->signings.push_back(MakeSigning(slice.sign, slice.channel));
      if (!step->signings.back().scale.empty()) continue;
      step->signings.back().scale.assign(out.c, 1.0f);
      step->signings.back().shift.assign(out.c, 0.0f);
    }
    if (!step->output.wanted() &&
        (plan_.floats_needed(node.output) || zero_padded || plan_.signs.count(node.output) != 0)) {
      step->output = Whole(node.output);
    }
    Push(std::move(step));
  }

  void SetTarget(const ConvTarget& target, int channels, ConvStep* step) {
    step->output = target.output;
    step->residual = target.residual;
    step->extra = target.extra;
    step->pooled = target.pooled;
    step->least = target.least;
    if (target.shortcut < 0) return;
    Import(nodes_[target.shortcut].inputs[0]);
    step->shortcut = MakeConv(nodes_[target.shortcut], target.shortcut_channel, channels);
  }

  // LCE's order of rounding: the multiplier and the offset are made in double, then kept as float.
  void SetArithmetic(const Node& node, int channel, ConvStep* step) const {
    const ConvShape& s = step->shape;
    step->multiplier.assign(WordsFor(s.channels_out) * kWord, 0.0f);
    step->bias.assign(step->multiplier.size(), 0.0f);
    const int64_t depth = static_cast<int64_t>(s.filter_height) * s.filter_width * node.conv.channels_in;
    Require(depth < 1 << 24 && static_cast<int64_t>(s.filter_height) * s.filter_width * s.words * kWord < 1 << 24,
            "LceBconv2d: the filter is too large");
    if (!node.bits_out) {
      const float* multiplier = plan_.floats(node.multiplier) + channel;
      const float* bias = plan_.floats(node.bias) + channel;
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
    step->most = step->clamp_max / 2;
    if (step->clamp_min > 0 || step->clamp_max % 2 != 0) return;
    for (float multiplier : step->multiplier) {
      if (!IsExact(multiplier, std::min<int64_t>(step->most, step->depth_words * kWord))) return;
    }
    step->doubled = step->multiplier;
    for (float& value : step->doubled) value *= 2;
  }

  // Whether the products with all whole numbers up to `most` are floats.
  static bool IsExact(float value, int64_t most) {
    if (value == 0.0f) return true;
    if (!(std::fabs(value) > 1e-30f && std::fabs(value) < 1e30f)) return false;
    int exponent;
    const auto digits = static_cast<int64_t>(std::ldexp(std::frexp(std::fabs(value), &exponent), 24));
    return (digits & -digits) > most;  // as many zeros behind its digits as `most` has digits
  }

  Plan& plan_;
  const std::vector<Node>& nodes_;
  std::set<int> imported_;
};

}  // namespace

void PlanSteps(Plan* plan) { StepMaker(plan).MakeAll(); }

}  // namespace bnn
