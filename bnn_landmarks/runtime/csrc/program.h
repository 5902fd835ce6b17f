// A run of nodes as the delegate executes it: planned once for given input shapes, then run for every image.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "graph.h"
#include "kernels.h"
#include "steps.h"
#include "thread_pool.h"

class Program {
 public:
  // Plans `nodes`, in execution order, whose results outside are `outputs`. Empty where all is well, else one line.
  std::string Plan(const TfLiteContext* context, const std::vector<Node>& nodes, const std::vector<int>& outputs,
                   const Kernels& kernels);

  // The shape that Plan found for a tensor: the last `rank` of n, h, w, and channels or words.
  std::vector<int> DimsOf(int tensor, int rank, bool bits) const;

  // With the kernels that it was planned for.
  void Run(const TfLiteContext* context, const Kernels& kernels, ThreadPool* pool, bool profile);

  // Where the time goes, one line a step, the shortest of the runs with `profile`.
  std::string Profile() const;

 private:
  friend class Planner;

  std::vector<Shape> shapes_;              // by tensor; n = 0 where not ours
  std::vector<std::unique_ptr<Step>> steps_;
  std::vector<double> seconds_;
  Memory memory_;
};
