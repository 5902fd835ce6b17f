// One run of a network through the engine's C interface, for arm_instructions.py: after a first run that warms up it
// reads the clock, as the engine does before and after each step, runs, reads the clock again and prints the steps.
//
//   count_run MODEL
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <vector>

#include "bnn_engine.h"

namespace {

double ReadClock() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

int main(int, char** argv) {
  std::ifstream file(argv[1], std::ios::binary);
  const std::vector<char> content{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  bnn_model* model = bnn_open(content.data(), content.size());
  bnn_context* context = model != nullptr ? bnn_context_new(model, 1) : nullptr;
  bnn_tensor in, out;
  if (context == nullptr || bnn_input(model, 0, &in) != 0 || bnn_output(model, 0, &out) != 0) {
    std::fprintf(stderr, "%s\n", bnn_error());
    return 1;
  }
  std::vector<float> pixels(in.bytes / sizeof(float)), maps(out.bytes / sizeof(float));
  for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<float>(i * 2654435761u >> 24 & 255) / 255.0f;
  bnn_profile(context);
  const void* input = pixels.data();
  void* output = maps.data();
  double seconds = 0.0;
  for (int round = 0; round < 2; ++round) {
    seconds = -ReadClock();
    if (bnn_run(context, &input, &output) != 0) return 1;
    seconds += ReadClock();
  }
  std::fputs(bnn_profile(context), stdout);
  bnn_context_free(context);
  bnn_close(model);
  return seconds < 0.0;
}
