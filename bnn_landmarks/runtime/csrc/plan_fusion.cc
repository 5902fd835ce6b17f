#include <algorithm>
#include <cmath>

#include "plan.h"

namespace bnn {

namespace {

constexpr float kModerate = 1e6f;

void FindSigns(Plan* plan) {
  const std::vector<Node>& nodes = plan->graph.nodes;
  std::map<int, int> readers;
  for (const Node& node : nodes) {
    for (int input : node.inputs) ++readers[input];
  }
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i].op != Op::kQuantize) continue;
    Sign sign = {static_cast<int>(i), nodes[i].inputs[0]};
    for (const Op op : {Op::kShift, Op::kScale}) {
      const int made = plan->producer(sign.source);
      if (made < 0 || nodes[made].op != op || readers[sign.source] != 1 || plan->is_output(sign.source)) continue;
      (op == Op::kShift ? sign.shift : sign.scale) = nodes[made].constant;
      plan->absorbed[made] = true;
      sign.source = nodes[made].inputs[0];
    }
    plan->signs[sign.source].push_back(sign);
  }
}

// Nodes that read a tensor's floats, the signs apart.
void FindConsumers(Plan* plan) {
  const std::vector<Node>& nodes = plan->graph.nodes;
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (plan->absorbed[i] || nodes[i].op == Op::kQuantize) continue;
    for (int input : nodes[i].inputs) plan->consumers[input].push_back(static_cast<int>(i));
  }
}

bool OnlyReader(const Plan& plan, int tensor, int node) {
  const auto found = plan.consumers.find(tensor);
  return found != plan.consumers.end() && found->second.size() == 1 && found->second[0] == node &&
         !plan.is_output(tensor);
}

// Whether a tensor is made by a binary convolution that may write wherever its only reader wants it.
bool IsFreeConv(const Plan& plan, int tensor, int reader) {
  const int made = plan.producer(tensor);
  if (made < 0) return false;
  const Node& node = plan.graph.nodes[made];
  if (node.op != Op::kConv || node.bits_out || !OnlyReader(plan, tensor, reader)) return false;
  if (node.conv.same_padding && !node.conv.pad_ones) return false;
  // Its floats can't be looked at again, so whatever takes its sign must work on the counts.
  const int channels = plan.shape(tensor).c;
  bool moderate = Moderate(plan.floats(node.multiplier), channels) && Moderate(plan.floats(node.bias), channels);
  const auto signs = plan.signs.find(tensor);
  if (signs == plan.signs.end()) return moderate;
  for (const Sign& sign : signs->second) {
    for (int constant : {sign.scale, sign.shift}) {
      if (constant >= 0) moderate = moderate && Moderate(plan.floats(constant), channels);
    }
  }
  return moderate;
}

// The convolutions that make up a tensor, in channel order; none where it is not made of free ones alone.
std::vector<int> ConvsOf(const Plan& plan, int tensor, int reader) {
  if (IsFreeConv(plan, tensor, reader)) return {plan.producer(tensor)};
  const int made = plan.producer(tensor);
  if (made < 0 || plan.graph.nodes[made].op != Op::kConcat || !OnlyReader(plan, tensor, reader)) return {};
  if (plan.signs.count(tensor) != 0) return {};
  std::vector<int> convs;
  std::set<int> seen;
  for (int part : plan.graph.nodes[made].inputs) {
    if (!IsFreeConv(plan, part, made) || !seen.insert(part).second) return {};
    convs.push_back(plan.producer(part));
  }
  return convs;
}

int ChannelsOf(const Plan& plan, int conv) { return plan.shape(plan.graph.nodes[conv].output).c; }

void WriteSlices(Plan* plan, const std::vector<int>& convs, int tensor) {
  int channel = 0;
  for (int conv : convs) {
    plan->targets[conv].output = {tensor, channel, plan->shape(tensor).c};
    channel += ChannelsOf(*plan, conv);
  }
}

bool OnWholeWords(const Plan& plan, const std::vector<int>& convs) {
  int channel = 0;
  for (int conv : convs) {
    if (channel % kWord != 0) return false;
    channel += ChannelsOf(plan, conv);
  }
  return true;
}

// The last convolutions to touch a sum also take its bits, where their slices begin on whole words.
void SignSlices(Plan* plan, const std::vector<int>& convs, int tensor) {
  int channel = 0;
  if (!OnWholeWords(*plan, convs)) return;
  for (const Sign& sign : plan->signs[tensor]) {
    channel = 0;
    for (int conv : convs) {
      plan->slice_signs.push_back({conv, sign, channel});
      channel += ChannelsOf(*plan, conv);
    }
  }
  plan->signs.erase(tensor);
}

// Whether a convolution can be computed with those that its output is added to: its input is there before theirs are,
// and its channels can be cut as theirs.
bool IsShortcut(const Plan& plan, const std::vector<int>& conv, const std::vector<int>& convs) {
  if (conv.size() != 1 || plan.signs.count(plan.graph.nodes[conv[0]].output) != 0) return false;
  const int first = *std::min_element(convs.begin(), convs.end());
  return plan.producer(plan.graph.nodes[conv[0]].inputs[0]) < first && OnWholeWords(plan, convs);
}

void FuseAdds(Plan* plan) {
  const std::vector<Node>& nodes = plan->graph.nodes;
  std::set<int> concats;
  for (size_t i = 0; i < nodes.size(); ++i) {
    const Node& node = nodes[i];
    if (node.op != Op::kAdd || node.inputs[0] == node.inputs[1]) continue;
    for (int side = 0; side < 2; ++side) {
      const int ours = node.inputs[side], other = node.inputs[1 - side];
      const std::vector<int> convs = ConvsOf(*plan, ours, static_cast<int>(i));
      if (convs.empty()) continue;
      const int first = *std::min_element(convs.begin(), convs.end());
      const std::vector<int> earlier = ConvsOf(*plan, other, static_cast<int>(i));
      const bool in_place = !earlier.empty() && *std::max_element(earlier.begin(), earlier.end()) < first;
      if (!in_place && plan->producer(other) >= first) continue;
      const bool along = in_place && IsShortcut(*plan, convs, earlier);
      const std::vector<int>& last = along ? earlier : convs;
      if (!along) WriteSlices(plan, convs, node.output);
      if (in_place) WriteSlices(plan, earlier, node.output);
      int channel = 0;
      for (int conv : last) {
        ConvTarget& target = plan->targets[conv];
        if (along) {
          target.shortcut = convs[0];
          target.shortcut_channel = channel;
        } else {
          target.residual = in_place ? target.output : FloatSlice{other, channel, plan->shape(other).c};
        }
        channel += ChannelsOf(*plan, conv);
      }
      if (along) plan->absorbed[convs[0]] = true;
      if (along || !in_place) plan->makers[node.output] = last;
      for (const std::vector<int>& group : {convs, in_place ? earlier : std::vector<int>()}) {
        for (int conv : group) concats.insert(plan->consumers[nodes[conv].output][0]);
      }
      concats.erase(static_cast<int>(i));
      plan->absorbed[i] = true;
      SignSlices(plan, last, node.output);
      break;
    }
  }
  for (int concat : concats) plan->absorbed[concat] = true;
}

void FuseConcats(Plan* plan) {
  const std::vector<Node>& nodes = plan->graph.nodes;
  for (size_t i = 0; i < nodes.size(); ++i) {
    const Node& node = nodes[i];
    if (node.op != Op::kConcat || plan->absorbed[i]) continue;
    std::vector<int> convs;
    std::set<int> seen;
    for (int part : node.inputs) {
      if (IsFreeConv(*plan, part, static_cast<int>(i)) && seen.insert(part).second)
        convs.push_back(plan->producer(part));
    }
    if (convs.size() != node.inputs.size()) continue;
    WriteSlices(plan, convs, node.output);
    plan->absorbed[i] = true;
    plan->makers[node.output] = convs;
    SignSlices(plan, convs, node.output);
  }
}

// The convolutions that write a tensor, where nothing but `reader` ever sees it and what it makes of it can be theirs
// to make; or none.
std::vector<int> MakersOf(const Plan& plan, int tensor, int reader) {
  if (IsFreeConv(plan, tensor, reader)) {
    return plan.signs.count(tensor) == 0 ? std::vector<int>{plan.producer(tensor)} : std::vector<int>();
  }
  const auto found = plan.makers.find(tensor);
  if (found == plan.makers.end() || !OnlyReader(plan, tensor, reader) || plan.signs.count(tensor) != 0) return {};
  for (const SliceSign& slice : plan.slice_signs) {
    if (slice.sign.source == tensor) return {};
  }
  for (int conv : found->second) {
    if (plan.targets.at(conv).pooled || plan.targets.at(conv).extra.wanted()) return {};
  }
  return OnWholeWords(plan, found->second) ? found->second : std::vector<int>();
}

// Lets them write what `node` makes of their tensor.
void Redirect(Plan* plan, const std::vector<int>& convs, int node) {
  const int output = plan->graph.nodes[node].output;
  WriteSlices(plan, convs, output);
  plan->absorbed[node] = true;
  plan->makers[output] = convs;
  SignSlices(plan, convs, output);
}

void FuseUpsamples(Plan* plan) {
  const std::vector<Node>& nodes = plan->graph.nodes;
  for (size_t i = 0; i < nodes.size(); ++i) {
    const Node& node = nodes[i];
    if (node.op != Op::kAdd || plan->absorbed[i]) continue;
    for (int side = 0; side < 2; ++side) {
      const int made = plan->producer(node.inputs[side]);
      if (made < 0 || nodes[made].op != Op::kUpsample || !OnlyReader(*plan, node.inputs[side], static_cast<int>(i)))
        continue;
      if (plan->signs.count(node.inputs[side]) != 0) continue;
      plan->absorbed[made] = true;
      plan->upsampled[static_cast<int>(i)] = side;
      break;
    }
  }
}

// sum + RESIZE_NEAREST_NEIGHBOR of a map that is there before the sum is.
void FuseExtras(Plan* plan) {
  for (const auto& [add, side] : plan->upsampled) {
    const Node& node = plan->graph.nodes[add];
    const std::vector<int> convs = MakersOf(*plan, node.inputs[1 - side], add);
    const int small = plan->graph.nodes[plan->producer(node.inputs[side])].inputs[0];
    if (convs.empty() || plan->producer(small) >= *std::min_element(convs.begin(), convs.end())) continue;
    Redirect(plan, convs, add);
    for (int conv : convs) {
      ConvTarget& target = plan->targets[conv];
      target.extra = {small, target.output.channel, plan->shape(small).c};
    }
  }
}

void FusePools(Plan* plan) {
  const std::vector<Node>& nodes = plan->graph.nodes;
  for (size_t i = 0; i < nodes.size(); ++i) {
    const Node& node = nodes[i];
    const PoolOptions& pool = node.pool;
    if (node.op != Op::kMaxPool || pool.filter_height != 2 || pool.filter_width != 2) continue;
    const Shape& in = plan->shape(node.inputs[0]);
    if (pool.stride_height != 2 || pool.stride_width != 2 || in.h % 2 != 0 || in.w % 2 != 0) continue;
    const std::vector<int> convs = MakersOf(*plan, node.inputs[0], static_cast<int>(i));
    // A residual would be read in the order of the pooled pixels.
    const auto reads = [&](int conv) { return plan->targets[conv].residual.wanted(); };
    if (convs.empty() || std::any_of(convs.begin(), convs.end(), reads)) continue;
    Redirect(plan, convs, static_cast<int>(i));
    for (int conv : convs) plan->targets[conv].pooled = true;
  }
}

// conv -> RELU (-> CONV_2D 1x1)
void FuseRelus(Plan* plan) {
  const std::vector<Node>& nodes = plan->graph.nodes;
  for (size_t i = 0; i < nodes.size(); ++i) {
    const Node& node = nodes[i];
    if (node.op != Op::kUnary || node.unary != Unary::kClamp || std::isfinite(node.high)) continue;
    const int reader = static_cast<int>(i);
    if (!IsFreeConv(*plan, node.inputs[0], reader) || plan->signs.count(node.inputs[0]) != 0) continue;
    const int conv = plan->producer(node.inputs[0]);
    Redirect(plan, {conv}, reader);
    plan->targets[conv].least = node.low;
  }
  for (size_t i = 0; i < nodes.size(); ++i) {
    const Node& node = nodes[i];
    if (node.op != Op::kFloatConv) continue;
    const std::vector<int>& filter = plan->tensor(node.filter).dims;
    const FloatConvOptions& o = node.float_conv;
    const bool pointwise = filter[1] == 1 && filter[2] == 1 && o.stride_height == 1 && o.stride_width == 1;
    const std::vector<int> convs = MakersOf(*plan, node.inputs[0], static_cast<int>(i));
    if (!pointwise || convs.size() != 1) continue;
    const ConvTarget& target = plan->targets[convs[0]];
    if (target.pooled || target.residual.wanted() || target.shortcut >= 0) continue;
    plan->absorbed[convs[0]] = true;
    plan->made_along[static_cast<int>(i)] = convs[0];
  }
}

// The one node that makes a tensor, where nothing but `reader` sees it; or null.
const Node* OnlyMaker(const Plan& plan, int tensor, int reader) {
  const int made = plan.producer(tensor);
  return made >= 0 && OnlyReader(plan, tensor, reader) && plan.signs.count(tensor) == 0 ? &plan.graph.nodes[made]
                                                                                        : nullptr;
}

bool AllAre(const Plan& plan, int tensor, float value) {
  const float* values = plan.floats(tensor);
  return std::all_of(values, values + plan.tensor(tensor).bytes / 4, [&](float v) { return v == value; });
}

// Whether sums of pixels times these filters are exact in any order, and so is what they leave of the bias's halves.
bool IsWhole(const Plan& plan, const Node& conv) {
  const std::vector<int>& dims = plan.tensor(conv.filter).dims;
  const int64_t depth = static_cast<int64_t>(dims[1]) * dims[2] * dims[3];
  const float* filter = plan.floats(conv.filter);
  if (depth * 255 * 127 >= 1 << 23) return false;
  for (int64_t i = 0; i < depth * dims[0]; ++i) {
    if (!(std::fabs(filter[i]) <= 127.0f) || filter[i] != std::floor(filter[i])) return false;
  }
  if (conv.bias < 0) return true;
  const float* bias = plan.floats(conv.bias);
  for (int c = 0; c < dims[0]; ++c) {
    if (!(std::fabs(bias[c]) <= 16777216.0f) || 2 * bias[c] != std::floor(2 * bias[c])) return false;
  }
  return true;
}

// image -> (MUL by 255 -> ROUND, or CAST of bytes) -> CONV_2D of whole numbers -> signs alone.
void FusePixels(Plan* plan) {
  const std::vector<Node>& nodes = plan->graph.nodes;
  for (size_t i = 0; i < nodes.size(); ++i) {
    const Node& conv = nodes[i];
    if (conv.op != Op::kFloatConv || conv.float_conv.dilation_width != 1) continue;
    if (plan->floats_needed(conv.output) || plan->signs.count(conv.output) == 0 || !IsWhole(*plan, conv)) continue;
    const auto& signs = plan->signs[conv.output];
    if (std::any_of(signs.begin(), signs.end(), [](const Sign& s) { return s.scale >= 0 || s.shift >= 0; })) continue;
    if (conv.low > 0.0f || conv.high < 0.0f || (conv.low == 0.0f)) continue;  // a clamp that hides the sign
    const Node* before = OnlyMaker(*plan, conv.inputs[0], static_cast<int>(i));
    if (before == nullptr) continue;
    const int last = plan->producer(conv.inputs[0]);
    PixelSource source = {before->inputs[0], true, {last}};
    if (before->op == Op::kUnary && before->unary == Unary::kRound) {
      const Node* scaled = OnlyMaker(*plan, before->inputs[0], last);
      if (scaled == nullptr) continue;
      int constant = scaled->op == Op::kScale ? scaled->constant : -1;
      source.outside = scaled->inputs[0];
      if (scaled->op == Op::kBinary && scaled->binary == Binary::kMul) {
        const bool first = plan->tensor(scaled->inputs[0]).constant();
        constant = scaled->inputs[first ? 0 : 1];
        source.outside = scaled->inputs[first ? 1 : 0];
      }
      if (constant < 0 || !plan->tensor(constant).constant() || !AllAre(*plan, constant, 255.0f)) continue;
      source.bytes = false;
      source.nodes = {plan->producer(before->inputs[0]), last};
    } else if (before->op != Op::kCast) {
      continue;
    }
    if (plan->producer(source.outside) >= 0) continue;
    const auto read_already = [&](const std::pair<const int, PixelSource>& other) {
      return other.second.outside == source.outside;
    };
    if (std::any_of(plan->pixel_sources.begin(), plan->pixel_sources.end(), read_already)) continue;
    for (int node : source.nodes) plan->absorbed[node] = true;
    plan->pixel_sources[static_cast<int>(i)] = source;
  }
}

}  // namespace

bool Moderate(const float* values, int count) {
  return std::all_of(values, values + count, [](float value) { return std::fabs(value) < kModerate; });
}

void PlanFusion(Plan* plan) {
  plan->absorbed.assign(plan->graph.nodes.size(), false);
  FindSigns(plan);
  FindConsumers(plan);
  FuseAdds(plan);
  FuseConcats(plan);
  FuseUpsamples(plan);
  FuseExtras(plan);
  FusePools(plan);
  FuseRelus(plan);
  FusePixels(plan);
}

}  // namespace bnn
