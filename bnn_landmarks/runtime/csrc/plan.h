// How a graph becomes a program, in five passes over one record. A tensor's bits are taken where its floats are made
// whenever that gives the same bits:
//   conv -> MUL, ADD -> LceQuantize              compared as a count, the floats in between never exist
//   conv (-> CONCATENATION) -> ADD -> ...        each convolution adds the residual and writes its slice of the sum
//   sum -> MUL, ADD -> LceQuantize               compared while the sum is in the cache
//   conv (-> CONCATENATION) + conv               the second computed along, strip by strip, with what it is added to
//   ... -> MAX_POOL_2D 2x2                       the sum itself never exists
//   ... + RESIZE_NEAREST_NEIGHBOR                added with the residual
//   conv -> RELU -> CONV_2D 1x1                  strip by strip
#pragma once

#include <limits>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "graph.h"
#include "kernels.h"
#include "program.h"

namespace bnn {

class PlanError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// An LceQuantize and the MUL and ADD before it that nothing else reads.
struct Sign {
  int node;
  int source;                  // the float tensor
  int scale = -1, shift = -1;  // constant tensors
};

// The bits of a sum taken by one of the convolutions that write it.
struct SliceSign {
  int conv;  // node
  Sign sign;
  int channel;  // where the convolution's slice begins
};

// Where a convolution writes other than to its own output, and what it adds.
struct ConvTarget {
  FloatSlice output, residual;
  FloatSlice extra;   // of half the size, upsampled and added last
  int shortcut = -1;  // a convolution whose channels from shortcut_channel on are added as they are made
  int shortcut_channel = 0;
  bool pooled = false;  // the output is the greatest of each two by two
  float least = -std::numeric_limits<float>::infinity();
};

// A float convolution of the caller's own pixels by whole numbers.
struct PixelSource {
  int outside;             // tensor
  bool bytes;              // uint8; else floats in [0, 1]
  std::vector<int> nodes;  // between it and the convolution
};

struct Plan {
  Plan(const Graph& network, const Kernels& set, Program* result)
      : graph(network), outputs(network.outputs.begin(), network.outputs.end()), kernels(set), program(*result) {}

  const Graph& graph;
  const std::set<int> outputs;
  const Kernels& kernels;
  Program& program;

  // of PlanShapes
  std::map<int, int> producers;  // tensor -> node
  std::set<int> bits;            // tensors of bits made here
  std::set<int> outside_bits;    // and given by the caller

  // of PlanFusion; PlanSteps takes from `signs` what it has emitted
  std::vector<bool> absorbed;                 // nodes that others do
  std::map<int, std::vector<Sign>> signs;     // by source
  std::map<int, std::vector<int>> consumers;  // tensor -> nodes that read its floats
  std::map<int, ConvTarget> targets;          // by convolution
  std::map<int, std::vector<int>> makers;     // tensor -> the convolutions that write it, each its own channels once
  std::map<int, int> made_along;              // float convolution -> the binary one that it computes along
  std::map<int, int> upsampled;               // sum -> which of its inputs is upsampled
  std::vector<SliceSign> slice_signs;
  std::map<int, PixelSource> pixel_sources;  // by float convolution

  // of PlanImages
  std::map<int, BitImage*> images;  // by tensor; of a PixelSource's, bytes

  const Tensor& tensor(int index) const { return graph.tensors[index]; }
  const Shape& shape(int tensor) const { return program.shapes[tensor]; }
  bool is_output(int tensor) const { return outputs.count(tensor) != 0; }
  int producer(int tensor) const {
    const auto found = producers.find(tensor);
    return found == producers.end() ? -1 : found->second;
  }
  const float* floats(int tensor) const { return static_cast<const float*>(graph.tensors[tensor].data); }
  bool is_read(int tensor) const {
    const auto found = consumers.find(tensor);
    return found != consumers.end() && !found->second.empty();
  }
  bool floats_needed(int tensor) const { return is_output(tensor) || is_read(tensor); }
};

// Needs the graph. Leaves every tensor's shape, who makes it and which hold bits; PlanError where shapes disagree.
void PlanShapes(Plan* plan);

// Needs the shapes. Leaves which nodes others absorb, and who takes which sign, sum and slice along.
void PlanFusion(Plan* plan);

// Needs the shapes. Leaves the layout of every image of bits, with the margin that its convolutions reach into.
void PlanImages(Plan* plan);

// Needs all of the above. Leaves the program's steps, in order, and the first and last step of every tensor's floats.
void PlanSteps(Plan* plan);

// Needs the steps. Leaves a place in the arena for all floats, shared by those that are never alive together.
void PlanFloats(Plan* plan);

// Throws PlanError(what) unless.
void Require(bool condition, const char* what);

// Whether products of these numbers, and of a count, stay finite.
bool Moderate(const float* values, int count);

}  // namespace bnn
