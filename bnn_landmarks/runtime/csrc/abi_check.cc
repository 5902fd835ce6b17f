#include "abi_check.h"

#include <dlfcn.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

namespace bnn {

namespace {

constexpr size_t kMostTensors = 1 << 22;
constexpr int kMostDims = 16;
constexpr int kMostNodeTensors = 1 << 16;

// The kernel says whether memory can be read: write() of an address that is not mapped fails, where our own read
// would crash.
class SafeReader {
 public:
  SafeReader() : open_(pipe(ends_) == 0) {}
  ~SafeReader() {
    if (open_) {
      close(ends_[0]);
      close(ends_[1]);
    }
  }

  bool Copy(const void* from, void* to, size_t bytes) const {
    if (!open_ || from == nullptr) return false;
    const char* source = static_cast<const char*>(from);
    char* target = static_cast<char*>(to);
    while (bytes > 0) {
      const size_t part = bytes < 512 ? bytes : 512;
      if (write(ends_[1], source, part) != static_cast<ssize_t>(part)) return false;
      if (read(ends_[0], target, part) != static_cast<ssize_t>(part)) return false;
      source += part;
      target += part;
      bytes -= part;
    }
    return true;
  }

  // A size that lies within [0, most], and as many readable entries.
  bool IntArray(const TfLiteIntArray* array, int most, std::vector<int>* values) const {
    int size;
    if (!Copy(array, &size, sizeof size) || size < 0 || size > most) return false;
    values->resize(size);
    return size == 0 || Copy(array->data, values->data(), sizeof(int) * size);
  }

 private:
  int ends_[2] = {-1, -1};
  bool open_;
};

// The library that holds a function, or null for what is no code address at all.
const void* LibraryOf(const void* function) {
  Dl_info info;
  if (function == nullptr || dladdr(function, &info) == 0) return nullptr;
  return info.dli_fbase;
}

template <typename Function>
const void* Address(Function function) {
  return reinterpret_cast<const void*>(function);
}

std::string CheckContext(const SafeReader& reader, const TfLiteContext* context, TfLiteContext* copy) {
  if (!reader.Copy(context, copy, sizeof *copy)) return "TfLiteContext is not readable";
  const void* functions[] = {
      Address(copy->GetExecutionPlan),
      Address(copy->ResizeTensor),
      Address(copy->ReportError),
      Address(copy->AddTensors),
      Address(copy->GetNodeAndRegistration),
      Address(copy->GetExternalContext),
      Address(copy->SetExternalContext),
      Address(copy->ReplaceNodeSubsetsWithDelegateKernels),
  };
  const void* library = LibraryOf(functions[0]);
  for (const void* function : functions) {
    if (library == nullptr || LibraryOf(function) != library) return "TfLiteContext has other functions";
  }
  const void* data[] = {copy->tensors, copy->impl_};
  for (const void* pointer : data) {
    char byte;
    if (!reader.Copy(pointer, &byte, 1) || LibraryOf(pointer) == library) return "TfLiteContext has other fields";
  }
  if (copy->tensors_size == 0 || copy->tensors_size > kMostTensors) return "TfLiteContext has another tensors_size";
  if (copy->recommended_num_threads < -1 || copy->recommended_num_threads > 4096) {
    return "TfLiteContext has another recommended_num_threads";
  }
  return "";
}

std::string CheckTensors(const SafeReader& reader, TfLiteContext* context) {
  const std::string wrong = "TfLiteTensor is laid out differently";
  for (size_t i = 0; i < context->tensors_size; ++i) {
    // Entry after entry must make sense: with another size of the structure the second one does not.
    TfLiteTensor tensor;
    if (!reader.Copy(context->tensors + i, &tensor, sizeof tensor)) return wrong;
    if (tensor.type < 0 || tensor.type > kTfLiteLastKnownType) return wrong;
    if (tensor.allocation_type < 0 || tensor.allocation_type > 64) return wrong;
    char letter;
    if (tensor.name != nullptr && !reader.Copy(tensor.name, &letter, 1)) return wrong;
    std::vector<int> dims;
    if (tensor.dims != nullptr && !reader.IntArray(tensor.dims, kMostDims, &dims)) return wrong;
    if (tensor.allocation_type != kTfLiteMmapRo) continue;
    if (tensor.type != kTfLiteFloat32 && tensor.type != kTfLiteInt32) continue;
    // A constant's bytes must be what its shape says, and lie in memory.
    uint64_t bytes = 4;
    for (int dim : dims) bytes *= static_cast<uint64_t>(dim);
    char last;
    if (tensor.bytes != bytes) return wrong;
    if (bytes > 0 && !reader.Copy(static_cast<const char*>(tensor.data) + bytes - 1, &last, 1)) return wrong;
  }
  return "";
}

std::string CheckNodes(const SafeReader& reader, TfLiteContext* context) {
  const std::string wrong = "TfLiteNode or TfLiteRegistration is laid out differently";
  TfLiteIntArray* plan = nullptr;
  std::vector<int> order;
  if (context->GetExecutionPlan(context, &plan) != kTfLiteOk || !reader.IntArray(plan, 1 << 22, &order)) {
    return "the execution plan is not readable";
  }
  for (int index : order) {
    TfLiteNode* node = nullptr;
    TfLiteRegistration* registration = nullptr;
    if (index < 0 || context->GetNodeAndRegistration(context, index, &node, &registration) != kTfLiteOk) return wrong;
    TfLiteNode copy;
    if (!reader.Copy(node, &copy, sizeof copy)) return wrong;
    for (const TfLiteIntArray* list : {copy.inputs, copy.outputs}) {
      std::vector<int> tensors;
      if (!reader.IntArray(list, kMostNodeTensors, &tensors)) return wrong;
      for (int tensor : tensors) {
        if (tensor < -1 || tensor >= static_cast<int64_t>(context->tensors_size)) return wrong;
      }
    }
    constexpr size_t kKnown = offsetof(TfLiteRegistration, version) + sizeof(int);
    alignas(TfLiteRegistration) char bytes[sizeof(TfLiteRegistration)] = {};
    if (!reader.Copy(registration, bytes, kKnown)) return wrong;
    const TfLiteRegistration* known = reinterpret_cast<const TfLiteRegistration*>(bytes);
    if (known->builtin_code < 0 || known->builtin_code > 4096) return wrong;
    char first;
    if (known->builtin_code == kTfLiteBuiltinCustom && !reader.Copy(known->custom_name, &first, 1)) return wrong;
    char last;
    if (copy.custom_initial_data_size < 0) return wrong;
    if (copy.custom_initial_data != nullptr && copy.custom_initial_data_size > 0 &&
        !reader.Copy(static_cast<const char*>(copy.custom_initial_data) + copy.custom_initial_data_size - 1, &last,
                     1)) {
      return wrong;
    }
  }
  return "";
}

}  // namespace

std::string CheckInterpreterLayout(TfLiteContext* context) {
  const SafeReader reader;
  TfLiteContext copy;
  std::string error = CheckContext(reader, context, &copy);
  if (error.empty()) error = CheckTensors(reader, context);
  if (error.empty()) error = CheckNodes(reader, context);
  if (error.empty()) return "";
  return "this interpreter does not match the delegate (" + error + "); use ai-edge-litert 2.3 or TensorFlow 2.21";
}

}  // namespace bnn
