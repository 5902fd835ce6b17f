// Reads whole numbers out of the FlexBuffer map that a custom op carries as its options.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bnn {

// A view on a FlexBuffer whose root is a map. Every read is checked against the buffer's end: the bytes come from a
// file that anybody may have written.
class FlexMap {
 public:
  // False where the bytes are no map, or one that points outside itself.
  bool Open(const uint8_t* data, size_t size);

  // The whole number stored under `key`; false where there is none, or it is no number.
  bool Int(const char* key, int64_t* value) const;

 private:
  bool Read(size_t at, size_t width, uint64_t* value) const;
  bool Follow(size_t at, size_t width, size_t* target) const;
  bool KeyEquals(size_t at, const char* key) const;

  const uint8_t* data_ = nullptr;
  size_t size_ = 0;
  size_t values_ = 0;       // position of the first value
  size_t value_width_ = 1;  // bytes a value takes
  size_t keys_ = 0;
  size_t key_width_ = 1;
  size_t count_ = 0;
};

}  // namespace bnn
