// Reads a .tflite file as a graph that the planner runs whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "graph.h"

namespace bnn {

struct TfliteFile {
  Graph graph;                                     // its constants lie in the file's bytes, or in `moved`
  std::vector<std::unique_ptr<uint32_t[]>> moved;  // constants that did not lie on a number's boundary
};

// Empty where all is well, else one line: what is damaged, or which operator nothing here runs. Every node's inputs are
// then constants, the graph's inputs or outputs of earlier nodes, and the graph's outputs are made by its nodes.
std::string ReadTfliteFile(const uint8_t* data, size_t size, TfliteFile* file);

}  // namespace bnn
