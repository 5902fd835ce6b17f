#include "model_check.h"

#include <algorithm>
#include <vector>

namespace bnn {

namespace {

constexpr int kCustom = 32;  // the number of an op that is none of TFLite's own

// Slots of TFLite's schema.
enum ModelSlot { kOperatorCodes = 1, kSubgraphs = 2, kBuffers = 4, kMetadata = 6, kSignatures = 7 };
enum SubgraphSlot { kTensors = 0, kInputs = 1, kOutputs = 2, kOperators = 3 };
enum OperatorCodeSlot { kDeprecatedCode = 0, kBuiltinCode = 3 };
enum OperatorSlot { kOperatorCode = 0, kOperatorInputs = 1, kOperatorOutputs = 2 };
enum MetadataSlot { kMetadataName = 0, kMetadataBuffer = 1 };
enum SignatureSlot { kSignatureInputs = 0, kSignatureOutputs = 1, kSignatureKey = 2, kSignatureSubgraph = 4 };

}  // namespace

int BuiltinNumber(const FlatFile& file, size_t code) {
  const int old_number = static_cast<int8_t>(file.Byte(code, kDeprecatedCode));
  return std::max(old_number, static_cast<int>(file.Number(code, kBuiltinCode)));
}

std::string CheckModel(const uint8_t* data, size_t size) {
  const FlatFile file(data, size);
  if (size < 8 || data[4] != 'T' || data[5] != 'F' || data[6] != 'L' || data[7] != '3')
    return "it is not a .tflite file";
  const std::string damaged = "the file is damaged: ";
  const size_t model = file.Root();
  std::vector<size_t> codes, subgraphs, buffers, tables, operators;
  if (!file.Tables(model, kOperatorCodes, &codes)) return damaged + "it lists no operators";
  if (!file.Tables(model, kSubgraphs, &subgraphs) || subgraphs.empty()) return damaged + "it holds no graph";
  if (!file.Tables(model, kBuffers, &buffers) || buffers.empty()) return damaged + "it holds no buffers";
  for (size_t subgraph : subgraphs) {
    if (!file.Tables(subgraph, kTensors, &tables) || !file.Tables(subgraph, kOperators, &operators) ||
        !file.Has(subgraph, kInputs, 4) || !file.Has(subgraph, kOutputs, 4)) {
      return damaged + "a part of the graph is missing";
    }
    for (size_t op : operators) {
      std::vector<int32_t> inputs, outputs;
      if (!file.Ints(op, kOperatorInputs, &inputs) || !file.Ints(op, kOperatorOutputs, &outputs)) {
        return damaged + "a node has no tensors";
      }
      const uint32_t code = file.Number(op, kOperatorCode);
      if (code >= codes.size()) return damaged + "a node has no operator";
      // TFLite marks an input that is left out by -1. Its own ops leave out a bias, the third, or later ones; LCE's
      // are checked by the delegate.
      const bool custom = BuiltinNumber(file, codes[code]) == kCustom;
      for (size_t i = 0; i < inputs.size(); ++i) {
        if (inputs[i] < 0 && !(custom || i >= 2)) return damaged + "a node lacks an input";
      }
      for (int32_t output : outputs) {
        if (output < 0) return damaged + "a node lacks an output";
      }
    }
  }
  if (file.Field(model, kMetadata) != 0) {
    if (!file.Tables(model, kMetadata, &tables)) return damaged + "its metadata";
    for (size_t entry : tables) {
      if (!file.Has(entry, kMetadataName, 1) || file.Number(entry, kMetadataBuffer) >= buffers.size()) {
        return damaged + "its metadata";
      }
    }
  }
  if (file.Field(model, kSignatures) != 0) {
    std::vector<size_t> signatures;
    if (!file.Tables(model, kSignatures, &signatures)) return damaged + "its signatures";
    for (size_t signature : signatures) {
      if (!file.Has(signature, kSignatureKey, 1) || file.Number(signature, kSignatureSubgraph) >= subgraphs.size()) {
        return damaged + "its signatures";
      }
      for (int side : {kSignatureInputs, kSignatureOutputs}) {
        if (file.Field(signature, side) == 0) continue;
        if (!file.Tables(signature, side, &tables)) return damaged + "its signatures";
        for (size_t entry : tables) {
          if (!file.Has(entry, 0, 1)) return damaged + "its signatures";
        }
      }
    }
  }
  return "";
}

}  // namespace bnn
