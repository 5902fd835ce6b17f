// Each pass of the planner on a graph of a few nodes.
//
//   plan_passes NAME      exits with 0, or says which line of that test fails
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <map>
#include <memory>
#include <string>

#include "plan.h"

using namespace bnn;

namespace {

#define CHECK(condition)                                  \
  do {                                                    \
    if (!(condition)) {                                   \
      std::printf("line %d: %s\n", __LINE__, #condition); \
      std::exit(1);                                       \
    }                                                     \
  } while (false)

// A graph under construction; constants live as long as it does.
struct Builder {
  Graph graph;
  std::vector<std::vector<float>> floats;
  std::vector<std::vector<uint32_t>> words;

  int Map(int h, int w, int c) {
    Tensor tensor;
    tensor.type = Type::kFloat;
    tensor.has_dims = true;
    tensor.dims = {1, h, w, c};
    graph.tensors.push_back(tensor);
    return static_cast<int>(graph.tensors.size()) - 1;
  }
  int Bits(int h, int w, int c) {
    const int tensor = Map(h, w, WordsFor(c));
    graph.tensors[tensor].type = Type::kInt32;
    return tensor;
  }
  int Constant(int c, float value) {
    floats.emplace_back(c, value);
    const int tensor = Map(1, 1, c);
    graph.tensors[tensor].dims = {c};
    graph.tensors[tensor].data = floats.back().data();
    graph.tensors[tensor].bytes = c * 4;
    return tensor;
  }
  int Filter(int out, int size, int in) {
    words.emplace_back(out * size * size * WordsFor(in), 0u);
    const int tensor = Map(1, 1, 1);
    graph.tensors[tensor].type = Type::kInt32;
    graph.tensors[tensor].dims = {out, size, size, WordsFor(in)};
    graph.tensors[tensor].data = words.back().data();
    graph.tensors[tensor].bytes = words.back().size() * 4;
    return tensor;
  }
  int Add(Op op, std::vector<int> inputs, int output, int constant = -1) {
    Node node;
    node.op = op;
    node.inputs = std::move(inputs);
    node.output = output;
    node.constant = constant;
    graph.nodes.push_back(node);
    return output;
  }
  int Conv(int bits, int out, int size, int in, int h, int w) {
    Node node;
    node.op = Op::kConv;
    node.inputs = {bits};
    node.output = Map(h, w, out);
    node.filter = Filter(out, size, in);
    node.multiplier = Constant(out, 0.5f);
    node.bias = Constant(out, 0.25f);
    node.conv.channels_in = in;
    node.conv.same_padding = node.conv.pad_ones = true;
    graph.nodes.push_back(node);
    return node.output;
  }
  int Quantize(int map) {
    const std::vector<int> dims = graph.tensors[map].dims;
    return Add(Op::kQuantize, {map}, Bits(dims[1], dims[2], dims[3]));
  }
};

struct Planned {
  explicit Planned(const Graph& graph) : plan(graph, kPortableKernels, &program) {}
  Program program;
  Plan plan;
};

bool Refuses(const Graph& graph, const char* what) {
  Planned planned(graph);
  try {
    PlanShapes(&planned.plan);
  } catch (const PlanError& error) {
    return std::strstr(error.what(), what) != nullptr;
  }
  return false;
}

void PlanAll(Plan* plan) {
  PlanShapes(plan);
  PlanFusion(plan);
  PlanImages(plan);
  PlanSteps(plan);
  PlanFloats(plan);
}

void Shapes() {
  Builder b;
  const int x = b.Map(8, 6, 64), bits = b.Quantize(x), y = b.Conv(bits, 40, 3, 64, 8, 6);
  const int pooled = b.Add(Op::kMaxPool, {y}, b.Map(4, 3, 40));
  b.graph.nodes.back().pool = {2, 2, 2, 2, true};
  const int slice = b.Add(Op::kSlice, {pooled}, b.Map(4, 3, 8));
  b.graph.nodes.back().first_channel = 32;
  b.graph.nodes.back().channels = 8;
  b.graph.outputs = {slice};
  Planned planned(b.graph);
  PlanShapes(&planned.plan);
  CHECK(planned.plan.shape(y).c == 40 && planned.plan.shape(y).h == 8 && planned.plan.shape(y).w == 6);
  CHECK(planned.plan.shape(pooled).h == 4 && planned.plan.shape(pooled).w == 3);
  CHECK(planned.plan.shape(slice).c == 8);
  CHECK(planned.plan.producer(y) == 1 && planned.plan.producer(x) == -1);
  CHECK(planned.plan.bits.count(bits) == 1 && planned.plan.bits.count(y) == 0);
}

void Refusals() {
  Builder sum;
  sum.Add(Op::kAdd, {sum.Map(4, 4, 8), sum.Map(4, 5, 8)}, sum.Map(4, 4, 8));
  CHECK(Refuses(sum.graph, "differ in shape"));
  Builder mixed;
  const int x = mixed.Map(4, 4, 32), bits = mixed.Quantize(x);
  mixed.Add(Op::kMaxPool, {bits}, mixed.Map(4, 4, 32));
  CHECK(Refuses(mixed.graph, "mixed up"));
  Builder twice;
  const int a = twice.Map(4, 4, 8), out = twice.Map(4, 4, 8);
  twice.Add(Op::kUnary, {a}, out);
  twice.Add(Op::kUnary, {a}, out);
  CHECK(Refuses(twice.graph, "written twice"));
  Builder slice;
  slice.Add(Op::kSlice, {slice.Map(4, 4, 8)}, slice.Map(4, 4, 8));
  slice.graph.nodes.back().first_channel = 4;
  slice.graph.nodes.back().channels = 8;
  CHECK(Refuses(slice.graph, "beyond its input"));
}

// conv -> MUL -> ADD -> LceQuantize: the two float nodes go into the sign.
void SignsAbsorbTheirNorm() {
  Builder b;
  const int y = b.Conv(b.Quantize(b.Map(4, 4, 32)), 32, 3, 32, 4, 4);
  const int scaled = b.Add(Op::kScale, {y}, b.Map(4, 4, 32), b.Constant(32, 2.0f));
  const int shifted = b.Add(Op::kShift, {scaled}, b.Map(4, 4, 32), b.Constant(32, -1.0f));
  b.graph.outputs = {b.Quantize(shifted)};
  Planned planned(b.graph);
  PlanShapes(&planned.plan);
  PlanFusion(&planned.plan);
  CHECK(planned.plan.absorbed == (std::vector<bool>{false, false, true, true, false}));
  CHECK(planned.plan.signs.at(y).size() == 1 && planned.plan.signs.at(y)[0].scale >= 0);
  CHECK(!planned.plan.floats_needed(y));
  // Where the scaled value has another reader it stays.
  b.graph.outputs.push_back(scaled);
  Planned kept(b.graph);
  PlanShapes(&kept.plan);
  PlanFusion(&kept.plan);
  CHECK(!kept.plan.absorbed[2] && kept.plan.absorbed[3]);
  CHECK(kept.plan.signs.count(scaled) == 1);
}

// Two convolutions, concatenated, added to their input and signed: all of it in the convolutions.
struct Block {
  Builder b;
  int x, first, second, sum, bits;
  Block() {
    x = b.Map(4, 4, 64);
    const int in = b.Quantize(x);
    first = b.Conv(in, 32, 3, 64, 4, 4);
    second = b.Conv(in, 32, 3, 64, 4, 4);
    const int joined = b.Add(Op::kConcat, {first, second}, b.Map(4, 4, 64));
    sum = b.Add(Op::kAdd, {x, joined}, b.Map(4, 4, 64));
    bits = b.Quantize(sum);
    b.graph.outputs = {sum, bits};
  }
};

void SumsAreWrittenInSlices() {
  Block block;
  Planned planned(block.b.graph);
  PlanShapes(&planned.plan);
  PlanFusion(&planned.plan);
  const Plan& plan = planned.plan;
  CHECK(plan.absorbed == (std::vector<bool>{false, false, false, true, true, false}));
  CHECK(plan.targets.at(1).output.tensor == block.sum && plan.targets.at(1).output.channel == 0);
  CHECK(plan.targets.at(2).output.tensor == block.sum && plan.targets.at(2).output.channel == 32);
  CHECK(plan.targets.at(2).residual.tensor == block.x && plan.targets.at(2).residual.channel == 32);
  CHECK(plan.slice_signs.size() == 2 && plan.slice_signs[1].channel == 32);
  CHECK(plan.signs.count(block.sum) == 0);
}

void UpsamplingJoinsItsSum() {
  Builder b;
  const int x = b.Map(4, 4, 8), small = b.Map(2, 2, 8);
  const int size = b.Map(1, 1, 2);
  static const int32_t kSize[] = {4, 4};
  b.graph.tensors[size].type = Type::kInt32;
  b.graph.tensors[size].data = kSize;
  b.graph.tensors[size].bytes = 8;
  const int large = b.Add(Op::kUpsample, {small}, b.Map(4, 4, 8), size);
  b.graph.outputs = {b.Add(Op::kAdd, {x, large}, b.Map(4, 4, 8))};
  Planned planned(b.graph);
  PlanShapes(&planned.plan);
  PlanFusion(&planned.plan);
  CHECK(planned.plan.absorbed[0] && planned.plan.upsampled.at(1) == 1);
}

int Upsample(Builder* b, int small, int h, int w, int c) {
  static std::vector<std::unique_ptr<std::vector<int32_t>>> sizes;
  sizes.push_back(std::make_unique<std::vector<int32_t>>(std::vector<int32_t>{h, w}));
  const int size = b->Map(1, 1, 2);
  b->graph.tensors[size].type = Type::kInt32;
  b->graph.tensors[size].data = sizes.back()->data();
  b->graph.tensors[size].bytes = 8;
  return b->Add(Op::kUpsample, {small}, b->Map(h, w, c), size);
}

// conv + 1x1 conv, pooled: the shortcut is computed along, and the sum is never written.
void SumsThatArePooledAreNeverWritten() {
  for (const bool kept : {false, true}) {
    Builder b;
    const int bits = b.Quantize(b.Map(4, 4, 64));
    const int y = b.Conv(bits, 64, 3, 64, 4, 4), shortcut = b.Conv(bits, 64, 1, 64, 4, 4);
    const int sum = b.Add(Op::kAdd, {y, shortcut}, b.Map(4, 4, 64));
    const int pooled = b.Add(Op::kMaxPool, {sum}, b.Map(2, 2, 64));
    b.graph.nodes.back().pool = {2, 2, 2, 2, true};
    b.graph.outputs = {b.Quantize(pooled)};
    if (kept) b.graph.outputs.push_back(sum);
    Planned planned(b.graph);
    PlanShapes(&planned.plan);
    PlanFusion(&planned.plan);
    const ConvTarget& target = planned.plan.targets.at(1);
    CHECK(target.shortcut == 2 && target.shortcut_channel == 0 && !target.residual.wanted());
    CHECK(planned.plan.absorbed[2] && planned.plan.absorbed[3] && planned.plan.absorbed[4] == !kept);
    CHECK(target.pooled == !kept && target.output.tensor == (kept ? sum : pooled));
  }
}

// x + conv, then + an upsampled map that is there before the convolution, or not.
void UpsampledMapsAreAddedWithTheResidual() {
  for (const bool before : {true, false}) {
    Builder b;
    const int x = b.Map(4, 4, 64), bits = b.Quantize(x);
    int small = before ? b.Add(Op::kUnary, {b.Map(2, 2, 64)}, b.Map(2, 2, 64)) : -1;
    const int sum = b.Add(Op::kAdd, {x, b.Conv(bits, 64, 3, 64, 4, 4)}, b.Map(4, 4, 64));
    if (!before) small = b.Add(Op::kUnary, {b.Map(2, 2, 64)}, b.Map(2, 2, 64));
    const int large = Upsample(&b, small, 4, 4, 64);
    const int both = b.Add(Op::kAdd, {large, sum}, b.Map(4, 4, 64));
    b.graph.outputs = {both};
    Planned planned(b.graph);
    PlanShapes(&planned.plan);
    PlanFusion(&planned.plan);
    const ConvTarget& target = planned.plan.targets.at(before ? 2 : 1);
    CHECK(target.residual.tensor == x);
    CHECK(target.extra.tensor == (before ? small : -1) && target.output.tensor == (before ? both : sum));
  }
}

// conv -> RELU -> CONV_2D 1x1: strip by strip, the map between them is never written.
void HeadsComputeWhatTheyRead() {
  Builder b;
  const int y = b.Conv(b.Quantize(b.Map(4, 4, 64)), 64, 1, 64, 4, 4);
  const int positive = b.Add(Op::kUnary, {y}, b.Map(4, 4, 64));
  b.graph.nodes.back().unary = Unary::kClamp;
  b.graph.nodes.back().low = 0.0f;
  b.graph.nodes.back().high = std::numeric_limits<float>::infinity();
  const int filter = b.Constant(8 * 64, 0.5f);
  b.graph.tensors[filter].dims = {8, 1, 1, 64};
  Node head;
  head.op = Op::kFloatConv;
  head.inputs = {positive};
  head.output = b.Map(4, 4, 8);
  head.filter = filter;
  head.bias = b.Constant(8, 0.0f);
  head.low = -std::numeric_limits<float>::infinity();
  head.high = std::numeric_limits<float>::infinity();
  b.graph.nodes.push_back(head);
  b.graph.outputs = {head.output};
  Planned planned(b.graph);
  PlanAll(&planned.plan);
  CHECK(planned.plan.made_along.at(3) == 1 && planned.plan.targets.at(1).least == 0.0f);
  CHECK(planned.program.steps.size() == 2 && planned.program.arena_bytes == 0);
}

void ImagesHaveTheMarginOfTheirConvolutions() {
  Builder b;
  const int bits = b.Quantize(b.Map(8, 8, 40));
  b.Conv(bits, 32, 3, 40, 8, 8);
  b.Conv(bits, 32, 7, 40, 8, 8);
  const int last = b.Quantize(b.graph.nodes.back().output);
  Planned planned(b.graph);
  PlanShapes(&planned.plan);
  PlanFusion(&planned.plan);
  PlanImages(&planned.plan);
  const BitImage& image = *planned.plan.images.at(bits);
  CHECK(image.words == 2 && image.pixel_bytes == 8);
  CHECK(image.top == 3 && image.bottom == 3 && image.left == 3 && image.right == 3);
  CHECK(image.row_bytes == 14 * 8 && image.image_bytes == 14 * 14 * 8);
  CHECK(planned.plan.images.at(last)->top == 0);
}

void Steps() {
  Block block;
  Planned planned(block.b.graph);
  PlanAll(&planned.plan);
  const Program& program = planned.program;
  // The sign of x, and the two convolutions; nothing else is left to do but to hand over the bits.
  std::vector<std::string> names;
  for (const auto& step : program.steps) names.push_back(step->Name());
  CHECK(names.size() == 4);
  CHECK(names[0].rfind("sign", 0) == 0);
  CHECK(names[1] == "conv 3x3 64->32 at 4x4 + residual + sign" && names[2] == names[1]);
  CHECK(names[3] == "export bits");
  CHECK(program.floats[block.x].outside && program.floats[block.sum].outside);
  CHECK(program.floats[block.sum].first_step == 1 && program.floats[block.sum].last_step == 2);
  CHECK(!program.floats[block.first].used && program.arena_bytes == 0);
}

// x -> a -> b -> c: a and c are never alive together, b is with both.
void FloatsShareMemory() {
  Builder b;
  const int x = b.Map(4, 4, 16);
  const int one = b.Add(Op::kUnary, {x}, b.Map(4, 4, 16));
  const int two = b.Add(Op::kUnary, {one}, b.Map(4, 4, 16));
  const int three = b.Add(Op::kUnary, {two}, b.Map(4, 4, 16));
  b.graph.outputs = {b.Add(Op::kUnary, {three}, b.Map(4, 4, 16))};
  Planned planned(b.graph);
  PlanAll(&planned.plan);
  const std::vector<FloatPlace>& floats = planned.program.floats;
  CHECK(floats[one].offset == floats[three].offset);
  CHECK(floats[two].offset >= floats[one].offset + floats[one].bytes() ||
        floats[one].offset >= floats[two].offset + floats[two].bytes());
  CHECK(planned.program.arena_bytes == floats[one].bytes() + floats[two].bytes());
}

const std::map<std::string, void (*)()> kTests = {
    {"shapes", Shapes},
    {"refusals", Refusals},
    {"signs_absorb_their_norm", SignsAbsorbTheirNorm},
    {"sums_are_written_in_slices", SumsAreWrittenInSlices},
    {"upsampling_joins_its_sum", UpsamplingJoinsItsSum},
    {"sums_that_are_pooled_are_never_written", SumsThatArePooledAreNeverWritten},
    {"upsampled_maps_are_added_with_the_residual", UpsampledMapsAreAddedWithTheResidual},
    {"heads_compute_what_they_read", HeadsComputeWhatTheyRead},
    {"images_have_the_margin_of_their_convolutions", ImagesHaveTheMarginOfTheirConvolutions},
    {"steps", Steps},
    {"floats_share_memory", FloatsShareMemory},
};

}  // namespace

int main(int argc, char** argv) {
  if (argc == 1) {
    for (const auto& test : kTests) std::printf("%s\n", test.first.c_str());
    return 0;
  }
  const auto found = kTests.find(argv[1]);
  if (found == kTests.end()) return 2;
  found->second();
  return 0;
}
