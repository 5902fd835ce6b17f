#include "model_check.h"

#include <vector>

namespace {

constexpr uint32_t kMostEntries = 1 << 22;
constexpr uint32_t kCustom = 32;  // builtin_code of an op that is none of TFLite's own

// FlatBuffer tables, every read checked against the end of the file. A position of 0 means "not there".
class FlatFile {
 public:
  FlatFile(const uint8_t* data, size_t size) : data_(data), size_(size) {}

  size_t Root() const { return Target(0); }

  // Where a table's field is stored.
  size_t Field(size_t table, int slot) const {
    if (table == 0 || !Holds(table, 4)) return 0;
    const int64_t vtable = static_cast<int64_t>(table) - static_cast<int32_t>(U32(table));
    if (vtable < 0 || !Holds(static_cast<size_t>(vtable), 4)) return 0;
    const size_t at = static_cast<size_t>(vtable) + 4 + 2 * static_cast<size_t>(slot);
    if (4 + 2 * static_cast<size_t>(slot) + 2 > U16(static_cast<size_t>(vtable)) || !Holds(at, 2) || U16(at) == 0) return 0;
    const size_t field = table + U16(at);
    return Holds(field, 4) ? field : 0;
  }

  // The table, string or vector that a field points to.
  size_t Follow(size_t table, int slot) const {
    const size_t field = Field(table, slot);
    return field == 0 ? 0 : Target(field);
  }

  uint32_t Number(size_t table, int slot) const {
    const size_t field = Field(table, slot);
    return field == 0 ? 0 : U32(field);
  }

  // The tables of a vector; false where the vector, or one of them, is not there.
  bool Tables(size_t table, int slot, std::vector<size_t>* tables) const {
    const size_t vector = Follow(table, slot);
    tables->clear();
    if (vector == 0 || U32(vector) > kMostEntries || !Holds(vector, 4 + 4 * static_cast<size_t>(U32(vector)))) return false;
    for (uint32_t i = 0; i < U32(vector); ++i) {
      tables->push_back(Target(vector + 4 + 4 * static_cast<size_t>(i)));
      if (tables->back() == 0) return false;
    }
    return true;
  }

  bool Ints(size_t table, int slot, std::vector<int32_t>* values) const {
    values->clear();
    if (!Has(table, slot, 4)) return false;
    const size_t vector = Follow(table, slot);
    for (uint32_t i = 0; i < U32(vector); ++i) values->push_back(static_cast<int32_t>(U32(vector + 4 + 4 * static_cast<size_t>(i))));
    return true;
  }

  // Whether a vector of `bytes` each, or a string, is there in full.
  bool Has(size_t table, int slot, size_t bytes) const {
    const size_t vector = Follow(table, slot);
    return vector != 0 && Holds(vector, 4 + bytes * static_cast<size_t>(U32(vector)));
  }

 private:
  bool Holds(size_t at, size_t bytes) const { return at <= size_ && size_ - at >= bytes; }
  uint32_t U16(size_t at) const { return data_[at] | static_cast<uint32_t>(data_[at + 1]) << 8; }
  uint32_t U32(size_t at) const { return U16(at) | U16(at + 2) << 16; }
  size_t Target(size_t at) const {
    if (!Holds(at, 4)) return 0;
    const size_t target = at + U32(at);
    return Holds(target, 4) ? target : 0;
  }

  const uint8_t* data_;
  size_t size_;
};

// Slots of TFLite's schema.
enum ModelSlot { kOperatorCodes = 1, kSubgraphs = 2, kBuffers = 4, kMetadata = 6, kSignatures = 7 };
enum SubgraphSlot { kTensors = 0, kInputs = 1, kOutputs = 2, kOperators = 3 };
enum OperatorCodeSlot { kBuiltinCode = 3 };
enum OperatorSlot { kOperatorCode = 0, kOperatorInputs = 1, kOperatorOutputs = 2 };
enum MetadataSlot { kMetadataName = 0, kMetadataBuffer = 1 };
enum SignatureSlot { kSignatureInputs = 0, kSignatureOutputs = 1, kSignatureKey = 2, kSignatureSubgraph = 4 };

}  // namespace

std::string CheckModel(const uint8_t* data, size_t size) {
  const FlatFile file(data, size);
  if (size < 8 || data[4] != 'T' || data[5] != 'F' || data[6] != 'L' || data[7] != '3') return "it is not a .tflite file";
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
      const bool custom = file.Number(codes[code], kBuiltinCode) == kCustom;
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
