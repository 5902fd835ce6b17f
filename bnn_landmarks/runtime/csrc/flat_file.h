// The FlatBuffer that a .tflite file is, read without trust.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace bnn {

// FlatBuffer tables, every read checked against the end of the file. A position of 0 means "not there".
class FlatFile {
 public:
  FlatFile(const uint8_t* data, size_t size) : data_(data), size_(size) {}

  size_t Root() const { return Target(0); }

  // Where a table's field of at least four bytes is stored.
  size_t Field(size_t table, int slot) const {
    const size_t field = Place(table, slot);
    return field != 0 && Holds(field, 4) ? field : 0;
  }
  // The table, string or vector that a field points to.
  size_t Follow(size_t table, int slot) const {
    const size_t field = Field(table, slot);
    return field == 0 ? 0 : Target(field);
  }

  uint32_t Number(size_t table, int slot, uint32_t otherwise = 0) const {
    const size_t field = Field(table, slot);
    return field == 0 ? otherwise : U32(field);
  }

  // A field of one byte, or what the schema says where it is not there.
  uint32_t Byte(size_t table, int slot, uint32_t otherwise = 0) const {
    const size_t field = Place(table, slot);
    return field == 0 || !Holds(field, 1) ? otherwise : data_[field];
  }

  // The bytes of a vector of bytes, or of a string; null where it is not there in full.
  const uint8_t* Bytes(size_t table, int slot, size_t* count) const {
    *count = 0;
    if (!Has(table, slot, 1)) return nullptr;
    const size_t vector = Follow(table, slot);
    *count = U32(vector);
    return data_ + vector + 4;
  }

  // The tables of a vector; false where the vector, or one of them, is not there.
  bool Tables(size_t table, int slot, std::vector<size_t>* tables) const {
    const size_t vector = Follow(table, slot);
    tables->clear();
    if (vector == 0 || U32(vector) > (1 << 22) || !Holds(vector, 4 + 4 * uint64_t{U32(vector)})) return false;
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
    for (uint32_t i = 0; i < U32(vector); ++i)
      values->push_back(static_cast<int32_t>(U32(vector + 4 + 4 * static_cast<size_t>(i))));
    return true;
  }

  // Whether a vector of `bytes` each, or a string, is there in full.
  bool Has(size_t table, int slot, uint64_t bytes) const {
    const size_t vector = Follow(table, slot);
    return vector != 0 && Holds(vector, 4 + bytes * U32(vector));
  }

 private:
  size_t Place(size_t table, int slot) const {
    if (table == 0 || !Holds(table, 4)) return 0;
    const int64_t vtable = static_cast<int64_t>(table) - static_cast<int32_t>(U32(table));
    if (vtable < 0 || !Holds(static_cast<size_t>(vtable), 4)) return 0;
    const size_t at = static_cast<size_t>(vtable) + 4 + 2 * static_cast<size_t>(slot);
    if (4 + 2 * static_cast<size_t>(slot) + 2 > U16(static_cast<size_t>(vtable)) || !Holds(at, 2) || U16(at) == 0)
      return 0;
    return table + U16(at);
  }
  bool Holds(size_t at, uint64_t bytes) const { return at <= size_ && size_ - at >= bytes; }
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

}  // namespace bnn
