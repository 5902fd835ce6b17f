// The two functions by which TFLite loads an external delegate, and what lies between: choose nodes, plan, run.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "abi_check.h"
#include "graph.h"
#include "kernels.h"
#include "model_check.h"
#include "program.h"
#include "thread_pool.h"

#define BNN_EXPORT extern "C" __attribute__((visibility("default")))

namespace bnn {
namespace {

constexpr int kMostThreads = 64;

struct Delegate {
  TfLiteDelegate tflite = {};
  const Kernels* kernels = nullptr;
  int threads = 0;  // 0: the interpreter's own number
  bool profile = false;
  std::unique_ptr<ThreadPool> pool;
};

// One run of nodes that the interpreter handed over.
struct Partition {
  Delegate* delegate = nullptr;
  const Kernels* kernels = nullptr;
  std::vector<Node> nodes;
  std::vector<int> inputs, outputs;
  std::vector<std::vector<int>> planned_for;  // shapes of the inputs
  Program program;
  std::unique_ptr<Memory> memory;
  std::vector<double> seconds;
};

// Kept for bnn_landmarks_last_error: TFLite buries a delegate's message under its own.
thread_local std::string last_error;

TfLiteStatus Fail(TfLiteContext* context, const std::string& why) {
  last_error = why;
  context->ReportError(context, "bnn-landmarks runtime: %s", why.c_str());
  return kTfLiteError;
}

Type TypeOf(TfLiteType type) {
  switch (type) {
    case kTfLiteFloat32:
      return Type::kFloat;
    case kTfLiteInt32:
      return Type::kInt32;
    case kTfLiteInt8:
      return Type::kInt8;
    default:
      return Type::kOther;
  }
}

// The interpreter's tensors as the planner reads them.
std::vector<Tensor> TensorsOf(const TfLiteContext* context) {
  std::vector<Tensor> tensors(context->tensors_size);
  for (size_t i = 0; i < tensors.size(); ++i) {
    const TfLiteTensor& from = context->tensors[i];
    Tensor& to = tensors[i];
    to.type = TypeOf(from.type);
    to.has_dims = from.dims != nullptr;
    if (to.has_dims) to.dims.assign(from.dims->data, from.dims->data + from.dims->size);
    if (from.allocation_type != kTfLiteMmapRo || !to.has_dims) continue;
    to.data = from.data;
    to.bytes = from.bytes;
  }
  return tensors;
}

// The flatbuffer schema's numbers for TFLite's structures; other options than these ops' are left alone.
void ReadOptions(int builtin, const void* data, RawOp* raw) {
  if (data == nullptr) return;
  raw->has_options = true;
  switch (builtin) {
    case kTfLiteBuiltinAdd:
    case kTfLiteBuiltinMul:
      raw->activation = static_cast<const TfLiteAddParams*>(data)->activation;  // both begin with it
      return;
    case kTfLiteBuiltinConcatenation: {
      const auto* options = static_cast<const TfLiteConcatenationParams*>(data);
      raw->axis = options->axis;
      raw->activation = options->activation;
      return;
    }
    case kTfLiteBuiltinMaxPool2d: {
      const auto* options = static_cast<const TfLitePoolParams*>(data);
      raw->padding = options->padding - kTfLitePaddingSame + kPaddingSame;
      raw->stride_height = options->stride_height;
      raw->stride_width = options->stride_width;
      raw->filter_height = options->filter_height;
      raw->filter_width = options->filter_width;
      raw->activation = options->activation;
      return;
    }
    case kTfLiteBuiltinResizeNearestNeighbor:
      raw->align_corners = static_cast<const TfLiteResizeNearestNeighborParams*>(data)->align_corners;
      return;
    default:
      raw->has_options = false;
  }
}

std::vector<int> Ints(const TfLiteIntArray* array) { return std::vector<int>(array->data, array->data + array->size); }

std::string ReadNodes(TfLiteContext* context, const TfLiteIntArray* indices, std::vector<Node>* nodes,
                      std::vector<int>* node_indices) {
  Graph graph;
  graph.tensors = TensorsOf(context);
  for (int i = 0; i < indices->size; ++i) {
    TfLiteNode* node;
    TfLiteRegistration* registration;
    if (context->GetNodeAndRegistration(context, indices->data[i], &node, &registration) != kTfLiteOk) {
      return "a node of the graph can't be read";
    }
    RawOp raw;
    raw.builtin = registration->builtin_code;
    raw.inputs = Ints(node->inputs);
    raw.outputs = Ints(node->outputs);
    if (raw.builtin == kTfLiteBuiltinCustom) {
      raw.custom_name = registration->custom_name;
      raw.custom_options = node->custom_initial_data;
      raw.custom_bytes = node->custom_initial_data_size < 0 ? 0 : static_cast<size_t>(node->custom_initial_data_size);
    } else {
      ReadOptions(raw.builtin, node->builtin_data, &raw);
    }
    Node read;
    std::string error;
    const Claim claim = ReadLinkedOp(graph, raw, &read, &error);
    if (claim == Claim::kRefuse) return error;
    if (claim == Claim::kLeave) continue;
    nodes->push_back(read);
    node_indices->push_back(indices->data[i]);
  }
  return "";
}

// ---- a partition's life: init, prepare (after every resize), invoke, free

void* InitPartition(TfLiteContext* context, const char* buffer, size_t) {
  try {
    const auto* params = reinterpret_cast<const TfLiteDelegateParams*>(buffer);
    auto partition = std::make_unique<Partition>();
    partition->delegate = static_cast<Delegate*>(params->delegate->data_);
    std::vector<int> indices;
    const std::string error = ReadNodes(context, params->nodes_to_replace, &partition->nodes, &indices);
    if (!error.empty() || static_cast<int>(indices.size()) != params->nodes_to_replace->size) {
      Fail(context, error.empty() ? "the interpreter handed over nodes that were not asked for" : error);
      return nullptr;
    }
    for (int i = 0; i < params->input_tensors->size; ++i) {
      const int tensor = params->input_tensors->data[i];
      if (tensor >= 0 && context->tensors[tensor].allocation_type != kTfLiteMmapRo) partition->inputs.push_back(tensor);
    }
    for (int i = 0; i < params->output_tensors->size; ++i)
      partition->outputs.push_back(params->output_tensors->data[i]);
    Graph graph;
    graph.tensors = TensorsOf(context);
    graph.nodes = partition->nodes;
    partition->kernels = &KernelsFor(graph, *partition->delegate->kernels);
    return partition.release();
  } catch (const std::exception& error) {
    Fail(context, error.what());
    return nullptr;
  }
}

void FreePartition(TfLiteContext*, void* data) {
  auto* partition = static_cast<Partition*>(data);
  if (partition == nullptr) return;
  if (partition->delegate->profile) std::fputs(ProfileOf(partition->program, partition->seconds).c_str(), stderr);
  delete partition;
}

std::vector<int> DimsOf(const TfLiteTensor& tensor) {
  return tensor.dims == nullptr ? std::vector<int>()
                                : std::vector<int>(tensor.dims->data, tensor.dims->data + tensor.dims->size);
}

TfLiteStatus Resize(TfLiteContext* context, int tensor, const std::vector<int>& dims) {
  if (DimsOf(context->tensors[tensor]) == dims) return kTfLiteOk;
  auto* size = static_cast<TfLiteIntArray*>(std::malloc(sizeof(int) * (dims.size() + 1)));  // TFLite frees it
  if (size == nullptr) return Fail(context, "not enough memory");
  size->size = static_cast<int>(dims.size());
  std::memcpy(size->data, dims.data(), sizeof(int) * dims.size());
  return context->ResizeTensor(context, &context->tensors[tensor], size);
}

TfLiteStatus PreparePartition(TfLiteContext* context, TfLiteNode* node) {
  auto* partition = static_cast<Partition*>(node->user_data);
  if (partition == nullptr) return Fail(context, "it was not initialised");
  try {
    Delegate* delegate = partition->delegate;
    if (delegate->pool == nullptr) {
      const int wanted = delegate->threads > 0 ? delegate->threads : context->recommended_num_threads;
      delegate->pool = std::make_unique<ThreadPool>(wanted < 1 ? 1 : wanted > kMostThreads ? kMostThreads : wanted);
    }
    std::vector<std::vector<int>> shapes;
    for (int tensor : partition->inputs) shapes.push_back(DimsOf(context->tensors[tensor]));
    if (shapes != partition->planned_for || shapes.empty()) {
      partition->planned_for.clear();
      Graph graph;
      graph.tensors = TensorsOf(context);
      graph.nodes = partition->nodes;
      graph.outputs = partition->outputs;
      const std::string error = PlanProgram(graph, *partition->kernels, &partition->program);
      if (!error.empty()) return Fail(context, error);
      partition->memory = std::make_unique<Memory>(partition->program, delegate->pool->threads());
      partition->planned_for = shapes;
    }
    for (int tensor : partition->outputs) {
      const TfLiteTensor& output = context->tensors[tensor];
      const int rank = output.dims == nullptr ? 4 : output.dims->size;
      if (rank < 1 || rank > 4) return Fail(context, "an output does not have 1 to 4 dimensions");
      const TfLiteStatus status =
          Resize(context, tensor, partition->program.DimsOf(tensor, rank, output.type == kTfLiteInt32));
      if (status != kTfLiteOk) return status;
    }
    return kTfLiteOk;
  } catch (const std::exception& error) {
    return Fail(context, error.what());
  }
}

TfLiteStatus InvokePartition(TfLiteContext* context, TfLiteNode* node) {
  auto* partition = static_cast<Partition*>(node->user_data);
  try {
    for (size_t i = 0; i < partition->inputs.size(); ++i) {
      const TfLiteTensor& input = context->tensors[partition->inputs[i]];
      if (input.data == nullptr || DimsOf(input) != partition->planned_for[i])
        return Fail(context, "an input changed its shape");
    }
    for (int tensor : partition->outputs) {
      if (context->tensors[tensor].data == nullptr) return Fail(context, "an output has no memory");
    }
    std::vector<void*> outside(context->tensors_size);
    for (size_t i = 0; i < outside.size(); ++i) outside[i] = context->tensors[i].data;
    partition->memory->Run(partition->program, outside, partition->delegate->pool.get(),
                           partition->delegate->profile ? &partition->seconds : nullptr);
    return kTfLiteOk;
  } catch (const std::exception& error) {
    return Fail(context, error.what());
  }
}

// ---- the delegate

TfLiteStatus PrepareDelegate(TfLiteContext* context, TfLiteDelegate* tflite) {
  try {
    const std::string wrong = CheckInterpreterLayout(context);
    if (!wrong.empty()) {
      // ReportError may be anything: say it without the interpreter.
      last_error = wrong;
      std::fprintf(stderr, "bnn-landmarks runtime: %s\n", wrong.c_str());
      return kTfLiteError;
    }
    TfLiteIntArray* plan;
    if (context->GetExecutionPlan(context, &plan) != kTfLiteOk) return Fail(context, "the graph can't be read");
    std::vector<Node> nodes;
    std::vector<int> indices;
    const std::string error = ReadNodes(context, plan, &nodes, &indices);
    if (!error.empty()) return Fail(context, error);
    const std::vector<int> chosen = ChooseNodes(nodes);
    if (chosen.empty()) return kTfLiteOk;

    std::vector<int> list = {static_cast<int>(chosen.size())};
    for (int i : chosen) list.push_back(indices[i]);
    TfLiteRegistration registration = {};
    registration.init = InitPartition;
    registration.free = FreePartition;
    registration.prepare = PreparePartition;
    registration.invoke = InvokePartition;
    registration.builtin_code = kTfLiteBuiltinDelegate;
    registration.custom_name = "BnnLandmarks";
    registration.version = 1;
    return context->ReplaceNodeSubsetsWithDelegateKernels(context, registration,
                                                          reinterpret_cast<TfLiteIntArray*>(list.data()), tflite);
  } catch (const std::exception& error) {
    return Fail(context, error.what());
  }
}

bool ReadOption(const char* key, const char* value, Delegate* delegate) {
  char* end;
  const long number = std::strtol(value, &end, 10);
  if (end == value || *end != '\0' || number < 0) return false;
  if (std::strcmp(key, "num_threads") == 0) {
    delegate->threads = static_cast<int>(number > kMostThreads ? kMostThreads : number);
  } else if (std::strcmp(key, "profile") == 0) {
    delegate->profile = number != 0;
  } else {
    return false;
  }
  return true;
}

}  // namespace
}  // namespace bnn

using namespace bnn;

// Options: num_threads (0, the default, takes the interpreter's), profile (1: a table on stderr at the end).
BNN_EXPORT TfLiteDelegate* tflite_plugin_create_delegate(char** keys, char** values, size_t count,
                                                         void (*report_error)(const char*)) {
  const auto report = [&](const std::string& why) {
    if (report_error != nullptr) report_error(("bnn-landmarks runtime: " + why).c_str());
    return nullptr;
  };
  try {
    auto delegate = std::make_unique<Delegate>();
    for (size_t i = 0; i < count; ++i) {
      if (!ReadOption(keys[i], values[i], delegate.get())) {
        return report(std::string("option ") + keys[i] + "=" + values[i] +
                      " is not num_threads or profile with a whole number");
      }
    }
    const char* error = nullptr;
    delegate->kernels = ChooseKernels(&error);
    if (delegate->kernels == nullptr) return report(error);
    delegate->tflite.data_ = delegate.get();
    delegate->tflite.Prepare = PrepareDelegate;
    delegate->tflite.flags = kTfLiteDelegateFlagsAllowDynamicTensors;
    return &delegate.release()->tflite;
  } catch (const std::exception& error) {
    return report(error.what());
  }
}

BNN_EXPORT void tflite_plugin_destroy_delegate(TfLiteDelegate* tflite) {
  if (tflite != nullptr) delete static_cast<Delegate*>(tflite->data_);
}

// The kernels that would run here, by name; for messages and tests.
BNN_EXPORT const char* bnn_landmarks_kernels() {
  const char* error;
  const Kernels* kernels = ChooseKernels(&error);
  return kernels == nullptr ? error : kernels->name;
}

// What went wrong on this thread since the last call, or an empty string. Valid until the next call.
BNN_EXPORT const char* bnn_landmarks_last_error() {
  thread_local std::string shown;
  shown.swap(last_error);
  last_error.clear();
  return shown.c_str();
}

// What is wrong with a .tflite file that would crash the interpreter, or an empty string. Valid until the next call.
BNN_EXPORT const char* bnn_landmarks_check_model(const char* data, size_t size) {
  thread_local std::string shown;
  try {
    shown = CheckModel(reinterpret_cast<const uint8_t*>(data), size);
  } catch (const std::exception& error) {
    shown = error.what();
  }
  return shown.c_str();
}
