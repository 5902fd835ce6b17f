// The C interface of bnn_engine.h.
#include <cmath>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "bnn_engine.h"
#include "kernels.h"
#include "program.h"
#include "text.h"
#include "tflite_file.h"
#include "thread_pool.h"

namespace bnn {
namespace {

// What contexts share.
struct Network {
  Program program;
  size_t tensors = 0;
  std::vector<int> inputs, outputs;  // tensors
  std::vector<bnn_tensor> input_forms, output_forms;
};

thread_local std::string last_error;

int32_t Fail(const std::string& why) {
  last_error = why;
  return 1;
}

// Runs `call`, which says what is wrong or nothing; whatever it throws becomes an error too. 0: nothing was wrong.
template <typename Call>
int32_t Try(const Call& call) {
  try {
    const std::string error = call();
    return error.empty() ? 0 : Fail(error);
  } catch (const std::bad_alloc&) {
    return Fail("not enough memory");
  } catch (const std::exception& error) {
    return Fail(error.what());
  }
}

constexpr uint64_t kMostInput = uint64_t{1} << 30;  // bytes

size_t BytesOf(int32_t type) { return type == BNN_UINT8 ? 1 : 4; }

// Empty, or why a tensor can't cross the border.
std::string Describe(const Graph& graph, const Program& program, int index, bnn_tensor* form) {
  const Tensor& tensor = graph.tensors[index];
  const Shape& shape = program.shapes[index];
  *form = {};
  form->type = tensor.type == Type::kFloat ? BNN_FLOAT32 : tensor.type == Type::kInt32 ? BNN_INT32 : BNN_UINT8;
  if (tensor.type != Type::kFloat && tensor.type != Type::kInt32 && tensor.type != Type::kUInt8) {
    return "an input or output is neither float32 nor bits nor uint8";
  }
  if (tensor.dims.empty() || tensor.dims.size() > 4) return "an input or output does not have 1 to 4 dimensions";
  form->rank = static_cast<int32_t>(tensor.dims.size());
  // An input that no node reads has no planned shape.
  std::vector<int> dims = tensor.dims;
  if (shape.n > 0) dims = program.DimsOf(index, form->rank, tensor.type == Type::kInt32);
  uint64_t bytes = BytesOf(form->type);
  for (int i = 0; i < form->rank; ++i) {
    if (dims[i] < 1) return "an input or output is empty";
    form->dims[i] = dims[i];
    bytes *= static_cast<uint64_t>(dims[i]);
    if (bytes > kMostInput) return "an input or output is too large";
  }
  form->bytes = static_cast<size_t>(bytes);
  return "";
}

std::string Open(const void* data, size_t size, Network* network) {
  if (data == nullptr) return "there is no file";
  const char* wrong = nullptr;
  const Kernels* kernels = ChooseKernels(&wrong);
  if (kernels == nullptr) return wrong;
  TfliteFile file;
  std::string error = ReadTfliteFile(static_cast<const uint8_t*>(data), size, &file);
  if (!error.empty()) return error;
  error = PlanProgram(file.graph, KernelsFor(file.graph, *kernels), &network->program);
  if (!error.empty()) return error;
  network->tensors = file.graph.tensors.size();
  network->inputs = file.graph.inputs;
  network->outputs = file.graph.outputs;
  for (const auto& side : {std::make_pair(&network->inputs, &network->input_forms),
                           std::make_pair(&network->outputs, &network->output_forms)}) {
    for (int tensor : *side.first) {
      side.second->emplace_back();
      error = Describe(file.graph, network->program, tensor, &side.second->back());
      if (!error.empty()) return error;
    }
  }
  return "";
}

}  // namespace
}  // namespace bnn

struct bnn_model {
  std::shared_ptr<const bnn::Network> network;
};

struct bnn_context {
  bnn_context(std::shared_ptr<const bnn::Network> shared, int threads)
      : network(std::move(shared)), pool(threads), memory(network->program, threads), outside(network->tensors) {}

  void Run(const void* const* inputs, void* const* outputs) {
    for (size_t i = 0; i < network->inputs.size(); ++i) {
      outside[network->inputs[i]] = const_cast<void*>(inputs[i]);  // no step writes to an input
    }
    for (size_t i = 0; i < network->outputs.size(); ++i) outside[network->outputs[i]] = outputs[i];
    memory.Run(network->program, outside, &pool, profiled ? &seconds : nullptr);
  }

  std::shared_ptr<const bnn::Network> network;
  bnn::ThreadPool pool;
  bnn::Memory memory;
  std::vector<void*> outside;
  std::vector<float> floats;    // images made of bytes
  std::vector<uint8_t> pixels;  // and of floats
  bool profiled = false;
  std::vector<double> seconds;
  std::string profile;
};

namespace bnn {
namespace {

// Empty for a network of one input and one output of floats.
std::string CheckImages(const bnn_context* context, const void* images, const void* maps) {
  if (context == nullptr || images == nullptr || maps == nullptr) return "a null pointer was given";
  const Network& network = *context->network;
  if (network.inputs.size() != 1 || network.outputs.size() != 1) return "the network has not one input and one output";
  if (network.input_forms[0].type == BNN_INT32 || network.output_forms[0].type != BNN_FLOAT32) {
    return "the network's input is no images, or its output no floats";
  }
  return "";
}

}  // namespace
}  // namespace bnn

using namespace bnn;

extern "C" {

bnn_model* bnn_open(const void* file, size_t bytes) {
  bnn_model* model = nullptr;
  Try([&] {
    auto network = std::make_shared<Network>();
    const std::string error = Open(file, bytes, network.get());
    if (error.empty()) model = new bnn_model{std::move(network)};
    return error;
  });
  return model;
}

void bnn_close(bnn_model* model) { delete model; }

int32_t bnn_input_count(const bnn_model* model) { return static_cast<int32_t>(model->network->inputs.size()); }
int32_t bnn_output_count(const bnn_model* model) { return static_cast<int32_t>(model->network->outputs.size()); }

int32_t bnn_input(const bnn_model* model, int32_t index, bnn_tensor* tensor) {
  if (index < 0 || index >= bnn_input_count(model)) return Fail("the network has no such input");
  *tensor = model->network->input_forms[index];
  return 0;
}

int32_t bnn_output(const bnn_model* model, int32_t index, bnn_tensor* tensor) {
  if (index < 0 || index >= bnn_output_count(model)) return Fail("the network has no such output");
  *tensor = model->network->output_forms[index];
  return 0;
}

bnn_context* bnn_context_new(const bnn_model* model, int32_t threads) {
  bnn_context* context = nullptr;
  Try([&]() -> std::string {
    if (model == nullptr) return "there is no model";
    if (threads < 1 || threads > ThreadPool::kMost) {
      return Text({"threads must be from 1 to ", ThreadPool::kMost, ", not ", threads});
    }
    context = new bnn_context(model->network, threads);
    return "";
  });
  return context;
}

void bnn_context_free(bnn_context* context) { delete context; }

#if defined(__wasm_atomics__)
int32_t bnn_work(bnn_context* context, int32_t thread) {
  if (context == nullptr || thread < 1 || thread >= context->pool.threads())
    return -1;  // bnn_error is another thread's
  return context->pool.Work(thread);
}
#endif

int32_t bnn_run(bnn_context* context, const void* const* inputs, void* const* outputs) {
  return Try([&]() -> std::string {
    if (context == nullptr || inputs == nullptr || outputs == nullptr) return "a null pointer was given";
    const Network& network = *context->network;
    for (size_t i = 0; i < network.inputs.size(); ++i) {
      if (inputs[i] == nullptr || reinterpret_cast<uintptr_t>(inputs[i]) % BytesOf(network.input_forms[i].type) != 0) {
        return "an input is null, or lies at an address that its type does not divide";
      }
    }
    for (size_t i = 0; i < network.outputs.size(); ++i) {
      if (outputs[i] == nullptr || reinterpret_cast<uintptr_t>(outputs[i]) % 4 != 0) {
        return "an output is null, or lies at an address that its type does not divide";
      }
    }
    context->Run(inputs, outputs);
    return "";
  });
}

int32_t bnn_run_uint8(bnn_context* context, const uint8_t* images, float* maps) {
  return Try([&]() -> std::string {
    const std::string error = CheckImages(context, images, maps);
    if (!error.empty()) return error;
    const void* input = images;
    if (context->network->input_forms[0].type == BNN_FLOAT32) {
      context->floats.resize(context->network->input_forms[0].bytes / 4);
      for (size_t i = 0; i < context->floats.size(); ++i) context->floats[i] = static_cast<float>(images[i]) / 255.0f;
      input = context->floats.data();
    }
    void* output = maps;
    context->Run(&input, &output);
    return "";
  });
}

int32_t bnn_run_float(bnn_context* context, const float* images, float* maps) {
  return Try([&]() -> std::string {
    const std::string error = CheckImages(context, images, maps);
    if (!error.empty()) return error;
    const void* input = images;
    if (context->network->input_forms[0].type == BNN_UINT8) {
      context->pixels.resize(context->network->input_forms[0].bytes);
      for (size_t i = 0; i < context->pixels.size(); ++i) {
        const float pixel = std::nearbyint(images[i] * 255.0f);
        context->pixels[i] = static_cast<uint8_t>(pixel > 0.0f ? pixel < 255.0f ? pixel : 255.0f : 0.0f);
      }
      input = context->pixels.data();
    }
    void* output = maps;
    context->Run(&input, &output);
    return "";
  });
}

const char* bnn_error(void) { return last_error.c_str(); }

const char* bnn_kernels(void) {
  const char* error;
  const Kernels* kernels = ChooseKernels(&error);
  return kernels == nullptr ? error : kernels->name;
}

size_t bnn_context_bytes(const bnn_context* context) { return context->memory.bytes(); }

size_t bnn_model_bytes(const bnn_model* model) { return model->network->program.weight_bytes; }

const char* bnn_profile(bnn_context* context) {
  context->profiled = true;
  try {
    context->profile = ProfileOf(context->network->program, context->seconds);
  } catch (const std::exception& error) {
    Fail(error.what());
    return "";
  }
  return context->profile.c_str();
}

}  // extern "C"
