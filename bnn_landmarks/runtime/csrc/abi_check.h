// Proof, before anything is trusted, that the interpreter's structures are laid out as tflite_abi.h says.
#pragma once

#include <string>

#include "tflite_abi.h"

namespace bnn {

// Empty where they are; else one line that says which is not. Reads only memory that it has found readable.
std::string CheckInterpreterLayout(TfLiteContext* context);

}  // namespace bnn
