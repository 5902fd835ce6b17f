// A look at a .tflite file before the interpreter reads it: the parts without which LiteRT crashes must be there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "flat_file.h"

namespace bnn {

// The number of an operator code's operator: older converters fill one field, newer ones both.
int BuiltinNumber(const FlatFile& file, size_t code);

// Empty where the file has them, else one line.
std::string CheckModel(const uint8_t* data, size_t size);

}  // namespace bnn
