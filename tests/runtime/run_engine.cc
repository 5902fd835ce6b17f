// The engine through its C interface, for machines that have no Python (an emulated ARM) and for sanitizers.
//
//   run_engine MODEL INPUT OUTPUT [RUNS_AT_ONCE ROUNDS THREADS]
//       the bytes of INPUT through MODEL; the output's bytes to OUTPUT. With RUNS_AT_ONCE as many contexts of one model
//       run at the same time, ROUNDS times each, and all must give the same.
//   run_engine fuzz MODEL SEED COUNT
//       damaged copies of MODEL: each runs on zeros, or is refused with one line
//   run_engine files FILE [THREADS]
//       FILE is files one behind the other, each after its size in 32 bits: as above; with THREADS, in each of them
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "bnn_engine.h"

namespace {

using Bytes = std::vector<char>;

Bytes Read(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return Bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void Die(const char* what) {
  std::fprintf(stderr, "%s: %s\n", what, bnn_error());
  std::exit(1);
}

Bytes Run(bnn_context* context, const bnn_tensor& output, const Bytes& input) {
  Bytes result(output.bytes);
  const void* in = input.data();
  void* out = result.data();
  if (bnn_run(context, &in, &out) != 0) Die("run");
  return result;
}

int Compare(int argc, char** argv) {
  const int at_once = argc > 4 ? std::atoi(argv[4]) : 1, rounds = argc > 5 ? std::atoi(argv[5]) : 1;
  const int threads = argc > 6 ? std::atoi(argv[6]) : 1;
  Bytes file = Read(argv[1]);
  const Bytes input = Read(argv[2]);
  bnn_model* model = bnn_open(file.data(), file.size());
  if (model == nullptr) Die("open");
  Bytes().swap(file);  // must not be needed any more
  if (bnn_input_count(model) != 1 || bnn_output_count(model) != 1) Die("not one input and one output");
  bnn_tensor in, out;
  if (bnn_input(model, 0, &in) != 0 || bnn_output(model, 0, &out) != 0 || in.bytes != input.size()) Die("shapes");
  bnn_context* context = bnn_context_new(model, threads);
  if (context == nullptr) Die("context");
  const Bytes result = Run(context, out, input);
  std::vector<std::thread> callers;
  std::vector<int> wrong(at_once);
  for (int i = 0; i < at_once; ++i) {
    bnn_context* mine = bnn_context_new(model, threads);  // not in the thread: the model is closed meanwhile
    if (mine == nullptr) Die("context");
    callers.emplace_back([&, i, mine] {
      for (int round = 0; round < rounds; ++round) wrong[i] += Run(mine, out, input) != result;
      bnn_context_free(mine);
    });
  }
  bnn_close(model);  // the contexts stay usable
  if (Run(context, out, input) != result) Die("another result");
  for (std::thread& caller : callers) caller.join();
  for (int count : wrong) {
    if (count != 0) Die("another result at the same time");
  }
  bnn_context_free(context);
  std::ofstream(argv[3], std::ios::binary).write(result.data(), static_cast<std::streamsize>(result.size()));
  return 0;
}

Bytes Damage(const Bytes& content, std::mt19937* random) {
  Bytes damaged = content;
  const auto below = [&](size_t bound) { return static_cast<size_t>((*random)() % bound); };
  static const uint32_t kNumbers[] = {0,   1,   2,    3,     4,     7,          16,         32,        127,
                                      128, 255, 1000, 65535, 65536, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF};
  const int kind = static_cast<int>(below(5));
  for (size_t i = 1 + below(5); i > 0; --i) {
    const size_t at = below(damaged.size());
    if (kind == 0) damaged[at] = static_cast<char>(below(256));
    if (kind == 1) damaged[damaged.size() - 1 - at / 8] ^= static_cast<char>(1 << below(8));
    if (kind == 2 && at / 4 * 4 + 4 <= damaged.size()) {
      std::memcpy(&damaged[at / 4 * 4], &kNumbers[below(std::size(kNumbers))], 4);
    }
    if (kind == 3) {
      const size_t from = below(damaged.size()),
                   size = std::min({1 + below(64), damaged.size() - from, damaged.size() - at});
      std::memmove(&damaged[at], &damaged[from], size);
    }
  }
  if (kind == 4) damaged.resize(below(damaged.size()));
  return damaged;
}

// Whether a file runs on zeros; else it must be refused with one line.
bool Try(const Bytes& file) {
  bnn_model* model = bnn_open(file.data(), file.size());
  if (model == nullptr) {
    const std::string why = bnn_error();
    if (why.empty() || why.find('\n') != std::string::npos || why.size() > 200) Die("not one line");
    return false;
  }
  std::vector<Bytes> memory;
  std::vector<const void*> inputs;
  std::vector<void*> outputs;
  bnn_tensor tensor;
  size_t total = 0;
  for (int side = 0; side < 2; ++side) {
    const int count = side == 0 ? bnn_input_count(model) : bnn_output_count(model);
    for (int k = 0; k < count; ++k) {
      if ((side == 0 ? bnn_input : bnn_output)(model, k, &tensor) != 0) Die("shapes");
      memory.emplace_back(tensor.bytes);
      total += tensor.bytes;
      if (side == 0) inputs.push_back(memory.back().data());
      if (side == 1) outputs.push_back(memory.back().data());
    }
  }
  bnn_context* context = total < (size_t{1} << 26) ? bnn_context_new(model, 1) : nullptr;
  if (context != nullptr && bnn_run(context, inputs.data(), outputs.data()) != 0) Die("run");
  bnn_context_free(context);
  bnn_close(model);
  return true;
}

int Report(int ran, int refused) {
  std::printf("%d ran, %d refused\n", ran, refused);
  return 0;
}

int Fuzz(char** argv) {
  const Bytes content = Read(argv[2]);
  std::mt19937 random(static_cast<unsigned>(std::atoi(argv[3])));
  const int count = std::atoi(argv[4]);
  int ran = 0;
  for (int i = 0; i < count; ++i) ran += Try(Damage(content, &random)) ? 1 : 0;
  return Report(ran, count - ran);
}

int Files(const Bytes& content) {
  int count = 0, ran = 0;
  for (size_t at = 0; at + 4 <= content.size(); ++count) {
    uint32_t size;
    std::memcpy(&size, &content[at], 4);
    at += 4 + size;
    ran += Try(Bytes(content.begin() + static_cast<ptrdiff_t>(at - size), content.begin() + static_cast<ptrdiff_t>(at)))
               ? 1
               : 0;
  }
  return Report(ran, count - ran);
}

int FilesByThreads(const Bytes& content, int threads) {
  std::vector<std::thread> all;
  for (int i = 0; i < threads; ++i) all.emplace_back([&] { Files(content); });
  for (std::thread& thread : all) thread.join();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 5 && std::strcmp(argv[1], "fuzz") == 0) return Fuzz(argv);
  if (argc == 3 && std::strcmp(argv[1], "files") == 0) return Files(Read(argv[2]));
  if (argc == 4 && std::strcmp(argv[1], "files") == 0) return FilesByThreads(Read(argv[2]), std::atoi(argv[3]));
  if (argc >= 4) return Compare(argc, argv);
  return 2;
}
