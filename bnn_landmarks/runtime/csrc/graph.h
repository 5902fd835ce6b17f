// The nodes that the delegate takes over, read out of the interpreter's graph.
#pragma once

#include <string>
#include <vector>

#include "op_options.h"
#include "tflite_abi.h"

enum class Op {
  kQuantize,    // float -> bits
  kDequantize,  // bits -> float
  kConv,        // bits -> float or bits
  kBitPool,     // bits -> bits
  kScale,       // float * one constant a channel
  kShift,       // float + one constant a channel
  kAdd,         // float + float
  kConcat,      // along the channels
  kMaxPool,     // float
  kUpsample,    // float, nearest neighbour, twice as high and wide
};

struct Node {
  Op op;
  std::vector<int> inputs;  // tensors; constants apart
  int output = -1;
  int constant = -1;                                         // of kScale and kShift
  int filter = -1, multiplier = -1, bias = -1, threshold = -1;  // of kConv
  bool bits_out = false;                                     // of kConv
  ConvOptions conv;
  PoolOptions pool;
};

enum class Claim {
  kTake,
  kLeave,   // not ours: the interpreter's own kernels do it
  kRefuse,  // an LCE op of a form that nothing here runs; `error` says why
};

Claim ReadNode(const TfLiteContext* context, const TfLiteNode* node, const TfLiteRegistration* registration, Node* out,
               std::string* error);

bool IsLceOp(Op op);

// Indices, into `nodes`, of those worth taking: the LCE ops and the float ops that lead up to one of them.
std::vector<int> ChooseNodes(const std::vector<Node>& nodes);
