// A network planned for given input shapes: steps that are made once and then only read, and the memory of one run.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "graph.h"
#include "kernels.h"
#include "steps.h"
#include "thread_pool.h"

namespace bnn {

// Where the floats of a tensor lie: in the program's memory between the first and the last step that touch them, or
// with the caller.
struct FloatPlace {
  bool used = false;
  bool outside = false;
  int channels = 0;
  int64_t pixels = 0;
  int first_step = -1, last_step = -1;
  size_t offset = 0;  // bytes
  size_t bytes() const { return (static_cast<size_t>(pixels) * channels * 4 + 127) / 64 * 64; }
};

struct Program {
  const Kernels* kernels = nullptr;
  std::vector<Shape> shapes;       // by tensor; n = 0 where not ours
  std::vector<FloatPlace> floats;  // by tensor
  std::vector<std::unique_ptr<BitImage>> images;
  std::vector<std::unique_ptr<Step>> steps;
  size_t arena_bytes = 0;
  size_t scratch_floats = 0;  // for each thread
  size_t weight_bytes = 0;    // of packed filters

  // The shape that was planned for a tensor: the last `rank` of n, h, w, and channels or words.
  std::vector<int> DimsOf(int tensor, int rank, bool bits) const;
};

// What runs of a program write to. One for each run at a time.
class Memory {
 public:
  Memory(const Program& program, int threads);

  // outside: by tensor, the memory of those that are the caller's. seconds: by step, made least; or null.
  void Run(const Program& program, const std::vector<void*>& outside, ThreadPool* pool, std::vector<double>* seconds);

  size_t bytes() const { return bytes_; }

 private:
  std::vector<AlignedBytes> images_;
  AlignedBytes arena_, scratch_;
  std::vector<float*> float_places_;
  std::vector<uint8_t*> image_places_;
  size_t bytes_ = 0;
};

// Plans a graph, whose results for the outside are graph.outputs. Empty where all is well, else one line that says what
// can't be run. The graph's constants are not needed afterwards.
std::string PlanProgram(const Graph& graph, const Kernels& kernels, Program* program);

// The kernels that can count under each of the graph's filters: `best`, or the portable ones.
const Kernels& KernelsFor(const Graph& graph, const Kernels& best);

// A table of the steps and their times.
std::string ProfileOf(const Program& program, const std::vector<double>& seconds);

}  // namespace bnn
