// A stand-in for TFLite, as small as the delegate needs: it reads a graph with its input and the outputs that are
// expected, has the delegate take it over, runs it, and compares bit by bit. For machines that have no LiteRT (an
// emulated ARM), for sanitizers, and for interpreters whose structures are laid out otherwise.
//
//   host case CASE...            each file must give its expected outputs
//   host repeat N CASE           one file, N times: for counting instructions
//   host layout SHIFT CASE       tensors SHIFT bytes further apart than the delegate believes: it must refuse
//   host mutate SEED COUNT CASE  random damage to the ops' options and shapes: refusals and results, no crash
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tflite_abi.h"

extern "C" TfLiteDelegate* tflite_plugin_create_delegate(char**, char**, size_t, void (*)(const char*));
extern "C" void tflite_plugin_destroy_delegate(TfLiteDelegate*);

namespace {

struct Array {
  explicit Array(const std::vector<int>& values) : words(values.size() + 1) {
    words[0] = static_cast<int>(values.size());
    std::copy(values.begin(), values.end(), words.begin() + 1);
  }
  TfLiteIntArray* get() { return reinterpret_cast<TfLiteIntArray*>(words.data()); }
  std::vector<int> words;
};

enum Role { kInner, kConstant, kInput, kOutput };

struct TensorData {
  int kind = 0;
  int role = kInner;
  std::vector<int> dims;
  std::vector<char> given;  // constant, input or expected output
  std::vector<char> memory;
};

struct NodeData {
  std::string op;
  std::vector<int> inputs, outputs;
  std::vector<char> options;
};

struct Graph {
  std::vector<TensorData> tensors;
  std::vector<NodeData> nodes;
  std::vector<int> outputs;
};

class Reader {
 public:
  explicit Reader(const char* path) {
    std::FILE* file = std::fopen(path, "rb");
    if (file == nullptr) {
      std::fprintf(stderr, "%s can't be read\n", path);
      std::exit(2);
    }
    char part[65536];
    for (size_t n; (n = std::fread(part, 1, sizeof part, file)) > 0;) bytes_.insert(bytes_.end(), part, part + n);
    std::fclose(file);
  }
  int Int() {
    int value;
    std::memcpy(&value, Take(4), 4);
    return value;
  }
  std::vector<int> Ints() {
    std::vector<int> values(Int());
    for (int& value : values) value = Int();
    return values;
  }
  const char* Take(size_t count) {
    if (bytes_.size() - at_ < count) std::abort();
    at_ += count;
    return bytes_.data() + at_ - count;
  }

 private:
  std::vector<char> bytes_;
  size_t at_ = 0;
};

size_t BytesOf(const std::vector<int>& dims) {
  size_t bytes = 4;
  for (int dim : dims) bytes *= dim;
  return bytes;
}

Graph Read(const char* path) {
  Reader reader(path);
  Graph graph;
  graph.tensors.resize(reader.Int());
  graph.nodes.resize(reader.Int());
  graph.outputs.resize(reader.Int());
  for (TensorData& tensor : graph.tensors) {
    tensor.kind = reader.Int() == 0 ? kTfLiteFloat32 : kTfLiteInt32;  // the file's numbers: 0 and 2
    tensor.role = reader.Int();
    tensor.dims = reader.Ints();
    if (tensor.role == kInner) continue;
    const size_t bytes = BytesOf(tensor.dims);
    const char* from = reader.Take(bytes);
    tensor.given.assign(from, from + bytes);
  }
  for (NodeData& node : graph.nodes) {
    const int length = reader.Int();
    node.op.assign(reader.Take(length), length);
    node.inputs = reader.Ints();
    node.outputs = reader.Ints();
    const int bytes = reader.Int();
    const char* from = reader.Take(bytes);
    node.options.assign(from, from + bytes);
  }
  for (int& output : graph.outputs) output = reader.Int();
  return graph;
}

int BuiltinCode(const std::string& op) {
  static const std::map<std::string, int> codes = {
      {"ADD", 0}, {"CONCATENATION", 2}, {"MAX_POOL_2D", 17}, {"MUL", 18}, {"RESIZE_NEAREST_NEIGHBOR", 97}};
  const auto found = codes.find(op);
  return found == codes.end() ? kTfLiteBuiltinCustom : found->second;
}

// ---- the interpreter: all of the graph must end up in one partition

struct Host {
  TfLiteContext context = {};
  std::vector<char> tensor_memory;
  std::vector<Array> dims, inputs, outputs;
  std::vector<TfLiteNode> nodes;
  std::vector<TfLiteRegistration> registrations;
  std::unique_ptr<Array> plan, replaced, partition_inputs, partition_outputs;
  TfLiteRegistration kernel = {};
  TfLiteNode partition = {};
  Graph* graph = nullptr;
};

bool quiet = false;

Host* HostOf(TfLiteContext* context) { return static_cast<Host*>(context->impl_); }

TfLiteStatus GetExecutionPlan(TfLiteContext* context, TfLiteIntArray** plan) {
  *plan = HostOf(context)->plan->get();
  return kTfLiteOk;
}

TfLiteStatus GetNode(TfLiteContext* context, int index, TfLiteNode** node, TfLiteRegistration** registration) {
  *node = &HostOf(context)->nodes[index];
  *registration = &HostOf(context)->registrations[index];
  return kTfLiteOk;
}

TfLiteStatus ResizeTensor(TfLiteContext* context, TfLiteTensor* tensor, TfLiteIntArray* size) {
  Host* host = HostOf(context);
  const size_t index = tensor - context->tensors;
  host->dims[index] = Array(std::vector<int>(size->data, size->data + size->size));
  std::free(size);
  tensor->dims = host->dims[index].get();
  return kTfLiteOk;
}

void ReportError(TfLiteContext*, const char* format, ...) {
  if (quiet) return;
  va_list arguments;
  va_start(arguments, format);
  std::vfprintf(stderr, format, arguments);
  va_end(arguments);
  std::fputc('\n', stderr);
}

TfLiteStatus AddTensors(TfLiteContext*, int, int*) { return kTfLiteError; }
void* GetExternalContext(TfLiteContext*, int) { return nullptr; }
void SetExternalContext(TfLiteContext*, int, void*) {}

TfLiteStatus Replace(TfLiteContext* context, TfLiteRegistration kernel, const TfLiteIntArray* nodes,
                     TfLiteDelegate* delegate) {
  Host* host = HostOf(context);
  if (nodes->size != static_cast<int>(host->nodes.size())) {
    ReportError(context, "only %d of %d nodes were taken", nodes->size, static_cast<int>(host->nodes.size()));
    return kTfLiteError;
  }
  host->kernel = kernel;
  host->replaced = std::make_unique<Array>(std::vector<int>(nodes->data, nodes->data + nodes->size));
  std::vector<int> inputs;
  for (size_t i = 0; i < host->graph->tensors.size(); ++i) {
    if (host->graph->tensors[i].role == kInput || host->graph->tensors[i].role == kConstant)
      inputs.push_back(static_cast<int>(i));
  }
  host->partition_inputs = std::make_unique<Array>(inputs);
  host->partition_outputs = std::make_unique<Array>(host->graph->outputs);
  TfLiteDelegateParams params = {delegate, host->replaced->get(), host->partition_inputs->get(),
                                 host->partition_outputs->get()};
  host->partition.inputs = host->partition_inputs->get();
  host->partition.outputs = host->partition_outputs->get();
  host->partition.user_data = kernel.init(context, reinterpret_cast<const char*>(&params), 0);
  return kTfLiteOk;
}

// `shift` bytes between one tensor's structure and the next, beyond the structure itself.
std::unique_ptr<Host> MakeHost(Graph* graph, size_t shift) {
  auto host = std::make_unique<Host>();
  host->graph = graph;
  const size_t stride = sizeof(TfLiteTensor) + shift;
  host->tensor_memory.assign(stride * graph->tensors.size() + 64, 0x55);
  for (const TensorData& tensor : graph->tensors) host->dims.emplace_back(tensor.dims);
  for (size_t i = 0; i < graph->tensors.size(); ++i) {
    TensorData& data = graph->tensors[i];
    TfLiteTensor tensor = {};
    tensor.type = static_cast<TfLiteType>(data.kind);
    tensor.dims = host->dims[i].get();
    tensor.name = "tensor";
    tensor.allocation_type = static_cast<TfLiteAllocationType>(data.role == kConstant ? kTfLiteMmapRo : 2);
    tensor.bytes = BytesOf(data.dims);
    if (data.role == kConstant) tensor.data = data.given.data();
    std::memcpy(host->tensor_memory.data() + i * stride, &tensor, sizeof tensor);
  }
  for (const NodeData& data : graph->nodes) {
    host->inputs.emplace_back(data.inputs);
    host->outputs.emplace_back(data.outputs);
  }
  std::vector<int> order;
  for (size_t i = 0; i < graph->nodes.size(); ++i) {
    NodeData& data = graph->nodes[i];
    TfLiteNode node = {};
    TfLiteRegistration registration = {};
    node.inputs = host->inputs[i].get();
    node.outputs = host->outputs[i].get();
    registration.builtin_code = BuiltinCode(data.op);
    if (registration.builtin_code == kTfLiteBuiltinCustom) {
      registration.custom_name = data.op.c_str();
      node.custom_initial_data = data.options.data();
      node.custom_initial_data_size = static_cast<int>(data.options.size());
    } else {
      node.builtin_data = data.options.data();
    }
    host->nodes.push_back(node);
    host->registrations.push_back(registration);
    order.push_back(static_cast<int>(i));
  }
  host->plan = std::make_unique<Array>(order);
  TfLiteContext& context = host->context;
  context.tensors_size = graph->tensors.size();
  context.tensors = reinterpret_cast<TfLiteTensor*>(host->tensor_memory.data());
  context.impl_ = host.get();
  context.GetExecutionPlan = GetExecutionPlan;
  context.ResizeTensor = ResizeTensor;
  context.ReportError = ReportError;
  context.AddTensors = AddTensors;
  context.GetNodeAndRegistration = GetNode;
  context.ReplaceNodeSubsetsWithDelegateKernels = Replace;
  context.recommended_num_threads = 1;
  context.GetExternalContext = GetExternalContext;
  context.SetExternalContext = SetExternalContext;
  return host;
}

// True where the delegate took the graph and ran it `times` times.
bool Run(Graph* graph, size_t shift, int times) {
  TfLiteDelegate* delegate = tflite_plugin_create_delegate(nullptr, nullptr, 0, nullptr);
  if (delegate == nullptr) return false;
  const std::unique_ptr<Host> host = MakeHost(graph, shift);
  bool done = false;
  if (delegate->Prepare(&host->context, delegate) == kTfLiteOk && host->kernel.prepare != nullptr) {
    if (host->partition.user_data != nullptr && host->kernel.prepare(&host->context, &host->partition) == kTfLiteOk) {
      for (size_t i = 0; i < graph->tensors.size(); ++i) {
        TensorData& data = graph->tensors[i];
        TfLiteTensor& tensor = host->context.tensors[i];
        if (data.role != kInput && data.role != kOutput) continue;
        data.memory = data.given;
        data.memory.resize(BytesOf(std::vector<int>(tensor.dims->data, tensor.dims->data + tensor.dims->size)));
        if (data.role == kOutput) std::fill(data.memory.begin(), data.memory.end(), 0x7E);
        tensor.data = data.memory.data();
        tensor.bytes = data.memory.size();
      }
      done = true;
      for (int i = 0; i < times; ++i) done = done && host->kernel.invoke(&host->context, &host->partition) == kTfLiteOk;
    }
    host->kernel.free(&host->context, host->partition.user_data);
  }
  tflite_plugin_destroy_delegate(delegate);
  return done;
}

bool Same(const Graph& graph, const char* path) {
  for (int output : graph.outputs) {
    const TensorData& tensor = graph.tensors[output];
    if (tensor.memory.size() != tensor.given.size()) {
      std::printf("%s: tensor %d has another size\n", path, output);
      return false;
    }
    const float* got = reinterpret_cast<const float*>(tensor.memory.data());
    const float* want = reinterpret_cast<const float*>(tensor.given.data());
    for (size_t i = 0; i < tensor.given.size() / 4; ++i) {
      if (std::memcmp(got + i, want + i, 4) == 0 || (got[i] != got[i] && want[i] != want[i])) continue;
      std::printf("%s: tensor %d differs at %zu: %.9g, not %.9g\n", path, output, i, got[i], want[i]);
      return false;
    }
  }
  return true;
}

void Damage(Graph* graph) {
  NodeData& node = graph->nodes[std::rand() % graph->nodes.size()];
  TensorData& tensor = graph->tensors[std::rand() % graph->tensors.size()];
  switch (std::rand() % 5) {
    case 0:
      if (!node.options.empty() && BuiltinCode(node.op) == kTfLiteBuiltinCustom)
        node.options[std::rand() % node.options.size()] = static_cast<char>(std::rand());
      break;
    case 1:
      if (BuiltinCode(node.op) == kTfLiteBuiltinCustom) node.options.resize(std::rand() % (node.options.size() + 1));
      break;
    case 2:
      if (tensor.role != kConstant && !tensor.dims.empty())
        tensor.dims[std::rand() % tensor.dims.size()] = std::rand() % 70;
      break;
    case 3:
      if (!node.inputs.empty())
        node.inputs[std::rand() % node.inputs.size()] = std::rand() % static_cast<int>(graph->tensors.size());
      break;
    default:
      if (!node.inputs.empty()) node.inputs[std::rand() % node.inputs.size()] = -1;
  }
}

}  // namespace

int main(int count, char** arguments) {
  const std::string mode = count > 2 ? arguments[1] : "";
  if (mode == "case") {
    int wrong = 0;
    for (int i = 2; i < count; ++i) {
      Graph graph = Read(arguments[i]);
      if (!Run(&graph, 0, 1)) {
        std::printf("%s: did not run\n", arguments[i]);
        ++wrong;
      } else if (!Same(graph, arguments[i])) {
        ++wrong;
      }
    }
    std::printf("%d of %d differ\n", wrong, count - 2);
    return wrong == 0 ? 0 : 1;
  }
  if (mode == "repeat" && count == 4) {
    Graph graph = Read(arguments[3]);
    return Run(&graph, 0, std::atoi(arguments[2])) ? 0 : 1;
  }
  if (mode == "layout" && count == 4) {
    Graph graph = Read(arguments[3]);
    return Run(&graph, std::atoi(arguments[2]), 1) ? 0 : 1;
  }
  if (mode == "mutate" && count == 5) {
    quiet = true;
    std::srand(std::atoi(arguments[2]));
    int refused = 0;
    const int rounds = std::atoi(arguments[3]);
    const Graph whole = Read(arguments[4]);
    for (int i = 0; i < rounds; ++i) {
      Graph graph = whole;
      for (int n = 1 + std::rand() % 3; n > 0; --n) Damage(&graph);
      // Inputs keep the size that their damaged shape asks for.
      if (!Run(&graph, 0, 1)) ++refused;
    }
    std::printf("%d of %d refused\n", refused, rounds);
    return 0;
  }
  std::fprintf(stderr, "usage: host case|repeat|layout|mutate ...\n");
  return 2;
}
