#include "program.h"

#include <chrono>
#include <new>

#include "plan.h"
#include "text.h"

namespace bnn {

void Require(bool condition, const char* what) {
  if (!condition) throw PlanError(what);
}

std::string PlanProgram(const Graph& graph, const Kernels& kernels, Program* program) {
  *program = Program();
  program->kernels = &kernels;
  try {
    Plan plan(graph, kernels, program);
    PlanShapes(&plan);
    PlanFusion(&plan);
    PlanImages(&plan);
    PlanSteps(&plan);
    PlanFloats(&plan);
    program->scratch_floats = (program->scratch_floats + 15) / 16 * 16;
  } catch (const PlanError& error) {
    return error.what();
  } catch (const std::bad_alloc&) {
    return "not enough memory";
  }
  return "";
}

const Kernels& KernelsFor(const Graph& graph, const Kernels& best) {
  for (const Node& node : graph.nodes) {
    if (node.op != Op::kConv) continue;
    const std::vector<int>& filter = graph.tensors[node.filter].dims;
    if (static_cast<double>(filter[1]) * filter[2] * filter[3] * kWord > best.max_depth) return kPortableKernels;
  }
  return best;
}

std::vector<int> Program::DimsOf(int tensor, int rank, bool bits) const {
  const Shape& s = shapes[tensor];
  const int sizes[4] = {s.n, s.h, s.w, bits ? WordsFor(s.c) : s.c};
  return std::vector<int>(sizes + 4 - rank, sizes + 4);
}

Memory::Memory(const Program& program, int threads)
    : arena_(program.arena_bytes), scratch_(program.scratch_floats * sizeof(float) * threads) {
  bytes_ = program.arena_bytes + program.scratch_floats * sizeof(float) * threads;
  for (const auto& image : program.images) {
    const size_t bytes = image->image_bytes * image->shape.n;
    images_.emplace_back(bytes, image->blank);
    image_places_.push_back(images_.back().data());
    bytes_ += bytes;
  }
  for (const FloatPlace& place : program.floats) {
    const bool here = place.used && !place.outside;
    float_places_.push_back(here ? reinterpret_cast<float*>(arena_.data() + place.offset) : nullptr);
  }
}

void Memory::Run(const Program& program, const std::vector<void*>& outside, ThreadPool* pool,
                 std::vector<double>* seconds) {
  for (size_t i = 0; i < program.floats.size(); ++i) {
    if (program.floats[i].outside) float_places_[i] = static_cast<float*>(outside[i]);
  }
  const RunContext run = {float_places_.data(),
                          image_places_.data(),
                          outside.data(),
                          reinterpret_cast<float*>(scratch_.data()),
                          program.scratch_floats,
                          program.kernels,
                          pool};
  if (seconds == nullptr) {
    for (const auto& step : program.steps) step->Run(run);
    return;
  }
  seconds->resize(program.steps.size());
  for (size_t i = 0; i < program.steps.size(); ++i) {
    const auto start = std::chrono::steady_clock::now();
    program.steps[i]->Run(run);
    const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    double& least = (*seconds)[i];
    if (least == 0.0 || took < least) least = took;
  }
}

std::string ProfileOf(const Program& program, const std::vector<double>& seconds) {
  std::string text;
  for (size_t i = 0; i < seconds.size(); ++i) {
    const auto microseconds = static_cast<int64_t>(seconds[i] * 1e6 + 0.5);
    const std::string behind_point = Text({1000 + microseconds % 1000});
    std::string milliseconds = Text({microseconds / 1000, ".", behind_point.c_str() + 1});
    while (milliseconds.size() < 9) milliseconds = Text({" ", milliseconds});
    text += Text({milliseconds, " ms  ", program.steps[i]->Name(), "\n"});
  }
  return text;
}

}  // namespace bnn
